//! The people who sign in, and their files.

use std::fs;
use std::path::Path;

use chrono::Utc;
use codex_onboarding::demo::{IssuedTokens, Profile, TokenKind};
use serde_json::{Value, json};

/// Where Codex's own sessions come from.
pub const ISSUER: &str = "https://auth.openai.com";

/// The account of this name, at the issuer that Codex knows.
pub fn profile(name: &str) -> Profile {
    let user = format!("user-{name}");
    [TokenKind::Id, TokenKind::Access]
        .into_iter()
        .fold(Profile::default(), |profile, token| {
            profile
                .claim(token, "iss", ISSUER)
                .auth_claim(token, "chatgpt_user_id", user.clone())
        })
        .email(format!("{name}@example.com"))
        .account_id(account_id(name))
}

pub fn account_id(name: &str) -> String {
    format!("acct-{name}")
}

/// `auth.json` as a sign-in leaves it.
pub fn auth_json(tokens: &IssuedTokens, name: &str) -> Value {
    json!({
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": null,
        "tokens": {
            "id_token": tokens.id_token,
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "account_id": account_id(name),
        },
        "last_refresh": Utc::now().to_rfc3339(),
    })
}

pub fn write(folder: &Path, file: &Value) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("auth.json"), file.to_string()).unwrap();
}

pub fn read(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("auth.json")).unwrap()).unwrap()
}
