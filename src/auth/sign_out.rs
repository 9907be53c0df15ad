//! Signs out: ends the session at the issuer and removes the credentials.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::timeout;

use super::issuer::Issuer;
use super::store::{Contents, Store, StoreLock};
use crate::auth::file::auth_file::Tokens;
use crate::error::{Error, Result};

/// The time limit when a person signs out and waits for the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit when the answer is not needed.
const UNUSED_TIMEOUT: Duration = Duration::from_secs(2);

/// The outcome of signing out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedOut {
    /// Set if there were credentials, which are removed now.
    pub removed: bool,
    /// The reason why the removed file could not be read, if so.
    pub damaged: Option<Error>,
    /// The fate of the session at the issuer.
    pub revocation: Revocation,
}

/// The fate of a session at the issuer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Revocation {
    /// There was no session to end: an API key, or nothing at all.
    NotNeeded,
    /// The issuer has ended the session.
    Revoked,
    /// It stays alive, as the caller asked.
    LeftAlive,
    /// The issuer could not be told: the session ends by itself when its tokens expire.
    Failed(Error),
}

/// Revokes the refresh token at `issuer` (RFC 7009; 10 seconds at most), then removes
/// `auth.json`, whatever the answer was. The target of a link, `auth.json.damaged` and the entry
/// in the keyring go too. The lock of a refresh is held, so that no refresh brings the file back.
/// Without an issuer, the session stays alive there.
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

/// As [`sign_out`], but stops when `cancel` is ready. Before the lock is taken, that leaves
/// everything as it was; after that, the issuer is not told, but the file is still removed.
///
/// # Errors
/// As [`sign_out`], and [`ErrorKind::Cancelled`](crate::ErrorKind) when nothing was done.
pub async fn sign_out_or_cancel(
    store: &Store,
    issuer: Option<&Issuer>,
    cancel: impl Future<Output = ()>,
) -> Result<SignedOut> {
    tokio::pin!(cancel);
    // Without credentials, this neither creates a codex home nor needs a writable one.
    let lock_if_needed = async {
        if !store.holds_anything().await? {
            return Ok(None);
        }
        store.lock().await.map(Some)
    };
    let lock = tokio::select! {
        lock = lock_if_needed => lock?,
        () = &mut cancel => return Err(cancelled(STILL_SIGNED_IN)),
    };
    if let Some(lock) = lock {
        return sign_out_under(&lock, store, issuer, cancel).await;
    }
    store.remove_pending_sign_in();
    Ok(SignedOut {
        removed: false,
        damaged: None,
        revocation: Revocation::NotNeeded,
    })
}

/// Signs out under the lock.
pub(super) async fn sign_out_under(
    lock: &StoreLock,
    store: &Store,
    issuer: Option<&Issuer>,
    cancel: impl Future<Output = ()>,
) -> Result<SignedOut> {
    // If a sign-in that was left for later were approved after this, it would bring a session back.
    store.remove_pending_sign_in();
    let store = &store.with_leftover_file();
    let found = match store.read_async().await {
        // Revoking what cannot be removed would leave a dead session.
        Err(error) if store.setting().asks_keyring() => return Err(error),
        found => found.map(|found| found.contents),
    };
    let before = found.as_ref().ok().and_then(Contents::bytes);
    let (file, tokens, damaged) = match found {
        Ok(Contents::Missing) => (None, Tokens::default(), None),
        Ok(Contents::File(file)) => {
            let tokens = file.tokens.clone().unwrap_or_default();
            (Some(file), tokens, None)
        }
        Ok(Contents::Damaged(bytes, error)) => (None, Tokens::salvage(&bytes), Some(error)),
        Err(error) => (None, Tokens::default(), Some(error)),
    };
    let revocation = tokio::select! {
        revocation = revoke(&tokens, issuer) => revocation,
        () = cancel => Revocation::Failed(cancelled("The session ends when its tokens expire")),
    };
    let _write_lock = store.write_lock().await?;
    // Not every program takes our lock before it saves.
    let now = store.read_async().await.ok();
    let now = now.and_then(|now| now.contents.bytes());
    if now.is_some() && now != before {
        return Err(written_meanwhile(store));
    }
    // Another account's file beside the keyring is neither signed out nor becomes active.
    let was_in_file = lock.saves_in_keyring() && store.park_file(file.as_deref())?;
    let removed = store.remove(lock).await? || was_in_file;
    Ok(SignedOut {
        removed,
        damaged: damaged.filter(|_| removed),
        revocation,
    })
}

/// Ends the session of a person who signs out, if it is this issuer's. Takes at most 10 seconds.
async fn revoke(tokens: &Tokens, issuer: Option<&Issuer>) -> Revocation {
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

pub(super) const STILL_SIGNED_IN: &str = "You are still signed in";

fn written_meanwhile(store: &Store) -> Error {
    Error::storage(format!(
        "Another program has signed in or renewed the session in {} meanwhile: it was left alone",
        store.home().display()
    ))
    .with_hint("Check who is signed in, then sign out again")
}

pub(super) fn cancelled(hint: &str) -> Error {
    Error::cancelled("Signing out was interrupted").with_hint(hint)
}
