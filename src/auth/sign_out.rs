//! Leaving for real: the issuer is told, and the file goes.

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use super::issuer::Issuer;
use super::salvage::salvage;
use super::store::{Contents, LOCK_TIMEOUT, Notice, Store};
use crate::error::{Error, ErrorKind, Result};

/// Revocation is best effort: nobody waits for an issuer in order to leave.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What signing out found and did.
#[derive(Clone, Debug)]
pub struct SignedOut {
    /// There was an `auth.json`, and it is gone.
    pub removed: bool,
    /// Why the file that went could not be read, when it could not.
    pub damaged: Option<Error>,
    /// Whether the issuer was told.
    pub revocation: Revocation,
}

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

/// Revokes the refresh token (RFC 7009; 10 seconds at most), then removes `auth.json`,
/// whatever the answer was; a link goes with its target, and `auth.json.damaged` too. All
/// of it under the lock of a refresh, so that no refresh brings the file back.
///
/// # Errors
/// [`ErrorKind::Storage`] when the lock stays taken for 10 seconds or the file cannot be
/// removed.
pub async fn sign_out(store: &Store, issuer: &Issuer, notice: Notice<'_>) -> Result<SignedOut> {
    if !is_there(&store.path()) && !is_there(&store.damaged_path()) {
        // A codex home is not made, and needs not be writable, in order to find nothing.
        return Ok(SignedOut {
            removed: false,
            damaged: None,
            revocation: Revocation::NotNeeded,
        });
    }
    let access = store.lock(Instant::now() + LOCK_TIMEOUT, notice).await?;
    let (refresh_token, damaged) = find_refresh_token(store);
    let revocation = match refresh_token {
        Some(token) => revoke(issuer, &token).await,
        None => Revocation::NotNeeded,
    };
    let deadline = Instant::now() + LOCK_TIMEOUT;
    let removed = store.remove(&access, deadline, notice).await?;
    Ok(SignedOut {
        removed,
        damaged: damaged.filter(|_| removed),
        revocation,
    })
}

/// The refresh token, also out of a damaged file; and why the file could not be read.
fn find_refresh_token(store: &Store) -> (Option<SecretString>, Option<Error>) {
    match store.contents() {
        Ok(Contents::Missing) => (None, None),
        Ok(Contents::File(file)) => (file.tokens.and_then(|tokens| tokens.refresh_token), None),
        Ok(Contents::Malformed(bytes, error)) => (salvage(&bytes).refresh_token, Some(error)),
        Err(error) => (None, Some(error)),
    }
}

async fn revoke(issuer: &Issuer, refresh_token: &SecretString) -> Revocation {
    match tokio::time::timeout(REVOKE_TIMEOUT, issuer.revoke(refresh_token)).await {
        Ok(Ok(())) => Revocation::Revoked,
        Ok(Err(error)) => Revocation::Failed(error),
        Err(_) => Revocation::Failed(Error::new(
            ErrorKind::Timeout,
            "The issuer did not answer within 10 seconds",
        )),
    }
}

/// A link that leads nowhere is there too.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
