//! Signing out: the issuer is told, and the file goes.

use super::issuer::Issuer;
use super::revocation::{Revocation, revoke, stored_tokens};
use super::store::{Contents, Store, StoreLock};
use crate::auth::file::auth_file::AuthFile;
use crate::auth::file::owner::same_owner;
use crate::error::{Error, Result};

/// The outcome of signing out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedOut {
    /// Whether there were credentials; they are gone.
    pub removed: bool,
    /// The reason why the removed file could not be read, when it could not.
    pub damaged: Option<Error>,
    /// The fate of the session at the issuer.
    pub revocation: Revocation,
}

/// Revokes the refresh token at `issuer` (RFC 7009; 10 seconds at most), then removes
/// `auth.json`, whatever the answer was; a link goes with its target, and `auth.json.damaged`
/// and the entry in the keyring go too. All of it under the lock of a refresh, so that no
/// refresh brings the file back. Without an issuer the session stays alive there.
///
/// # Errors
/// [`ErrorKind::Storage`](crate::ErrorKind) when the lock stays taken for 10 seconds or the
/// file cannot be removed.
///
/// ```
/// use codex_onboarding::auth::{Issuer, Store, sign_out};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// let store = Store::new(home.path());
/// let signed_out = sign_out(&store, Some(&Issuer::openai())).await?;
/// assert!(!signed_out.removed, "nobody was signed in");
/// # Ok(())
/// # }
/// ```
pub async fn sign_out(store: &Store, issuer: Option<&Issuer>) -> Result<SignedOut> {
    sign_out_or_cancel(store, issuer, std::future::pending()).await
}

/// As [`sign_out`], but waits for nothing once `hurry` is ready: before the lock is taken,
/// everything is left as it was; after that, the issuer is not told, and the file goes.
///
/// # Errors
/// As [`sign_out`], and [`ErrorKind::Cancelled`](crate::ErrorKind) when nothing was done.
pub async fn sign_out_or_cancel(
    store: &Store,
    issuer: Option<&Issuer>,
    hurry: impl Future<Output = ()>,
) -> Result<SignedOut> {
    tokio::pin!(hurry);
    // A keyring may wait for a person.
    let found = tokio::select! {
        found = store.holds_anything() => found?,
        () = &mut hurry => return Err(cancelled(STILL_SIGNED_IN)),
    };
    if !found {
        store.remove_pending_sign_in();
        // Finding nothing neither makes a codex home nor needs a writable one.
        return Ok(SignedOut {
            removed: false,
            damaged: None,
            revocation: Revocation::NotNeeded,
        });
    }
    let lock = tokio::select! {
        lock = store.lock() => lock?,
        () = &mut hurry => return Err(cancelled(STILL_SIGNED_IN)),
    };
    sign_out_under(&lock, store, issuer, hurry).await
}

/// The part of it that needs the lock. A sign-in that was left goes first: approved now, it would
/// bring a session back.
pub(super) async fn sign_out_under(
    lock: &StoreLock,
    store: &Store,
    issuer: Option<&Issuer>,
    hurry: impl Future<Output = ()>,
) -> Result<SignedOut> {
    store.remove_pending_sign_in();
    let found = store.read_async().await.map(|found| found.contents);
    if let Err(error) = &found
        && store.setting().asks_keyring()
    {
        // Nothing is revoked that could not be removed.
        return Err(error.clone());
    }
    let before = found.as_ref().ok().and_then(Contents::bytes);
    let signing_out = match &found {
        Ok(Contents::File(file)) => Some(file.clone()),
        _ => None,
    };
    let (tokens, damaged) = stored_tokens(found);
    let revocation = tokio::select! {
        revocation = revoke(&tokens, issuer) => revocation,
        () = hurry => Revocation::Failed(cancelled("The session ends when its tokens expire")),
    };
    let write = store.write_lock().await?;
    // Not every program takes our lock before it saves.
    let now = store.read_async().await.ok();
    let now = now.and_then(|now| now.contents.bytes());
    if now.is_some() && now != before {
        return Err(written_meanwhile(store));
    }
    if lock.saves_in_keyring() {
        // Somebody else's file beside it is not signed out, and does not become the active one.
        let is_a_copy = |file: &AuthFile| signing_out.is_some_and(|it| same_owner(file, &it));
        store.park_file(lock.is_real(), is_a_copy)?;
    }
    let removed = store.remove(lock, write).await?;
    Ok(SignedOut {
        removed,
        damaged: damaged.filter(|_| removed),
        revocation,
    })
}

pub(super) const STILL_SIGNED_IN: &str = "You are still signed in";

fn written_meanwhile(store: &Store) -> Error {
    Error::storage(format!(
        "Another program has signed in or renewed the session in {} meanwhile: it was left alone",
        store.home().display()
    ))
    .with_hint("Look who is signed in, then sign out again")
}

pub(super) fn cancelled(hint: &str) -> Error {
    Error::cancelled("Signing out was interrupted").with_hint(hint)
}
