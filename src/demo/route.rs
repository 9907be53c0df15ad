//! The issuer's routes by name, and the record of what reached them.

use std::fmt;

use axum::http::{HeaderMap, Method, header};
use url::form_urlencoded;

/// The path of [`Route::AccountsCheck`], below the issuer's URL.
pub(super) const ACCOUNTS_CHECK: &str = "/backend-api/wham/accounts/check";

/// A route that the issuer serves. Faults, gates and the request log refer to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Route {
    /// `GET /oauth/authorize`: the consent page.
    Authorize,
    /// `POST /oauth/authorize/decision`: the consent page's buttons.
    Decision,
    /// `POST /oauth/token`: every grant.
    Token,
    /// `POST /oauth/revoke`.
    Revoke,
    /// `POST /api/accounts/deviceauth/usercode`: a device asks for a code.
    UserCode,
    /// `POST /api/accounts/deviceauth/token`: a device asks whether it was approved.
    DeviceToken,
    /// `/codex/device`: the page where the person types the user code, and its buttons.
    DevicePage,
    /// `GET /api/accounts/v1/user-auth-credential/whoami`: whose a personal access token is.
    WhoAmI,
    /// `GET /backend-api/wham/accounts/check`: which workspaces a session is good for.
    AccountsCheck,
    /// `POST /v1/billing/redeem_credits`.
    RedeemCredits,
    /// `GET /org-setup`: where a new organization is finished.
    OrgSetup,
    /// Any other path.
    Other,
}

impl Route {
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/oauth/authorize" => Self::Authorize,
            "/oauth/authorize/decision" => Self::Decision,
            "/oauth/token" => Self::Token,
            "/oauth/revoke" => Self::Revoke,
            "/api/accounts/deviceauth/usercode" | "/oauth/device/code" => Self::UserCode,
            "/api/accounts/deviceauth/token" | "/oauth/device/token" => Self::DeviceToken,
            "/codex/device" | "/device" => Self::DevicePage,
            "/api/accounts/v1/user-auth-credential/whoami" => Self::WhoAmI,
            ACCOUNTS_CHECK => Self::AccountsCheck,
            "/v1/billing/redeem_credits" => Self::RedeemCredits,
            "/org-setup" => Self::OrgSetup,
            _ => Self::Other,
        }
    }
}

/// One request as the issuer received it.
///
/// Unlike a real issuer's log it holds the parameters in the clear; they are worth nothing
/// outside the demo.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received {
    /// The route it came to.
    pub route: Route,
    /// The HTTP method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The parameters.
    pub params: Params,
}

impl Received {
    /// Returns the first value of a parameter, from query, form or JSON.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }
}

/// The encoding of a request's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// In the URL's query; there was no body.
    Query,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// A JSON object. Values that are not strings appear as JSON text.
    Json,
    /// A body of some other type, or one that could not be read.
    Unknown,
}

/// A request's parameters, in the order in which they were sent.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Params {
    /// Their encoding.
    pub encoding: Encoding,
    /// Names and values.
    pub pairs: Vec<(String, String)>,
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ", self.encoding)?;
        f.debug_map()
            .entries(self.pairs.iter().map(|(name, value)| (name, value)))
            .finish()
    }
}

impl Params {
    pub(super) fn read(query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Self {
        if body.is_empty() {
            return Self {
                encoding: Encoding::Query,
                pairs: urlencoded(query.unwrap_or_default().as_bytes()),
            };
        }
        let (encoding, pairs) = match content_type(headers) {
            "application/x-www-form-urlencoded" => (Encoding::Form, urlencoded(body)),
            "application/json" => match serde_json::from_slice(body) {
                Ok(serde_json::Value::Object(object)) => (Encoding::Json, flatten(object)),
                _ => (Encoding::Unknown, Vec::new()),
            },
            _ => (Encoding::Unknown, Vec::new()),
        };
        Self { encoding, pairs }
    }

    /// Returns the first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.pairs.iter();
        pairs.find_map(|(n, value)| (n == name).then_some(value.as_str()))
    }

    /// Returns the first parameter that was sent twice, which is forbidden (RFC 6749,
    /// sections 3.1 and 3.2).
    pub(super) fn duplicate(&self) -> Option<&str> {
        self.pairs.iter().enumerate().find_map(|(i, (name, _))| {
            let earlier = self.pairs.iter().take(i).any(|(n, _)| n == name);
            earlier.then_some(name.as_str())
        })
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value.and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

fn urlencoded(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn flatten(object: serde_json::Map<String, serde_json::Value>) -> Vec<(String, String)> {
    let text = |value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    object.into_iter().map(|(n, v)| (n, text(v))).collect()
}
