//! The issuer's refusals: their contents, and the errors that they become.

use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use crate::error::{Error, ErrorKind};
use crate::product::Product;
use crate::text::{clean, clean_short};

/// The issuer's refusal (RFC 6749, section 5.2, or OpenAI's `error` object).
#[derive(Clone, Debug, Default)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// `error`, or `error.code`. Cleaned.
    pub code: Option<String>,
    /// `error_description`, or `error.message`. Cleaned, at most 300 characters.
    pub description: Option<String>,
    /// `Retry-After` (RFC 9110, section 10.2.3).
    pub retry_after: Option<Duration>,
    /// The error to show when no further attempt can succeed.
    pub lasting: Option<Error>,
}

impl Refusal {
    /// Reads an error body. The secrets that were `sent` are removed, because some issuers and
    /// proxies repeat the request.
    pub(in crate::auth) fn read(
        product: &Product,
        (status, headers): (StatusCode, &HeaderMap),
        body: &[u8],
        sent: &[&SecretString],
    ) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let short = |value: Option<&Value>| {
            // Cleaned first, because invisible characters could split a secret. Cut last, because
            // the cut could leave half of one.
            let text = without(sent, clean(value?.as_str()?));
            let text = clean_short(&text, 300);
            (!text.is_empty()).then_some(text)
        };
        let error = body.get("error");
        let code = short(error)
            .or_else(|| short(error?.get("code")))
            .or_else(|| short(body.get("code")));
        let description =
            short(body.get("error_description")).or_else(|| short(error?.get("message")));
        Self {
            status: status.as_u16(),
            lasting: lasting_refusal(
                product,
                code.as_deref(),
                description.as_deref(),
                "this program's requests come",
            ),
            code,
            description,
            retry_after: retry_after(headers),
        }
    }

    /// Returns one line: `HTTP 400: invalid_grant: the code has expired`, at most 300 characters.
    pub fn summary(&self) -> String {
        let mut line = format!("HTTP {}", self.status);
        for text in [&self.code, &self.description].into_iter().flatten() {
            line.push_str(": ");
            line.push_str(text);
        }
        clean_short(&line, 300)
    }

    /// Turns it into an error with `message` on top.
    pub fn into_error(self, message: &str) -> Error {
        if let Some(lasting) = &self.lasting {
            return self.because_of(lasting.clone()).under(message);
        }
        let kind = match self.code.as_deref() {
            Some("access_denied") => ErrorKind::Denied,
            _ => ErrorKind::Issuer,
        };
        self.because_of(Error::new(kind, message).with_hint(self.hint()))
    }

    /// Returns the error for a session that ends with this refusal of its refresh token; `None`
    /// when the session may go on.
    pub fn session_end(&self) -> Option<Error> {
        let sentence = match self.code.as_deref()? {
            "refresh_token_expired" => "The session has expired, sign in again",
            "refresh_token_reused" => {
                "The session was already renewed by another program, sign in again"
            }
            "refresh_token_invalidated" => {
                "The session was ended by the issuer or from another device, sign in again"
            }
            // RFC 6749, section 5.2: invalid, expired, revoked, or of another client.
            "invalid_grant" => "The issuer no longer accepts the session, sign in again",
            _ => return None,
        };
        // Signing in again would not help against a lasting refusal.
        let ends = matches!(self.status, 400 | 401) && self.lasting.is_none();
        ends.then(|| self.because_of(Error::expired(sentence)))
    }

    /// Adds this refusal to an error as its cause, with the issuer's code.
    fn because_of(&self, error: Error) -> Error {
        let error = error.with_source(self.summary());
        match &self.code {
            Some(code) => error.with_issuer_code(code),
            None => error,
        }
    }

    fn hint(&self) -> String {
        match (self.status, self.retry_after) {
            (429, Some(wait)) => {
                format!("Too many attempts: wait {}, then try again", in_words(wait))
            }
            (429, None) => "Too many attempts: wait a few minutes, then try again".to_owned(),
            (500.., _) => "The issuer has a problem: try again in a few minutes".to_owned(),
            _ => "Try again; if it happens again, sign in another way".to_owned(),
        }
    }
}

