//! Ends a session at the issuer (RFC 7009). Best effort: nobody waits for it long.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::timeout;

use super::issuer::Issuer;
use super::salvage::salvage;
use super::store::{Contents, Store};
use crate::error::Error;

/// Who leaves wants to know whether the session has ended.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Nobody needs to wait for it.
const UNUSED_TIMEOUT: Duration = Duration::from_secs(2);

/// How it went with the refresh token.
#[derive(Clone, Debug)]
pub enum Revocation {
    /// There was none: an API key, or nothing at all.
    NotNeeded,
    /// The issuer has ended the session.
    Revoked,
    /// The issuer could not be told: the session ends by itself when its tokens expire.
    Failed(Error),
}

/// What `auth.json` has for who replaces or removes it.
#[derive(Debug, Default)]
pub struct Stored {
    /// The refresh token, also out of a damaged file, if this issuer may see it.
    pub refresh_token: Option<SecretString>,
    /// Why this issuer may not: it is another one's.
    pub foreign: Option<Error>,
    /// Why the file could not be read.
    pub damaged: Option<Error>,
}

/// Looks into `auth.json`. To be asked under the lock.
pub fn stored(store: &Store, issuer: &Issuer) -> Stored {
    let (tokens, damaged) = match store.contents() {
        Ok(Contents::Missing) => (None, None),
        Ok(Contents::File(file)) => (file.tokens, None),
        Ok(Contents::Malformed(bytes, error)) => (Some(salvage(&bytes)), Some(error)),
        Err(error) => (None, Some(error)),
    };
    let tokens = tokens.unwrap_or_default();
    let foreign = match &tokens.refresh_token {
        Some(_) => tokens.check_issuer(issuer.url()).err(),
        None => None,
    };
    Stored {
        refresh_token: tokens.refresh_token.filter(|_| foreign.is_none()),
        foreign,
        damaged,
    }
}

/// Ends the session of somebody who signs out; 10 seconds at most.
pub async fn revoke(issuer: &Issuer, refresh_token: &SecretString) -> Revocation {
    match timeout(TIMEOUT, issuer.revoke(refresh_token)).await {
        Ok(Ok(())) => Revocation::Revoked,
        Ok(Err(error)) => Revocation::Failed(error),
        Err(_) => Revocation::Failed(Error::timeout(
            "The issuer did not answer within 10 seconds",
        )),
    }
}

/// Ends a session that was made and not kept, so that it does not stay alive unseen. Takes at
/// most 2 seconds; a failure is only traced.
pub async fn revoke_unused(issuer: &Issuer, refresh_token: &SecretString) {
    match timeout(UNUSED_TIMEOUT, issuer.revoke(refresh_token)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(?error, "an unused session was not revoked"),
        Err(_) => tracing::warn!("an unused session was not revoked in time"),
    }
}
