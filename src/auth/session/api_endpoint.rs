//! Where API requests go, and what they carry.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::auth::account::{Account, Mode};
use crate::auth::authorize_url::ORIGINATOR;
use crate::auth::issuer_url::IssuerUrl;
use crate::environment::Environment;
use crate::error::{Error, Result};

/// Where subscriptions are served.
const CHATGPT_BASE_URL: &str = "https://chatgpt.com/backend-api/codex";

/// Where API keys are served.
const API_BASE_URL: &str = "https://api.openai.com/v1";

/// What changes the endpoint: the environment's part of it, as a plain value. Blank texts
/// count as absent.
#[derive(Clone, Debug)]
pub struct ApiEndpointOptions {
    /// `OPENAI_BASE_URL`: wins in both modes.
    pub base_url: Option<String>,
    /// `OPENAI_ORGANIZATION`: sent with an API key.
    pub organization: Option<String>,
    /// `OPENAI_PROJECT`: sent with an API key.
    pub project: Option<String>,
    /// Who the API is told is asking.
    pub originator: String,
    /// Which version of it.
    pub version: String,
}

impl Default for ApiEndpointOptions {
    fn default() -> Self {
        Self {
            base_url: None,
            organization: None,
            project: None,
            originator: ORIGINATOR.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl ApiEndpointOptions {
    /// Takes over `OPENAI_BASE_URL`, `OPENAI_ORGANIZATION` and `OPENAI_PROJECT`.
    pub fn from_environment(environment: &Environment) -> Self {
        let value = |name| environment.get(name).map(str::to_owned);
        Self {
            base_url: value("OPENAI_BASE_URL"),
            organization: value("OPENAI_ORGANIZATION"),
            project: value("OPENAI_PROJECT"),
            ..Self::default()
        }
    }
}

/// What a host sends API requests with.
#[derive(Clone, Debug)]
pub struct ApiEndpoint {
    /// Without a trailing slash.
    pub base_url: String,
    /// `Authorization` and what belongs to it; secret values are marked sensitive, so that
    /// `Debug` does not show them.
    pub headers: HeaderMap,
    /// `store` in a request's body. The ChatGPT endpoint takes only `false`; with an API key
    /// `true` is the API's own default, and the host may choose.
    pub store: bool,
}

impl ApiEndpoint {
    pub(super) fn new(
        issuer: &IssuerUrl,
        settings: &ApiEndpointOptions,
        account: &Account,
        bearer: &SecretString,
    ) -> Result<Self> {
        let mut headers = Headers(HeaderMap::new());
        let bearer = SecretString::from(format!("Bearer {}", bearer.expose_secret()));
        headers.add(AUTHORIZATION, bearer.expose_secret(), true)?;
        let name = HeaderName::from_static;
        let default_url = if account.mode == Mode::ApiKey {
            for (header, value) in [
                ("openai-organization", &settings.organization),
                ("openai-project", &settings.project),
            ] {
                if let Some(value) = non_blank(value.as_deref()) {
                    headers.add(name(header), value, false)?;
                }
            }
            API_BASE_URL
        } else {
            let id = account.account_id.as_deref().ok_or_else(no_account_id)?;
            headers.add(name("chatgpt-account-id"), id, false)?;
            CHATGPT_BASE_URL
        };
        headers.add(name("originator"), &settings.originator, false)?;
        headers.add(name("version"), &settings.version, false)?;
        let base_url = match non_blank(settings.base_url.as_deref()) {
            Some(base_url) => base_url,
            None if issuer.is_default() => default_url,
            None => return Err(no_base_url(issuer)),
        };
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            headers: headers.0,
            store: account.mode == Mode::ApiKey,
        })
    }
}

struct Headers(HeaderMap);

impl Headers {
    fn add(&mut self, name: HeaderName, value: &str, secret: bool) -> Result<()> {
        let mut header = HeaderValue::from_str(value).map_err(|_| {
            // The value may be a secret: it is not quoted.
            let message = format!("The value for the header {name} holds a character it may not");
            Error::usage(message)
        })?;
        header.set_sensitive(secret);
        self.0.insert(name, header);
        Ok(())
    }
}

/// OpenAI's endpoints are no place for another issuer's bearer.
fn no_base_url(issuer: &IssuerUrl) -> Error {
    Error::usage(format!("No API base URL is known for the issuer {issuer}"))
        .with_hint("Set the base URL of the API that takes its tokens")
}

fn no_account_id() -> Error {
    Error::not_signed_in("ChatGPT account ID not available, sign in again")
}

fn non_blank(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
