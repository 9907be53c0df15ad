//! The issuer: its endpoints, and how requests reach them.

pub(in crate::auth) mod answer;
pub(in crate::auth) mod authorize_url;
pub(in crate::auth) mod credits;
pub(in crate::auth) mod device_code;
pub(in crate::auth) mod http;
#[cfg(feature = "cli")]
pub(in crate::auth) mod probe;
pub(in crate::auth) mod proxy;
pub(in crate::auth) mod refusal;
pub(in crate::auth) mod tls;
pub(in crate::auth) mod token_endpoint;

use std::fmt;
use std::sync::{Arc, OnceLock};

use reqwest::{Client, Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};

use super::issuer_url::IssuerUrl;
use crate::auth::file::auth_file::Tokens;
use crate::environment::Environment;
use crate::error::Result;
use crate::product::{Product, codex::DEFAULT_CLIENT_ID};
use answer::Answer;
use device_code::Pace;
use http::Timeouts;
use proxy::{Proxy, ProxySettings};
use tls::CaFile;

/// The issuer with the settings for talking to it. Cheap to clone; clones share one HTTP
/// client.
#[derive(Clone)]
pub struct Issuer {
    url: IssuerUrl,
    client_id: String,
    product: Arc<Product>,
    /// The accounts API's address, when it is not at the issuer.
    accounts_api: Option<IssuerUrl>,
    pace: Pace,
    timeouts: Timeouts,
    ca_file: Option<CaFile>,
    proxies: ProxySettings,
    /// The host's own client, which ignores the three settings above.
    given_client: Option<Client>,
    clients: Arc<Clients>,
}

/// The clients, each once it is built: its connections are used again.
#[derive(Default)]
struct Clients {
    /// For `https`.
    tls: OnceLock<Result<Client>>,
    /// For plain http on this machine.
    plain: OnceLock<Result<Client>>,
}

impl Issuer {
    /// Creates the issuer. Nothing is built or sent yet.
    pub fn new(url: IssuerUrl, client_id: impl Into<String>, ca_file: Option<CaFile>) -> Self {
        Self {
            url,
            client_id: client_id.into(),
            product: Arc::new(Product::codex()),
            accounts_api: None,
            pace: Pace::default(),
            timeouts: Timeouts::default(),
            ca_file,
            proxies: ProxySettings::from_environment(&Environment::of_process()),
            given_client: None,
            clients: Arc::default(),
        }
    }

    /// Returns OpenAI's issuer with the Codex CLI's client id.
    pub fn openai() -> Self {
        Self::new(IssuerUrl::openai(), DEFAULT_CLIENT_ID, None)
    }

    /// Replaces the timeouts of its requests.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self.clients = Arc::default();
        self
    }

    /// Replaces the pace of polling for a device code's approval.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Replaces the product to sign in to: its words, parameters and paths.
    #[must_use]
    pub fn with_product(mut self, product: Product) -> Self {
        self.product = Arc::new(product);
        self.clients = Arc::default();
        self
    }

    /// Replaces the proxies, which are those of this process's environment by default.
    #[must_use]
    pub fn with_proxies(mut self, proxies: ProxySettings) -> Self {
        self.proxies = proxies;
        self.clients = Arc::default();
        self
    }

    /// Sends its requests with the host's own client. That client's proxies, certificate
    /// authorities and user agent apply, and [`CaFile`] does not. It should not follow
    /// redirects, because one could carry a token to another host.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.given_client = Some(client);
        self
    }

    /// Looks up the owner of a personal access token at `base` instead of the issuer's own
    /// accounts API.
    #[must_use]
    pub fn with_accounts_api(mut self, base: IssuerUrl) -> Self {
        self.accounts_api = Some(base);
        self
    }

    /// Returns whether this is the product's own issuer. Only then does the product's API take its
    /// bearers, and only then can the product's API keys be used here.
    pub(super) fn is_products_own(&self) -> bool {
        let of = self.product.api.issuer.as_ref();
        of.is_none_or(|of| *of == self.url.to_string())
    }

    /// Returns whether the accounts API has an address of its own.
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

    /// Describes where certificate authorities come from.
    #[cfg(feature = "cli")]
    pub(crate) fn authorities(&self) -> String {
        if self.url.is_loopback_http() {
            return "none: a loopback issuer needs no TLS".to_owned();
        }
        tls::sources(self.ca_file.as_ref())
    }

    /// Checks without the network that requests can be sent.
    ///
    /// # Errors
    /// TLS has no cryptography provider, or the proxy cannot be used. Never when the issuer needs
    /// neither, or the host has passed in a client.
    pub(crate) fn check_reachable(&self) -> Result<()> {
        self.check_tls()?;
        self.proxy().map(drop)
    }

    /// Returns the proxy for its requests.
    ///
    /// # Errors
    /// The variable that names it cannot be used.
    pub(crate) fn proxy(&self) -> Result<Option<&Proxy>> {
        self.proxy_for(&self.url.to_string())
    }

    /// Returns the proxies that are set.
    #[cfg(feature = "cli")]
    pub(crate) fn proxies(&self) -> &ProxySettings {
        &self.proxies
    }

    /// Returns this issuer with the client id that the tokens were issued to. Only that client may
    /// refresh or revoke them (RFC 6749, section 6; RFC 7009, section 2.1).
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind) when this issuer may not see them (threat 21).
    pub(super) fn of_grant(&self, tokens: &Tokens) -> Result<Self> {
        tokens.check_issuer(self.url())?;
        let mut issuer = self.clone();
        if let Some(client_id) = tokens.client_id() {
            client_id.clone_into(&mut issuer.client_id);
        }
        Ok(issuer)
    }

    /// GETs JSON from an address of the product's API with a bearer. `with` adds headers.
    pub(super) async fn get(
        &self,
        address: &str,
        bearer: &SecretString,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer> {
        let request = self.request(Method::GET, address).await?;
        let request = request.bearer_auth(bearer.expose_secret());
        self.json(with(request), &[bearer]).await
    }

    /// Asks the accounts API who owns `bearer`.
    pub(super) async fn ask_for_owner(&self, bearer: &SecretString) -> Result<Answer> {
        let protocol = &self.product.protocol;
        let base = match &self.accounts_api {
            Some(base) => base.to_string(),
            None => self.url.endpoint(&protocol.accounts_api_path),
        };
        let address = format!("{base}{}", protocol.owner_path);
        self.get(&address, bearer, |request| request).await
    }

    /// POSTs to a path of the issuer's; `with` adds a body that holds these secrets.
    async fn post(
        &self,
        path: &str,
        secrets: &[&SecretString],
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer> {
        let endpoint = self.url.endpoint(path);
        let request = self.request(Method::POST, &endpoint).await?;
        self.json(with(request), secrets).await
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

#[cfg(all(test, feature = "demo"))]
mod tests;
