//! The issuer's last word on the tokens in a folder, for the processes to come.
//!
//! It stands in `auth.lock`, which only the holder of the lock reads or writes, and whose
//! contents the Codex CLI leaves alone. `auth.json` is no place for it: right after a refusal
//! another program may be about to save its new tokens there. The tokens are written as digests,
//! so the word is void as soon as there are others: after a sign-in, or another program's
//! refresh.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::auth::file::owner::digest;
use crate::auth::issuer::Issuer;
use crate::auth::issuer::refusal::Refusal;
use crate::auth::store::{Store, StoreLock};

/// The issuer's last word.
#[derive(Serialize, Deserialize)]
#[serde(tag = "last_word", rename_all = "snake_case")]
pub enum LastWord {
    /// It refused a refresh token for good.
    Refused {
        digest: String,
        status: u16,
        code: Option<String>,
        at: DateTime<Utc>,
    },
    /// It issued an access token that had ended already by this machine's clock.
    Issued { digest: String, at: DateTime<Utc> },
}

impl LastWord {
    /// Notes the refusal of a refresh token.
    pub fn refused(token: &SecretString, by: &Issuer, why: &Refusal, at: DateTime<Utc>) -> Self {
        Self::Refused {
            digest: grant_digest(token, by),
            status: why.status,
            code: why.code.clone(),
            at,
        }
    }

    /// Notes the receipt of an access token.
    pub fn issued(token: &SecretString, at: DateTime<Utc>) -> Self {
        let digest = digest(&["access_token", token.expose_secret()]);
        Self::Issued { digest, at }
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

    /// Returns why and when the issuer refused this refresh token, if that was its last word.
    pub fn refusal_of(
        &self,
        token: &SecretString,
        by: &Issuer,
    ) -> Option<(Refusal, DateTime<Utc>)> {
        match self {
            Self::Refused {
                digest,
                status,
                code,
                at,
            } if *digest == grant_digest(token, by) => {
                let refusal = Refusal {
                    status: *status,
                    code: code.clone(),
                    ..Refusal::default()
                };
                Some((refusal, *at))
            }
            _ => None,
        }
    }

    /// Returns when this access token was received, if that was noted.
    pub fn receipt_of(&self, token: &SecretString) -> Option<DateTime<Utc>> {
        match self {
            Self::Issued { digest: noted, at } => {
                let same = *noted == digest(&["access_token", token.expose_secret()]);
                same.then_some(*at)
            }
            Self::Refused { .. } => None,
        }
    }
}

/// Digests the token with its issuer and client: others may judge otherwise.
fn grant_digest(token: &SecretString, issuer: &Issuer) -> String {
    let url = issuer.url().to_string();
    digest(&[&url, issuer.client_id(), token.expose_secret()])
}
