//! The people who sign in, and their files.

use std::fs;
use std::path::Path;

use chrono::Utc;
use codex_onboarding::demo::{IssuedTokens, Profile, TokenKind};
use serde_json::{Value, json};

use crate::issuer;

/// Where Codex's own sessions come from.
pub const ISSUER: &str = "https://auth.openai.com";

/// The account of this name, at the issuer that Codex knows.
pub fn profile(name: &str) -> Profile {
    let profile = issuer::profile_of(name);
    let tokens = [TokenKind::Id, TokenKind::Access].into_iter();
    tokens.fold(profile, |profile, token| {
        profile.claim(token, "iss", ISSUER)
    })
}

pub fn account_id(name: &str) -> String {
    format!("acct-{name}")
}

/// `auth.json` as a sign-in leaves it.
pub fn auth_json(tokens: &IssuedTokens, name: &str) -> Value {
    let mut file = issuer::auth_json(tokens, &Utc::now().to_rfc3339());
    file["tokens"]["account_id"] = json!(account_id(name));
    file
}

pub fn write(folder: &Path, file: &Value) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("auth.json"), file.to_string()).unwrap();
}

pub fn read(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("auth.json")).unwrap()).unwrap()
}
