//! Leaving for real: the issuer is told, and the file goes.

use std::path::Path;

use tokio::time::Instant;

use super::issuer::Issuer;
use super::revocation::{Revocation, revoke, stored_refresh_token};
use super::store::{LOCK_TIMEOUT, Notice, Store};
use crate::error::{Error, Result};

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

/// Revokes the refresh token (RFC 7009; 10 seconds at most), then removes `auth.json`,
/// whatever the answer was; a link goes with its target, and `auth.json.damaged` too. All
/// of it under the lock of a refresh, so that no refresh brings the file back.
///
/// # Errors
/// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the lock stays taken for 10 seconds
/// or the file cannot be removed.
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
    let (refresh_token, damaged) = stored_refresh_token(store);
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

/// A link that leads nowhere is there too.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
