//! The owner of the credentials in a file.

use std::fmt::Write as _;

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::account::Mode;
use super::auth_file::{AuthFile, Tokens};
use super::claims::Claims;

/// The same for every sign-in of one person to one workspace, or with one API key: a digest,
/// so that it can be written down without telling anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner(String);

impl Owner {
    /// By the claims of the tokens, or by the key, whichever counts in this mode.
    pub fn of(mode: &Mode, file: &AuthFile) -> Self {
        match (mode, &file.tokens) {
            (Mode::ApiKey, _) => {
                let key = file.api_key().map_or("", |key| key.expose_secret());
                Self::digest(&["apikey", key])
            }
            (_, Some(tokens)) => Self::of_tokens(tokens).unwrap_or_else(|| Self::of_secrets(file)),
            (_, None) => Self::of_secrets(file),
        }
    }

    /// By the claims of the tokens; `None` when they name nobody.
    pub fn of_tokens(tokens: &Tokens) -> Option<Self> {
        let claims = claims_of(tokens);
        let account = claim(&claims, "chatgpt_account_id").or(tokens.account_id());
        let user = user_in(&claims);
        let email = || claims.iter().find_map(Claims::email);
        match (account, user) {
            (None, None) => Some(Self::digest(&["email", email()?])),
            (account, user) => {
                let parts = ["chatgpt", account.unwrap_or(""), user.unwrap_or("")];
                Some(Self::digest(&parts))
            }
        }
    }

    /// For what names nobody: the secrets themselves, whatever they are.
    fn of_secrets(file: &AuthFile) -> Self {
        let mut file = file.clone();
        file.last_refresh = None;
        let bytes = file.to_bytes().unwrap_or_default();
        Self::digest(&["secrets", &String::from_utf8_lossy(&bytes)])
    }

    fn digest(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        let mut text = String::new();
        for byte in &digest.finalize()[..16] {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// As it was written down.
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// To be written down.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The person whom the tokens are for, apart from the workspace.
pub fn user_of(tokens: &Tokens) -> Option<String> {
    user_in(&claims_of(tokens)).map(str::to_owned)
}

fn user_in(claims: &[Claims]) -> Option<&str> {
    claim(claims, "chatgpt_user_id").or_else(|| claim(claims, "user_id"))
}

fn claim<'a>(claims: &'a [Claims], name: &str) -> Option<&'a str> {
    claims.iter().find_map(|claims| claims.auth_text(name))
}

/// The id token's come first.
fn claims_of(tokens: &Tokens) -> Vec<Claims> {
    let tokens = [&tokens.id_token, &tokens.access_token].into_iter();
    let tokens = tokens.flatten();
    tokens
        .filter_map(|token| Claims::decode(token.expose_secret()))
        .collect()
}
