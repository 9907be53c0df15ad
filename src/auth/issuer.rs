//! Requests to the issuer's endpoints, and checks of the answers.

pub(in crate::auth) mod answer;
pub(in crate::auth) mod api_key_exchange;
pub(in crate::auth) mod authorize_url;
pub(in crate::auth) mod credits;
pub(in crate::auth) mod device_code;
pub(in crate::auth) mod hop;
pub(in crate::auth) mod http;
pub(in crate::auth) mod pace;
pub(in crate::auth) mod pkce;
#[cfg(feature = "cli")]
pub(in crate::auth) mod probe;
pub(in crate::auth) mod proxy;
pub(in crate::auth) mod timeouts;
pub(in crate::auth) mod tls;
use std::fmt;
use std::sync::Arc;

use reqwest::RequestBuilder;
use reqwest::header::ACCEPT;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::issuer_url::IssuerUrl;
use crate::auth::file::auth_file::Tokens;
use crate::error::{Error, Result};
use crate::product::{Product, codex::DEFAULT_CLIENT_ID};
use answer::{Answer, Refusal, required, text};
use http::Http;
use pace::Pace;
use proxy::{Proxy, ProxySettings};
use timeouts::Timeouts;
use tls::CaFile;

/// The issuer with the settings for talking to it. Cheap to clone; clones share one HTTP
/// client.
#[derive(Clone)]
pub struct Issuer {
    url: IssuerUrl,
    client_id: String,
    http: Http,
    pace: Pace,
    product: Arc<Product>,
    /// The accounts API's address, when it is not at the issuer.
    accounts_api: Option<(IssuerUrl, Http)>,
}

/// An authorization code and what it must be redeemed with.
#[derive(Debug)]
pub struct CodeGrant {
    /// From the callback, or from the device endpoint.
    pub code: SecretString,
    /// The secret half of the PKCE pair (RFC 7636, section 4.5).
    pub code_verifier: SecretString,
    /// Must be the one of the authorization request (RFC 6749, section 4.1.3).
    pub redirect_uri: String,
}

impl Issuer {
    /// Creates the issuer. Nothing is built or sent yet.
    pub fn new(url: IssuerUrl, client_id: impl Into<String>, ca_file: Option<CaFile>) -> Self {
        let product = Arc::new(Product::codex());
        let http = Http::new(url.is_loopback_http(), ca_file, &product);
        Self {
            url,
            client_id: client_id.into(),
            http,
            pace: Pace::default(),
            product,
            accounts_api: None,
        }
    }

    /// Returns OpenAI's issuer with the Codex CLI's client id.
    pub fn openai() -> Self {
        Self::new(IssuerUrl::openai(), DEFAULT_CLIENT_ID, None)
    }

