//! The issuer's answers: the fields of the JSON, and answers that are not the issuer's.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use super::refusal::Refusal;
pub use crate::auth::file::claims::text;
use crate::error::{Error, Result};

/// The issuer's answer: JSON, or a refusal.
pub type Answer = std::result::Result<Value, Refusal>;

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

/// Checks that the issuer itself has answered.
///
/// # Errors
/// A proxy, a captive portal or a bot check has answered in its place. Its status and body then say
/// nothing about the request.
pub fn check_sender(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<()> {
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    let what = if headers.contains_key("cf-mitigated") {
        "a bot check"
    } else if status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED {
        "the network's own sign-in"
    } else if status.is_redirection() {
        "a redirect"
    } else if is_page(headers, body) && !is_json() {
        "a web page"
    } else {
        return Ok(());
    };
    let error = Error::network(format!(
        "Something in between answered instead of the issuer: HTTP {}, {what}",
        status.as_u16()
    ));
    let otherwise = if status.is_server_error() && what == "a web page" {
        "; if nothing is in between, the issuer has a problem: wait a few minutes"
    } else {
        ""
    };
    Err(error.with_hint(format!("{BETWEEN}{otherwise}")))
}

/// The hint when something between here and the issuer may have answered.
pub const BETWEEN: &str = "It may be a proxy, a network that wants you to sign in to it first, \
                           or a bot check: check the proxy settings, open any web page in a \
                           browser here, or use another network";

fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.contains("html") || body.trim_ascii_start().starts_with(b"<")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::error::ErrorKind;

    fn headers<const N: usize>(headers: [(&str, &str); N]) -> HeaderMap {
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        (&HashMap::from(headers)).try_into().unwrap()
    }

    #[test]
    fn what_is_not_the_issuers_answer_is_told_whatever_its_status() {
        let html = [("content-type", "text/html; charset=UTF-8")];
        for (status, headers, body, what) in [
            (200, headers(html), "<html>Welcome</html>", "a web page"),
            (400, headers([]), "\n <!DOCTYPE html>", "a web page"),
            (401, headers(html), "Just a moment...", "a web page"),
            (404, headers(html), "", "a web page"),
            (502, headers([]), "<html><b>502</b></html>", "a web page"),
            (
                302,
                headers([("location", "http://portal/")]),
                "",
                "a redirect",
            ),
            (307, headers([]), "{}", "a redirect"),
            (511, headers([]), "{}", "the network's own sign-in"),
            (
                403,
                headers([("cf-mitigated", "challenge")]),
                "{}",
                "a bot check",
            ),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = check_sender(status, &headers, body.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Network);
            let said = error.message();
            assert!(
                said.contains(what) && said.contains(status.as_str()),
                "{said}"
            );
            let hint = error.hint().unwrap().to_lowercase();
            assert!(
                hint.contains("proxy") && !hint.contains("try again"),
                "{hint}"
            );
        }
    }

    #[test]
    fn json_is_the_issuers_answer_however_it_is_labelled() {
        let html = headers([("content-type", "text/html")]);
        for (status, body) in [
            (200, "{}"),
            (400, r#"{"error":"invalid_grant"}"#),
            (503, ""),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let headers = if body.is_empty() {
                &HeaderMap::new()
            } else {
                &html
            };
            assert!(
                check_sender(status, headers, body.as_bytes()).is_ok(),
                "{status}"
            );
        }
    }
}
