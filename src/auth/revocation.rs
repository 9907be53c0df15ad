//! Ends a session at the issuer (RFC 7009). Best effort, with a time limit.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::timeout;

use super::issuer::Issuer;
use crate::auth::file::auth_file::Tokens;
use crate::error::Error;

/// The time limit where a person signs out and waits for the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit where nobody waits for the answer.
const UNUSED_TIMEOUT: Duration = Duration::from_secs(2);

/// The fate of a session at the issuer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Revocation {
    /// There was none: an API key, or nothing at all.
    NotNeeded,
    /// The issuer has ended the session.
    Revoked,
    /// It stays alive, as the caller asked.
    LeftAlive,
    /// The issuer could not be told: the session ends by itself when its tokens expire.
    Failed(Error),
}

/// Ends the session of a person who signs out, if it is this issuer's. Takes at most 10 seconds.
pub async fn revoke(tokens: &Tokens, issuer: Option<&Issuer>) -> Revocation {
    let Some(token) = &tokens.refresh_token else {
        return Revocation::NotNeeded;
    };
    let Some(issuer) = issuer else {
        return Revocation::LeftAlive;
    };
    let issuer = match issuer.of_grant(tokens) {
        Ok(issuer) => issuer,
        Err(foreign) => return Revocation::Failed(foreign),
    };
    match timeout(TIMEOUT, issuer.revoke(token)).await {
        Ok(Ok(())) => Revocation::Revoked,
        Ok(Err(error)) => Revocation::Failed(error),
        Err(_) => Revocation::Failed(Error::timeout(
            "The issuer did not answer within 10 seconds",
        )),
    }
}

/// Ends a new session that is not saved, so that it does not stay alive unseen. Takes at most
/// 2 seconds; a failure is only traced.
pub async fn revoke_unused(issuer: &Issuer, refresh_token: &SecretString) {
    match timeout(UNUSED_TIMEOUT, issuer.revoke(refresh_token)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(?error, "an unused session was not revoked"),
        Err(_) => tracing::warn!("an unused session was not revoked in time"),
    }
}
