//! The issuer's answers: JSON and what it must hold, or a refusal.

use reqwest::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::text::{clean, clean_short};

/// The issuer's answer: JSON, or a refusal.
pub type Answer = std::result::Result<Value, Refusal>;

/// Returns the text called `name` in an answer, unless it is missing or empty.
pub fn text<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    let text = answer.get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
}

/// Returns the text called `name` in an answer.
///
/// # Errors
/// [`lacks`]
pub fn required<'a>(answer: &'a Value, name: &str) -> Result<&'a str> {
    text(answer, name).ok_or_else(|| lacks(name))
}

/// Creates the error for an answer without `name`.
pub fn lacks(name: &str) -> Error {
    Error::issuer(format!("The issuer's answer lacks {name}"))
        .with_hint("Try again in a few minutes")
}

/// The issuer's refusal (RFC 6749, section 5.2, or OpenAI's `error` object).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// `error`, or `error.code`. Cleaned.
    pub code: Option<String>,
    /// `error_description`, or `error.message`. Cleaned, at most 300 characters.
    pub description: Option<String>,
}

impl Refusal {
    /// Reads an error body, without the secrets that were `sent`: issuers and proxies have
    /// been seen to repeat a request.
    pub(super) fn read(status: StatusCode, body: &[u8], sent: &[&SecretString]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let short = |value: Option<&Value>| {
            // Cleaned first, because invisible characters could split a secret; cut last,
            // because half of one would stay.
            let text = without(sent, clean(value?.as_str()?));
            let text = clean_short(&text, 300);
            (!text.is_empty()).then_some(text)
        };
        let error = body.get("error");
        Self {
            status: status.as_u16(),
            code: short(error)
                .or_else(|| short(error?.get("code")))
                .or_else(|| short(body.get("code"))),
            description: short(body.get("error_description"))
                .or_else(|| short(error?.get("message"))),
        }
    }

    /// Returns one line: `HTTP 400: invalid_grant: the code has expired`, at most 300 characters.
    pub fn summary(&self) -> String {
        let mut line = format!("HTTP {}", self.status);
        for part in [&self.code, &self.description].into_iter().flatten() {
            line.push_str(": ");
            line.push_str(part);
        }
        clean_short(&line, 300)
    }

    /// Turns it into an error with `message` on top.
    pub fn into_error(self, message: &str) -> Error {
        let kind = match self.code.as_deref() {
            Some("access_denied") => ErrorKind::Denied,
            _ => ErrorKind::Issuer,
        };
        let hint = match self.status {
            429 => "Too many attempts: wait a few minutes, then try again",
            500.. => "The issuer has a problem: try again in a few minutes",
            _ => "Try again; if it happens again, sign in another way",
        };
        let error = Error::new(kind, message)
            .with_source(self.summary())
            .with_hint(hint);
        match self.code {
            Some(code) => error.with_issuer_code(code),
            None => error,
        }
    }
}

/// Hides the secrets in `text`, also in the spelling of a form.
fn without(secrets: &[&SecretString], text: String) -> String {
    let secrets = secrets.iter().map(|secret| secret.expose_secret());
    secrets
        // A shorter text is no secret, and could be part of any word.
        .filter(|secret| secret.len() >= 4)
        .fold(text, |text, secret| {
            let in_form: String = byte_serialize(secret.as_bytes()).collect();
            text.replace(secret, HIDDEN).replace(&in_form, HIDDEN)
        })
}

const HIDDEN: &str = "[hidden]";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(body: &str) -> String {
        Refusal::read(StatusCode::BAD_REQUEST, body.as_bytes(), &[]).summary()
    }

    #[test]
    fn a_secret_that_was_sent_is_blanked_out_of_a_refusal() {
        let (code, verifier) = ("ac_1/2+3".into(), "verifier".into());
        let sent = [&code, &verifier];
        let read = |body: Value| {
            let body = body.to_string();
            Refusal::read(StatusCode::BAD_REQUEST, body.as_bytes(), &sent).summary()
        };
        for repeated in ["ac_1/2+3", "ac_1%2F2%2B3", "ac\u{200b}_1/2+3"] {
            let body = json!({"error": repeated, "error_description": format!("<{repeated}>")});
            assert_eq!(read(body), "HTTP 400: [hidden]: <[hidden]>");
        }
        let body = json!({"error": {"code": "verifier", "message": "bad verifier"}});
        assert_eq!(read(body), "HTTP 400: [hidden]: bad [hidden]");
        let cut = json!({"error_description": format!("{} verifier", "x".repeat(290))});
        assert!(!read(cut).contains("ver"));
    }

    #[test]
    fn both_shapes_of_an_error_body_are_read() {
        assert_eq!(
            refusal(r#"{"error":"invalid_grant","error_description":"too old"}"#),
            "HTTP 400: invalid_grant: too old"
        );
        assert_eq!(
            refusal(r#"{"error":{"code":"refresh_token_reused","message":"used"}}"#),
            "HTTP 400: refresh_token_reused: used"
        );
        assert_eq!(refusal("<html>"), "HTTP 400");
        assert_eq!(refusal(r#"{"error":5}"#), "HTTP 400");
    }

    #[test]
    fn hostile_descriptions_are_cleaned_and_cut() {
        let body =
            json!({"error": "x\u{1b}[2J".repeat(999), "error_description": "y".repeat(9999)});
        let summary = refusal(&body.to_string());
        assert!(!summary.contains('\u{1b}') && summary.chars().count() <= 300);
    }
}