/// Returns the error for an `error` and `error_description` that a retry would not change.
/// `requests` names the sender in the error about a region that is not served: the browser may use
/// another route than this program.
pub fn lasting_refusal(
    product: &Product,
    code: Option<&str>,
    description: Option<&str>,
    requests: &str,
) -> Option<Error> {
    let texts = || [code, description].into_iter().flatten();
    let mention = |word| texts().any(|text| text.contains(word));
    let not_enabled = texts().find_map(|text| product.not_enabled_message(Some(text)));
    let (message, hint) = if let Some(sentence) = not_enabled {
        (sentence.to_owned(), "Use another account or an API key")
    } else if mention("unsupported_country_region_territory") {
        (
            format!("The issuer does not serve the place that {requests} from"),
            "A proxy or VPN decides which place that is, and the browser and the terminal may use \
             different ones: check HTTPS_PROXY and the VPN",
        )
    } else if code.is_some_and(|code| code.contains("deactivated"))
        || mention("deleted or deactivated")
    {
        (
            "The account or its workspace was deactivated".to_owned(),
            "Ask the workspace's administrator or the issuer's support, or use another account",
        )
    } else {
        return None;
    };
    Some(Error::denied(message).with_hint(hint))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(text).ok()?;
    // Relative to the issuer's clock, because ours may be wrong.
    let date = headers.get(DATE)?.to_str().ok()?;
    let now = DateTime::parse_from_rfc2822(date).ok()?;
    (until - now).to_std().ok()
}

/// Describes a wait in words, rounded up.
fn in_words(wait: Duration) -> String {
    let (count, unit) = match wait.as_secs() {
        seconds @ 0..=90 => (seconds.max(1), "second"),
        seconds @ 91..=7200 => (seconds.div_ceil(60), "minute"),
        seconds => (seconds.div_ceil(3600), "hour"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// Hides the secrets in `text`, plain or form-encoded.
fn without(secrets: &[&SecretString], text: String) -> String {
    let secrets = secrets.iter().map(|secret| secret.expose_secret());
    secrets
        // Anything shorter is not a secret, and could be part of any word.
        .filter(|secret| secret.len() >= 4)
        .fold(text, |text, secret| {
            let in_form: String = byte_serialize(secret.as_bytes()).collect();
            text.replace(secret, HIDDEN).replace(&in_form, HIDDEN)
        })
}

const HIDDEN: &str = "[hidden]";

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use serde_json::json;

    fn headers<const N: usize>(headers: [(&str, &str); N]) -> HeaderMap {
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        (&HashMap::from(headers)).try_into().unwrap()
    }

    fn read(body: &str, sent: &[&SecretString]) -> Refusal {
        let head = (StatusCode::BAD_REQUEST, &HeaderMap::new());
        Refusal::read(&Product::codex(), head, body.as_bytes(), sent)
    }

    fn refusal(body: &str) -> String {
        read(body, &[]).summary()
    }

    #[test]
    fn a_secret_that_was_sent_is_blanked_out_of_a_refusal() {
        let (code, verifier) = ("ac_1/2+3".into(), "verifier".into());
        let sent = [&code, &verifier];
        let read = |body: Value| read(&body.to_string(), &sent).summary();
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

    #[test]
    fn what_no_attempt_changes_is_denied_and_never_to_be_tried_again() {
        for (body, what) in [
            (
                json!({"error": {"code": "unsupported_country_region_territory", "message": "no"}}),
                "this program's requests",
            ),
            (json!({"error": "account_deactivated"}), "was deactivated"),
            (
                json!({"error": {"code": "deactivated_workspace"}}),
                "was deactivated",
            ),
            (
                json!({"error": {"message": "it has been deleted or deactivated."}}),
                "was deactivated",
            ),
            (
                json!({"error": "access_denied", "error_description": "missing_codex_entitlement"}),
                "not enabled",
            ),
            (
                json!({"error": {"code": "missing_codex_entitlement"}}),
                "not enabled",
            ),
        ] {
            let error = read(&body.to_string(), &[]).into_error("Token exchange failed");
            assert_eq!(error.kind(), ErrorKind::Denied, "{body}");
            assert!(error.in_full().contains(what), "{error:?}");
            assert!(error.in_full().contains("HTTP 400"), "{error:?}");
            let hint = error.hint().unwrap().to_lowercase();
            assert!(!hint.contains("again"), "{hint}");
        }
    }

    #[test]
    fn too_many_attempts_name_the_wait() {
        let hint = |headers: HeaderMap| {
            let head = (StatusCode::TOO_MANY_REQUESTS, &headers);
            let refusal = Refusal::read(&Product::codex(), head, b"{}", &[]);
            refusal.into_error("no").hint().unwrap().to_owned()
        };
        for (after, words) in [
            ("1", "wait 1 second,"),
            ("30", "wait 30 seconds"),
            ("91", "wait 2 minutes"),
            ("7201", "wait 3 hours"),
            ("soon", "wait a few minutes"),
        ] {
            let hint = hint(headers([("retry-after", after)]));
            assert!(hint.contains(words), "{hint}");
        }
        let dated = headers([
            ("date", "Mon, 30 Nov 2026 02:00:00 GMT"),
            ("retry-after", "Mon, 30 Nov 2026 02:10:00 GMT"),
        ]);
        assert!(hint(dated).contains("wait 10 minutes"));
    }
}
