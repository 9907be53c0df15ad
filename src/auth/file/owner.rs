//! The owner of the credentials in a file.

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::account::Mode;
use super::auth_file::{AuthFile, Tokens, same};
use super::claims::Claims;

/// Identifies one person in one workspace, or one API key, across sign-ins. It is a digest, so it
/// can be stored and reveals nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub struct Owner(String);

impl Owner {
    /// Identifies the owner by the key or by the claims of the tokens, as the mode says.
    pub fn of(mode: &Mode, file: &AuthFile) -> Self {
        match (mode, &file.tokens) {
            (Mode::ApiKey, _) => {
                let key = file.api_key.as_ref().map_or("", |key| key.expose_secret());
                Self(digest(&["apikey", key]))
            }
            (_, Some(tokens)) => Self::of_tokens(tokens).unwrap_or_else(|| Self::of_secrets(file)),
            (_, None) => Self::of_secrets(file),
        }
    }

    /// Identifies the owner by the claims of the tokens; `None` when they name no one.
    pub fn of_tokens(tokens: &Tokens) -> Option<Self> {
        let account = tokens.claim("chatgpt_account_id");
        let account = account.or_else(|| tokens.account_id.clone());
        let user = tokens.user_id();
        if account.is_none() && user.is_none() {
            let claims = tokens.claims();
            let email = claims.iter().find_map(Claims::email)?;
            return Some(Self(digest(&["email", email])));
        }
        let [account, user] = [account, user].map(Option::unwrap_or_default);
        Some(Self(digest(&["chatgpt", &account, &user])))
    }

    /// Identifies credentials that name no one: by the secrets themselves.
    fn of_secrets(file: &AuthFile) -> Self {
        let mut file = file.clone();
        file.last_refresh = None;
        let bytes = file.to_bytes().unwrap_or_default();
        Self(digest(&["secrets", &String::from_utf8_lossy(&bytes)]))
    }
}

/// Returns a digest of several texts, none of which can run into the next one: half of a SHA-256,
/// in hexadecimal.
pub fn digest(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    let digest = digest.finalize();
    let half = digest.first_chunk().map(|half| u128::from_be_bytes(*half));
    format!("{:032x}", half.unwrap_or_default())
}

/// Returns whether `old` holds no credentials but those of the owner of `new`.
pub fn same_owner(old: &AuthFile, new: &AuthFile) -> bool {
    if let Some(tokens) = old.tokens.as_ref().filter(|it| it.hold_a_secret()) {
        let Some(new) = &new.tokens else {
            return false;
        };
        return match Owner::of_tokens(tokens) {
            Some(owner) => Owner::of_tokens(new) == Some(owner),
            // These tokens name no owner, so only identical ones are known to be the same.
            None => {
                same(tokens.refresh_token.as_ref(), new.refresh_token.as_ref())
                    && same(tokens.access_token.as_ref(), new.access_token.as_ref())
            }
        };
    }
    let key = old.api_key.as_ref();
    let token = old.personal_access_token.as_ref();
    if key.is_none() && token.is_none() && old.implied_mode().is_some() {
        // Other kinds can only be compared by their bytes.
        return Owner::of_secrets(old) == Owner::of_secrets(new);
    }
    (key.is_none() || same(key, new.api_key.as_ref()))
        && (token.is_none() || same(token, new.personal_access_token.as_ref()))
}
