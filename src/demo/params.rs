//! The parameters of a request.

use std::fmt;

use axum::http::{HeaderMap, header};
use url::form_urlencoded;

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
