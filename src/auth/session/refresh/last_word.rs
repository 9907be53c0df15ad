//! The issuer's last word on the tokens in a folder, noted for later processes.
//!
//! It is kept in `auth.lock`, which only the holder of the lock reads or writes, and whose contents
//! the Codex CLI leaves alone. `auth.json` is no place for it: right after a refusal another
//! program may be about to save its new tokens there. The note names a token by its digest, so it
//! means nothing once there is another one, after a sign-in or a refresh.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::Grant;
use crate::auth::file::owner::digest;
use crate::auth::issuer::refusal::Refusal;
use crate::auth::store::{Store, StoreLock};

/// The issuer's last word.
#[derive(Serialize, Deserialize)]
pub struct LastWord {
    /// The digest of the token that it is about.
    token: String,
    at: DateTime<Utc>,
    /// Status and code of its refusal of a refresh token. `None` if it issued an access token that
    /// had already expired by this machine's clock.
    refused: Option<(u16, Option<String>)>,
}

impl LastWord {
    /// Notes the refusal of a refresh token.
    pub fn refused(grant: &Grant, why: &Refusal, at: DateTime<Utc>) -> Self {
        Self {
            token: grant_digest(grant),
            at,
            refused: Some((why.status, why.code.clone())),
        }
    }

    /// Notes the receipt of an access token.
    pub fn issued(token: &SecretString, at: DateTime<Utc>) -> Self {
        Self {
            token: token_digest(token),
            at,
            refused: None,
        }
    }

    /// Reads it from the file of the lock.
    pub fn read(lock: &StoreLock) -> Option<Self> {
        serde_json::from_slice(&lock.file().read_note()).ok()
    }

    /// As [`LastWord::read`], without the lock: to report it, not to act on it.
    pub fn peek(store: &Store) -> Option<Self> {
        serde_json::from_slice(&store.peek_note()).ok()
    }

    /// Writes it into the file of the lock.
    pub fn write(&self, lock: &StoreLock) {
        if let Ok(note) = serde_json::to_vec(self) {
            lock.file().write_note(&note);
        }
    }

    /// Returns why and when the issuer refused this grant, if that was its last word.
    pub fn refusal_of(self, grant: &Grant) -> Option<(Refusal, DateTime<Utc>)> {
        let (status, code) = self.refused.filter(|_| self.token == grant_digest(grant))?;
        let refusal = Refusal {
            status,
            code,
            ..Refusal::default()
        };
        Some((refusal, self.at))
    }

    /// Returns when this access token was received, if that was noted.
    pub fn receipt_of(&self, token: &SecretString) -> Option<DateTime<Utc>> {
        (self.token == token_digest(token)).then_some(self.at)
    }
}

/// Digests the token with its issuer and client, because another issuer or client may get another
/// answer.
fn grant_digest(grant: &Grant) -> String {
    let url = grant.issuer.url().to_string();
    digest(&[&url, grant.issuer.client_id(), grant.token.expose_secret()])
}

fn token_digest(token: &SecretString) -> String {
    digest(&["access_token", token.expose_secret()])
}
