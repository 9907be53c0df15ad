//! The answers of the JSON endpoints.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::params::Params;

/// A JSON endpoint's result.
pub(super) type JsonAnswer = Result<Response, ErrorAnswer>;

/// An error answer: its status and its JSON body.
#[derive(Debug)]
pub(super) struct ErrorAnswer(StatusCode, Value);

impl ErrorAnswer {
    /// Creates 400 with `error` and `error_description` (RFC 6749, section 5.2).
    pub(super) fn oauth(error: &str, description: &str) -> Self {
        let body = json!({"error": error, "error_description": description});
        Self(StatusCode::BAD_REQUEST, body)
    }

    /// Creates 401 in the shape that the real issuer uses for a session that is over.
    pub(super) fn session(code: &str, message: &str) -> Self {
        let error = json!({"code": code, "message": message, "type": "invalid_request_error"});
        Self(StatusCode::UNAUTHORIZED, json!({"error": error}))
    }

    /// Creates 403: the person has not decided about the device yet.
    pub(super) fn device_pending() -> Self {
        let code = "deviceauth_authorization_pending";
        let error = json!({"code": code, "message": "Not approved yet."});
        Self(StatusCode::FORBIDDEN, json!({"error": error}))
    }
}

impl IntoResponse for ErrorAnswer {
    fn into_response(self) -> Response {
        json_response(self.0, &self.1)
    }
}

/// Returns 200 with a JSON body.
pub(super) fn ok(body: &Value) -> Response {
    json_response(StatusCode::OK, body)
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (status, headers, body.to_string()).into_response()
}

impl Params {
    /// Returns a parameter that must be there and not empty.
    pub(super) fn required(&self, name: &str) -> Result<&str, ErrorAnswer> {
        let value = self.get(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| ErrorAnswer::oauth("invalid_request", &format!("{name} is missing")))
    }

    /// Refuses a request that says something twice (RFC 6749, section 3.2).
    pub(super) fn without_duplicates(&self) -> Result<&Self, ErrorAnswer> {
        match self.duplicate() {
            None => Ok(self),
            Some(name) => Err(ErrorAnswer::oauth(
                "invalid_request",
                &format!("{name} was sent twice"),
            )),
        }
    }
}
