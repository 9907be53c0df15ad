//! Leaving for real: the issuer is told, and the file goes.

use tokio::time::Instant;

use super::issuer::Issuer;
use super::notify::Notify;
use super::revocation::{Revocation, revoke, stored};
use super::store::{LOCK_TIMEOUT, Store};
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
/// [`ErrorKind::Storage`] when the lock stays taken for 10 seconds
/// or the file cannot be removed.
pub async fn sign_out(store: &Store, issuer: &Issuer, notify: &Notify) -> Result<SignedOut> {
    sign_out_unless(store, issuer, notify, std::future::pending()).await
}

/// [`sign_out`] for somebody who may be in a hurry: once `hurry` has come, nothing is waited
/// for any more. Whoever waits for the lock then leaves everything as it was; later, the
/// issuer goes untold, and the file goes all the same.
pub async fn sign_out_unless(
    store: &Store,
    issuer: &Issuer,
    notify: &Notify,
    hurry: impl Future<Output = ()>,
) -> Result<SignedOut> {
    if !store.holds_anything() {
        // A codex home is not made, and needs not be writable, in order to find nothing.
        return Ok(SignedOut {
            removed: false,
            damaged: None,
            revocation: Revocation::NotNeeded,
        });
    }
    tokio::pin!(hurry);
    let access = tokio::select! {
        access = store.lock(Instant::now() + LOCK_TIMEOUT, notify) => access?,
        () = &mut hurry => return Err(cancelled("You are still signed in")),
    };
    let stored = stored(store, issuer);
    let revocation = match (stored.refresh_token, stored.foreign) {
        (Some(token), _) => tokio::select! {
            revocation = revoke(issuer, &token) => revocation,
            () = hurry => Revocation::Failed(cancelled("The session ends when its tokens expire")),
        },
        (None, Some(foreign)) => Revocation::Failed(foreign),
        (None, None) => Revocation::NotNeeded,
    };
    let deadline = Instant::now() + LOCK_TIMEOUT;
    let removed = store.remove(&access, deadline, notify).await?;
    Ok(SignedOut {
        removed,
        damaged: stored.damaged.filter(|_| removed),
        revocation,
    })
}

fn cancelled(hint: &str) -> Error {
    Error::cancelled("Signing out was interrupted").with_hint(hint)
}
