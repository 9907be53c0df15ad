//! The address and the headers of API requests.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::auth::file::account::{Account, Mode};
use crate::auth::issuer::Issuer;
use crate::environment::Environment;
use crate::error::{Error, Result};

/// Settings for the endpoint. Blank texts count as absent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApiEndpointOptions {
    /// The base URL for every kind of credentials, whichever issuer they are from. It takes
    /// precedence over the product's own.
    pub base_url: Option<String>,
    /// The organization that an API key is used for.
    pub organization: Option<String>,
    /// The project that an API key is used for.
    pub project: Option<String>,
    /// The originator sent to the API; `None` means the product's own.
    pub originator: Option<String>,
    /// The originator's version, which is sent only with an originator.
    pub version: String,
}

impl Default for ApiEndpointOptions {
    fn default() -> Self {
        Self {
            base_url: None,
            organization: None,
            project: None,
            originator: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl ApiEndpointOptions {
    /// Reads the variables that the product names, unless the issuer is another than the
    /// product's own: its bearer must not go to an address that was meant for the product's.
    pub fn from_environment(issuer: &Issuer, environment: &Environment) -> Self {
        let variables = issuer.product().api.variables.as_ref();
        let Some(variables) = variables.filter(|_| issuer.is_products_own()) else {
            return Self::default();
        };
        let value = |name: &str| environment.get(name).map(str::to_owned);
        Self {
            base_url: value(&variables.base_url),
            organization: value(&variables.organization),
            project: value(&variables.project),
            ..Self::default()
        }
    }
}

/// The base URL and headers for a host's API requests.
#[derive(Clone, Debug)]
#[non_exhaustive]
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
        issuer: &Issuer,
        settings: &ApiEndpointOptions,
        account: &Account,
        bearer: &SecretString,
    ) -> Result<Self> {
        let product = issuer.product();
        let names = &product.api.headers;
        let mut headers = HeaderMap::new();
        let bearer = SecretString::from(format!("Bearer {}", bearer.expose_secret()));
        add(&mut headers, "authorization", bearer.expose_secret())?;
        let default_url = if account.mode == Mode::ApiKey {
            for (header, value) in [
                (names.organization, &settings.organization),
                (names.project, &settings.project),
            ] {
                if let (Some(header), Some(value)) = (header, non_blank(value.as_deref())) {
                    add(&mut headers, header, value)?;
                }
            }
            &product.api.api_key
        } else {
            if let Some(header) = names.account {
                let id = account.account_id.as_deref();
                let id = id.ok_or_else(|| {
                    let name = &product.account;
                    Error::not_signed_in(format!("{name} account ID not available, sign in again"))
                })?;
                add(&mut headers, header, id)?;
            }
            &product.api.account
        };
        let originator = settings.originator.as_deref();
        let originator = originator.unwrap_or(&product.protocol.originator);
        if !originator.is_empty() {
            add(&mut headers, "originator", originator)?;
            add(&mut headers, "version", &settings.version)?;
        }
        // Another issuer's bearer must not be sent to the default URL.
        let default_url = default_url.as_deref().filter(|_| issuer.is_products_own());
        let base_url = non_blank(settings.base_url.as_deref()).or(default_url);
        let base_url = base_url.ok_or_else(|| {
            let issuer = issuer.url();
            Error::usage(format!("No API base URL is known for the issuer {issuer}"))
                .with_hint("Set the base URL of the API that takes its tokens")
        })?;
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            headers,
            store: account.mode == Mode::ApiKey,
        })
    }
}

fn add(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<()> {
    let header = HeaderName::from_lowercase(name.as_bytes()).ok();
    let (Some(header), Ok(mut value)) = (header, HeaderValue::from_str(value)) else {
        // The value is not quoted, because it may be a secret.
        let message = format!("The header {name} or its value contains an invalid character");
        return Err(Error::usage(message));
    };
    value.set_sensitive(header == AUTHORIZATION);
    headers.insert(header, value);
    Ok(())
}

fn non_blank(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
