//! The parameters of a request, and the answers in JSON.

use std::collections::HashSet;

use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

/// A request's parameters, in the order in which they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Params {
    /// Names and values. JSON values that are not strings appear as JSON text.
    pub pairs: Vec<(String, String)>,
    /// Set if they were sent as `application/x-www-form-urlencoded`.
    pub(super) is_form: bool,
    /// The token in the header (RFC 6750, section 2.1).
    pub(super) bearer: Option<String>,
}

impl Params {
    pub(super) fn read(head: &Parts, body: &[u8]) -> Self {
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = header(header::CONTENT_TYPE).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim();
        let is_form = content_type == "application/x-www-form-urlencoded";
        let pairs = if body.is_empty() {
            form_pairs(head.uri.query().unwrap_or_default().as_bytes())
        } else if is_form {
            form_pairs(body)
        } else if content_type == "application/json" {
            json_pairs(body)
        } else {
            Vec::new()
        };
        let bearer = header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        Self {
            pairs,
            is_form,
            bearer: bearer.map(str::to_owned),
        }
    }

    /// Returns the first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.pairs.iter();
        pairs.find_map(|(n, value)| (n == name).then_some(value.as_str()))
    }

    /// Returns the first value of a parameter, or an empty text.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Returns a parameter that must be there and not empty.
    pub(super) fn required(&self, name: &str) -> Result<&str, ErrorAnswer> {
        match self.text(name) {
            "" => Err(ErrorAnswer::oauth(
                "invalid_request",
                &format!("{name} is missing"),
            )),
            text => Ok(text),
        }
    }

    /// Returns the first parameter that was sent twice, which is forbidden (RFC 6749,
    /// sections 3.1 and 3.2).
    pub(super) fn duplicate(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        let mut names = self.pairs.iter().map(|(name, _)| name.as_str());
        names.find(|name| !seen.insert(*name))
    }

    /// Checks that the registered client sent them, and none of them twice.
    pub(super) fn check(&self, client_id: &str) -> Result<(), ErrorAnswer> {
        if let Some(name) = self.duplicate() {
            let text = format!("{name} was sent twice");
            return Err(ErrorAnswer::oauth("invalid_request", &text));
        }
        if self.required("client_id")? != client_id {
            return Err(ErrorAnswer::oauth("invalid_client", "unknown client_id"));
        }
        Ok(())
    }
}

fn form_pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn json_pairs(body: &[u8]) -> Vec<(String, String)> {
    let object: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let text = |value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    object.into_iter().map(|(n, v)| (n, text(v))).collect()
}

/// A JSON endpoint's result.
pub(super) type JsonAnswer = Result<Value, ErrorAnswer>;

/// An error answer: its status and its JSON body.
#[derive(Debug)]
pub(super) struct ErrorAnswer(StatusCode, Value);

impl ErrorAnswer {
    /// Creates 400 with `error` and `error_description` (RFC 6749, section 5.2).
    pub(super) fn oauth(error: &str, description: &str) -> Self {
        let body = json!({"error": error, "error_description": description});
        Self(StatusCode::BAD_REQUEST, body)
    }

    /// Creates an error in the real issuer's own shape.
    pub(super) fn openai(status: StatusCode, code: &str, message: &str) -> Self {
        let error = json!({"code": code, "message": message, "type": "invalid_request_error"});
        Self(status, json!({"error": error}))
    }

    /// Creates 401 for a token that is invalid or no longer valid.
    pub(super) fn unauthorized(code: &str, message: &str) -> Self {
        Self::openai(StatusCode::UNAUTHORIZED, code, message)
    }
}

/// Sends a JSON endpoint's result.
pub(super) fn send(answer: JsonAnswer) -> Response {
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(ErrorAnswer(status, body)) => (status, body),
    };
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (status, headers, body.to_string()).into_response()
}