    /// Replaces the timeouts of its requests.
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self {
            http: self.http.with_timeouts(timeouts),
            ..self
        }
    }

    /// Replaces the pace of polling for a device code's approval.
    #[must_use]
    pub fn with_pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Replaces the product to sign in to: its words, parameters and paths.
    #[must_use]
    pub fn with_product(self, product: Product) -> Self {
        let product = Arc::new(product);
        Self {
            http: self.http.with_product(&product),
            product,
            ..self
        }
    }

    /// Replaces the proxies of this process's environment, which count otherwise.
    #[must_use]
    pub fn with_proxies(self, proxies: ProxySettings) -> Self {
        let accounts_api = self.accounts_api;
        Self {
            accounts_api: accounts_api
                .map(|(base, http)| (base, http.with_proxies(proxies.clone()))),
            http: self.http.with_proxies(proxies),
            ..self
        }
    }

    /// Sends its requests with a client that the host has: its proxies, certificate
    /// authorities and user agent count, and [`CaFile`] does not. It should follow no
    /// redirects, because one could carry a token to another host.
    #[must_use]
    pub fn with_client(self, client: reqwest::Client) -> Self {
        Self {
            http: self.http.with_client(client),
            ..self
        }
    }

    /// Asks for the owner of a personal access token at `base` instead of the issuer's own
    /// accounts API.
    #[must_use]
    pub fn with_accounts_api(self, base: IssuerUrl) -> Self {
        let http = self.http.for_other_host(base.is_loopback_http());
        Self {
            accounts_api: Some((base, http)),
            ..self
        }
    }

    /// Returns whether the product's API takes its bearers, and whether the product's own API keys
    /// mean anything beside them.
    pub(super) fn is_products_own(&self) -> bool {
        let of = self.product.api.issuer.as_ref();
        of.is_none_or(|of| *of == self.url.to_string())
    }

    /// Returns whether the accounts API is elsewhere than at the issuer.
    pub(super) fn has_accounts_api(&self) -> bool {
        self.accounts_api.is_some()
    }

    /// Returns the product to sign in to.
    pub fn product(&self) -> &Arc<Product> {
        &self.product
    }

    /// Returns the pace of polling for a device code's approval.
    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// Returns the base URL.
    pub fn url(&self) -> &IssuerUrl {
        &self.url
    }

    /// Returns the client id that all requests carry.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Describes where certificate authorities are looked for.
    #[cfg(feature = "cli")]
    pub(crate) fn authorities(&self) -> String {
        self.http.authorities()
    }

    /// Checks, without the network, that requests can be sent: TLS has a cryptography provider,
    /// and a proxy that is set can be used.
    ///
    /// # Errors
    /// What is missing. Never for an issuer that needs neither, or with a client of the host's.
    pub(crate) fn check_reachable(&self) -> Result<()> {
        self.http.check_tls()?;
        self.proxy().map(drop)
    }

    /// As [`Issuer::check_reachable`], for TLS alone.
    #[cfg(feature = "screen")]
    pub(crate) fn check_tls(&self) -> Result<()> {
        self.http.check_tls()
    }

    /// Returns the proxy for its requests.
    ///
    /// # Errors
    /// The variable that names it cannot be used.
    pub(crate) fn proxy(&self) -> Result<Option<&Proxy>> {
        self.http.proxy_for(&self.url.to_string())
    }

    /// Returns the proxies that are set.
    #[cfg(feature = "cli")]
    pub(crate) fn proxies(&self) -> &ProxySettings {
        self.http.proxies()
    }

    #[cfg(feature = "cli")]
    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    /// Returns the issuer as the client that the tokens were issued to, which alone may refresh or
    /// revoke them (RFC 6749, section 6; RFC 7009, section 2.1).
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind) when this issuer may not see them (threat 21).
    pub(super) fn of_grant(&self, tokens: &Tokens) -> Result<Self> {
        tokens.check_issuer(self.url())?;
        Ok(match tokens.client_id() {
            Some(client_id) => Self {
                client_id: client_id.to_owned(),
                ..self.clone()
            },
            None => self.clone(),
        })
    }

    /// Builds the HTTP client in the background, before it is needed.
    pub(crate) fn warm_up(&self) {
        self.http.warm_up();
    }

    /// Redeems an authorization code (RFC 6749, section 4.1.3; RFC 7636, section 4.5).
    ///
    /// # Errors
    /// "Token exchange failed", with the cause below it.
    pub(crate) async fn exchange_code(&self, grant: &CodeGrant) -> Result<Tokens> {
        let answer = self
            .post_form(
                &[&grant.code, &grant.code_verifier],
                &[
                    ("grant_type", "authorization_code"),
                    ("code", grant.code.expose_secret()),
                    ("redirect_uri", &grant.redirect_uri),
                    ("client_id", &self.client_id),
                    ("code_verifier", grant.code_verifier.expose_secret()),
                ],
            )
            .await;
        let tokens = match answer {
            Ok(Ok(answer)) => read_tokens(&answer),
            Ok(Err(refusal)) => return Err(refusal.into_error(EXCHANGE_FAILED)),
            Err(error) => Err(error),
        };
        tokens.map_err(|cause| cause.under(EXCHANGE_FAILED))
    }

    /// Refreshes a session (RFC 6749, section 6). A token missing in the answer is `None`; the
    /// refresh token is spent once the issuer has answered.
    ///
    /// # Errors
    /// The inner error is the issuer's refusal; the outer one means no usable answer.
    pub(crate) async fn refresh(
        &self,
        refresh_token: &SecretString,
    ) -> Result<std::result::Result<Tokens, Refusal>> {
        let mut body = json!({
            "client_id": self.client_id,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token.expose_secret(),
        });
        let protocol = &self.product.protocol;
        if !protocol.refresh_scope.is_empty() {
            body["scope"] = json!(protocol.refresh_scope);
        }
        let answer = match self
            .post_json(&protocol.token_path, &[refresh_token], &body)
            .await
        {
            Ok(Ok(answer)) => answer,
            Ok(Err(refusal)) => return Ok(Err(refusal)),
            Err(error) => return Err(error.under(REFRESH_FAILED)),
        };
        let secret = |name| text(&answer, name).map(SecretString::from);
        let tokens = Tokens {
            id_token: secret("id_token"),
            access_token: secret("access_token"),
            refresh_token: secret("refresh_token"),
            ..Tokens::default()
        };
        if tokens.id_token.is_none() && !tokens.hold_a_secret() {
            let cause = Error::issuer("The issuer's answer contains no token");
            let cause = cause.with_hint("Try again in a few minutes");
            return Err(cause.under(REFRESH_FAILED));
        }
        Ok(Ok(tokens))
    }

    /// POSTs a form that holds these secrets to the token endpoint.
    pub(super) async fn post_form(
        &self,
        secrets: &[&SecretString],
        form: &[(&str, &str)],
    ) -> Result<Answer> {
        let endpoint = self.url.endpoint(&self.product.protocol.token_path);
        self.http
            .json(secrets, |client| {
                client
                    .post(endpoint)
                    .header(ACCEPT, "application/json")
                    .form(form)
            })
            .await
    }

    /// POSTs JSON that holds these secrets to `{issuer}{path}`.
    pub(super) async fn post_json(
        &self,
        path: &str,
        secrets: &[&SecretString],
        body: &Value,
    ) -> Result<Answer> {
        self.post_json_to(self.url.endpoint(path), secrets, body)
            .await
    }

    /// POSTs JSON that holds these secrets to a URL of the issuer's house.
    pub(super) async fn post_json_to(
        &self,
        url: String,
        secrets: &[&SecretString],
        body: &Value,
    ) -> Result<Answer> {
        self.http
            .json(secrets, |client| {
                client
                    .post(url)
                    .header(ACCEPT, "application/json")
                    .json(body)
            })
            .await
    }

    /// GETs JSON from an address of the product's API with a bearer.
    pub(super) async fn get(
        &self,
        address: &str,
        bearer: &SecretString,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer> {
        let is_loopback = IssuerUrl::parse(address).is_ok_and(|url| url.is_loopback_http());
        let http = if is_loopback == self.url.is_loopback_http() {
            &self.http
        } else {
            &self.http.for_other_host(is_loopback)
        };
        http.json(&[bearer], |client| {
            let request = client.get(address).header(ACCEPT, "application/json");
            with(request.bearer_auth(bearer.expose_secret()))
        })
        .await
    }

    /// Asks the accounts API with `bearer` whose it is.
    pub(super) async fn ask_for_owner(&self, bearer: &SecretString) -> Result<Answer> {
        let protocol = &self.product.protocol;
        let (base, http) = match &self.accounts_api {
            Some((base, http)) => (base.to_string(), http),
            None => (self.url.endpoint(&protocol.accounts_api_path), &self.http),
        };
        let endpoint = format!("{base}{}", protocol.owner_path);
        http.json(&[bearer], |client| {
            client
                .get(endpoint)
                .header(ACCEPT, "application/json")
                .bearer_auth(bearer.expose_secret())
        })
        .await
    }

    /// Revokes a refresh token (RFC 7009).
    pub(crate) async fn revoke(&self, refresh_token: &SecretString) -> Result<()> {
        let body = json!({
            "token": refresh_token.expose_secret(),
            "token_type_hint": "refresh_token",
            "client_id": self.client_id,
        });
        let endpoint = self.url.endpoint(&self.product.protocol.revoke_path);
        let answer = self
            .http
            .status(&[refresh_token], |client| client.post(endpoint).json(&body))
            .await?;
        answer.map_err(|refusal| refusal.into_error("The issuer refused to revoke the session"))
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("url", &self.url.to_string())
            .field("client_id", &self.client_id)
            .field("product", &self.product.name)
            .finish_non_exhaustive()
    }
}

/// The message of every failed exchange, on the page and in the terminal.
pub const EXCHANGE_FAILED: &str = "Token exchange failed";

/// The message of every failed refresh.
pub const REFRESH_FAILED: &str = "Could not renew the session";

/// Reads all three tokens, or names the missing one.
fn read_tokens(answer: &Value) -> Result<Tokens> {
    let secret = |name| required(answer, name).map(SecretString::from);
    Ok(Tokens {
        id_token: Some(secret("id_token")?),
        access_token: Some(secret("access_token")?),
        refresh_token: Some(secret("refresh_token")?),
        ..Tokens::default()
    })
}

#[cfg(all(test, feature = "demo"))]
mod tests;
