//! The JSON that scripts read: one object a line, each with `"version": 1` (spec, section 6).
//! Keys never change meaning; new ones may come.

use codex_onboarding::Error;
use codex_onboarding::auth::Account;
use codex_onboarding::sign_in::{DeviceCode, Link};
use serde_json::{Value, json};

/// Prints one event. A script that stopped reading does not end the sign-in.
pub fn emit(mut event: Value) {
    event["version"] = json!(1);
    let _ = super::print(format!("{event}\n").as_bytes());
}

/// The link to open.
pub fn url(link: &Link) -> Value {
    json!({
        "event": "url",
        "url": link.authorization_url,
        "short_url": link.short_url,
        "port": link.port,
    })
}

/// The code to type in elsewhere.
pub fn device_code(code: &DeviceCode) -> Value {
    json!({
        "event": "device_code",
        "user_code": code.user_code,
        "verification_url": code.verification_url,
        "expires_in": code.expires_in.as_secs(),
    })
}

/// Signed in.
pub fn completed(account: &Account) -> Value {
    json!({ "event": "completed", "account": self::account(account) })
}

/// Not signed in.
pub fn failed(error: &Error) -> Value {
    json!({ "event": "failed", "error": self::error(error) })
}

/// An error as an object.
pub fn error(error: &Error) -> Value {
    let mut message = error.message().to_owned();
    for cause in error.causes() {
        message.push_str(": ");
        message.push_str(&cause);
    }
    json!({
        "kind": error.kind().as_str(),
        "message": message,
        "hint": error.hint(),
    })
}

fn account(account: &Account) -> Value {
    json!({
        "mode": account.mode.as_str(),
        "email": account.email,
        "plan": account.plan.as_ref().map(codex_onboarding::auth::Plan::as_str),
        "account_id": account.account_id,
    })
}
