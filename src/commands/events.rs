//! JSON for scripts: one object a line, each with `"version": 1` (spec, section 6).
//! Keys never change meaning; new ones may come.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::output::hint_for;
use crate::streams;
use codex_onboarding::Error;
use codex_onboarding::auth::{Account, Plan};
use codex_onboarding::sign_in::{DeviceCode, Link};
use codex_onboarding::text::{is_unsafe, rfc3339};
use serde_json::{Value, json};

/// Prints one event. A closed pipe does not end the sign-in.
pub fn emit(mut event: Value) {
    event["version"] = json!(1);
    let line = escaped(&event.to_string());
    let _ = streams::tell(format!("{line}\n").as_bytes());
}

/// Escapes the characters that would control a terminal, since standard output may be one. They
/// occur in strings only, so the JSON means the same (RFC 8259, section 7).
pub fn escaped(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(c);
        }
    }
    line
}

/// Returns the event for the link to open.
pub fn url(link: &Link) -> Value {
    json!({
        "event": "url",
        "url": link.authorization_url,
        "short_url": link.short_url,
        "port": link.port,
    })
}

/// Returns the event for a device code.
pub fn device_code(code: &DeviceCode) -> Value {
    json!({
        "event": "device_code",
        "user_code": code.user_code,
        "verification_url": code.verification_url,
        "expires_in": code.expires_in.as_secs(),
    })
}

/// Returns the event for a sign-in that has not been approved yet.
pub fn pending(expires_in: Duration) -> Value {
    json!({ "event": "pending", "expires_in": expires_in.as_secs() })
}

/// Returns the event for a session that was lent.
pub fn lent(path: &Path, expires_at: Option<DateTime<Utc>>) -> Value {
    json!({
        "event": "lent",
        // JSON is Unicode, but a path may not be.
        "path": path.to_string_lossy(),
        "expires_at": expires_at.map(rfc3339),
    })
}

/// Returns the event for a sign-in that has completed while these processes hold the earlier
/// session.
pub fn completed(account: &Account, running: &[u32]) -> Value {
    json!({
        "event": "completed",
        "account": self::account(account),
        "running_codex": running,
    })
}

/// Returns the event for a failure.
pub fn failed(error: &Error) -> Value {
    json!({ "event": "failed", "error": self::error(error) })
}

/// Returns the error as an object.
pub fn error(error: &Error) -> Value {
    json!({
        "kind": error.kind().as_str(),
        "message": error.in_full(),
        "hint": hint_for(error),
    })
}

/// Returns the account as an object.
pub fn account(account: &Account) -> Value {
    json!({
        "mode": account.mode.as_str(),
        "email": account.email,
        "plan": account.plan.as_ref().map(Plan::as_str),
        "account_id": account.account_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_server_port_and_short_link_are_null() {
        let mut link = Link::default();
        link.authorization_url = "https://auth.openai.com/oauth/authorize".to_owned();
        link.port_problem = Some("Ports 1455 and 1457 are in use".to_owned());
        let expected = json!({
            "event": "url",
            "url": "https://auth.openai.com/oauth/authorize",
            "short_url": null,
            "port": null,
        });
        assert_eq!(url(&link), expected);
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_the_text_is_the_same() {
        let event = json!({ "email": "a\u{9b}2J\u{202e}b\u{e0001}é東\u{2028}\u{2029}" });
        let line = escaped(&event.to_string());
        assert_eq!(
            line,
            r#"{"email":"a\u009b2J\u202eb\udb40\udc01é東\u2028\u2029"}"#
        );
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), event);
    }
}
