//! The system's keyring, as far as one entry in it goes: the Secret Service on Linux and the
//! BSDs, the Keychain on macOS. It may be absent, locked or silent, so everything here is
//! bounded, and dropping a future gives up at once.

#[cfg(all(feature = "keyring", target_os = "macos"))]
mod keychain;
#[cfg(all(feature = "keyring", unix, not(target_os = "macos")))]
mod secret_service;
mod thread;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::notify::Notify;
use crate::auth::file::auth_file::same;
use crate::error::Error;
use crate::product::codex::KEYRING_SERVICE;

/// The time limit for a person to unlock the keyring.
const UNLOCK_TIMEOUT: Duration = Duration::from_mins(1);

/// The time limit where nobody is asked to unlock anything.
const UNASKED_TIMEOUT: Duration = Duration::from_secs(4);

/// After this long a person is told what is waited for.
const QUIET_WAIT: Duration = Duration::from_millis(500);

/// An answer of a keyring.
pub type KeyringAnswer<T> =
    Pin<Box<dyn Future<Output = Result<T, KeyringFailure>> + Send + 'static>>;

/// A keyring. Where an entry is locked and `may_unlock` is not set, the answer is
/// [`KeyringFailure::Locked`] and nobody is asked.
pub trait Keyring: Send + Sync {
    /// Returns whether it may be there at all. Quick, and asks nobody.
    fn may_exist(&self) -> bool {
        true
    }

    /// Reads an entry.
    fn read(&self, entry: KeyringEntry, may_unlock: bool) -> KeyringAnswer<Option<Vec<u8>>>;

    /// Makes sure that an entry can be written: there is a keyring, and it is unlocked.
    fn unlock(&self, entry: KeyringEntry) -> KeyringAnswer<()>;

    /// Updates the entry that is there, or adds one.
    fn write(&self, entry: KeyringEntry, secret: SecretString) -> KeyringAnswer<()>;

    /// Deletes an entry. Returns whether there was one.
    fn delete(&self, entry: KeyringEntry, may_unlock: bool) -> KeyringAnswer<bool>;
}

/// The names of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyringEntry {
    /// The program that it belongs to.
    pub service: String,
    /// The codex home that it belongs to.
    pub account: String,
}

impl KeyringEntry {
    /// The Codex CLI's entry for a codex home: part of a hash of its path, with links resolved.
    fn of(codex_home: &Path) -> Self {
        let path = codex_home.canonicalize();
        let path = path.unwrap_or_else(|_| codex_home.to_owned());
        let digest = Sha256::digest(path.to_string_lossy().as_bytes());
        let start = digest
            .first_chunk()
            .map_or(0, |start| u64::from_be_bytes(*start));
        Self {
            service: KEYRING_SERVICE.to_owned(),
            account: format!("cli|{start:016x}"),
        }
    }
}

/// The reason why a keyring is unusable.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyringFailure {
    /// There is none: no session bus, or no service on it.
    Absent(Option<String>),
    /// It is locked, and nobody unlocked it.
    Locked,
    /// It does not answer.
    Silent,
    /// It answers with an error.
    Broken(String),
}

impl KeyringFailure {
    pub(in crate::auth) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }
}

impl From<KeyringFailure> for Error {
    fn from(failure: KeyringFailure) -> Self {
        const FILE: &str = "set cli_auth_credentials_store = \"file\" in config.toml";
        let (message, cause, hint) = match failure {
            KeyringFailure::Absent(cause) => (
                "The system has no keyring that can be reached",
                cause,
                "Start one (for example gnome-keyring or KWallet), or set \
                 cli_auth_credentials_store = \"auto\" or \"file\" in config.toml"
                    .to_owned(),
            ),
            KeyringFailure::Locked => (
                "The system's keyring is locked",
                None,
                format!("Unlock it and try again, or {FILE}"),
            ),
            KeyringFailure::Silent => (
                "The system's keyring does not answer",
                None,
                format!("Restart it and try again, or {FILE}"),
            ),
            KeyringFailure::Broken(cause) => (
                "The system's keyring failed",
                Some(cause),
                format!("Try again, or {FILE}"),
            ),
        };
        let error = Self::storage(message).with_hint(hint);
        match cause {
            Some(cause) => error.with_source(cause),
            None => error,
        }
    }
}

/// The keyring of the system. Nothing is asked yet.
#[cfg(all(feature = "keyring", unix))]
pub fn system() -> Arc<dyn Keyring> {
    #[cfg(target_os = "macos")]
    return Arc::new(keychain::Keychain);
    #[cfg(not(target_os = "macos"))]
    return Arc::new(secret_service::SessionBus);
}

/// Whether an entry that the keyring took could be read back.
pub enum Written {
    /// It was read back.
    Seen,
    /// It could not be read back.
    Unseen(KeyringFailure),
}

/// One codex home's entry in a keyring.
#[derive(Clone)]
pub struct Vault {
    keyring: Arc<dyn Keyring>,
    codex_home: PathBuf,
}

impl Vault {
    pub fn new(keyring: Arc<dyn Keyring>, codex_home: PathBuf) -> Self {
        Self {
            keyring,
            codex_home,
        }
    }

    /// The entry of another codex home in the same keyring.
    pub fn of(&self, codex_home: &Path) -> Self {
        Self::new(Arc::clone(&self.keyring), codex_home.to_owned())
    }

    /// The entry's names, as long as nobody moves the folder.
    fn entry(&self) -> KeyringEntry {
        KeyringEntry::of(&self.codex_home)
    }

    /// The same, unless there is surely no keyring.
    pub fn if_any(&self) -> Option<&Self> {
        self.keyring.may_exist().then_some(self)
    }

    /// Reads the entry, unless it is locked.
    pub fn read_if_unlocked(&self) -> Request<Option<Vec<u8>>> {
        Request::unasked(self.keyring.read(self.entry(), false))
    }

    /// Reads the entry; a person may have to unlock it, and is told so.
    pub fn read(&self, notify: &Notify) -> Request<Option<Vec<u8>>> {
        Request::asking(self.keyring.read(self.entry(), true), notify)
    }

    /// Makes sure that the entry can be written.
    pub fn unlock(&self, notify: &Notify) -> Request<()> {
        Request::asking(self.keyring.unlock(self.entry()), notify)
    }

    /// Writes the entry and reads it back.
    pub fn write(&self, secret: SecretString, notify: &Notify) -> Request<Written> {
        let (keyring, entry) = (Arc::clone(&self.keyring), self.entry());
        let work = async move {
            keyring.write(entry.clone(), secret.clone()).await?;
            let kept = match keyring.read(entry, true).await {
                Ok(kept) => kept.unwrap_or_default(),
                // It said that it has written, and what was there before is gone.
                Err(failure) => return Ok(Written::Unseen(failure)),
            };
            let kept = String::from_utf8(kept).ok().map(SecretString::from);
            if same(kept.as_ref(), Some(&secret)) {
                return Ok(Written::Seen);
            }
            let cause = format!("it did not keep {} bytes", secret.expose_secret().len());
            Err(KeyringFailure::Broken(cause))
        };
        Request::asking(Box::pin(work), notify)
    }

    /// Deletes the entry.
    pub fn delete(&self, notify: &Notify) -> Request<bool> {
        Request::asking(self.keyring.delete(self.entry(), true), notify)
    }

    /// Deletes the entry, unless it is locked.
    pub fn delete_if_unlocked(&self) -> Request<bool> {
        Request::unasked(self.keyring.delete(self.entry(), false))
    }

    /// Returns whether there is an entry, locked or not.
    pub fn exists(&self) -> Request<bool> {
        let reading = self.keyring.read(self.entry(), false);
        let work = async move {
            match reading.await {
                Ok(secret) => Ok(secret.is_some()),
                Err(KeyringFailure::Locked) => Ok(true),
                Err(failure) => Err(failure),
            }
        };
        Request::unasked(Box::pin(work))
    }
}

/// Something that a keyring is asked, from a thread of its own.
#[must_use]
pub struct Request<T> {
    work: KeyringAnswer<T>,
}

impl<T: Send + 'static> Request<T> {
    fn asking(work: KeyringAnswer<T>, notify: &Notify) -> Self {
        let notify = notify.clone();
        let told = async move {
            tokio::pin!(work);
            tokio::select! {
                answer = &mut work => return answer,
                () = tokio::time::sleep(QUIET_WAIT) => {}
            }
            notify.tell_wait("Waiting for the system's keyring: it may have to be unlocked");
            work.await
        };
        Self::bounded(told, UNLOCK_TIMEOUT, KeyringFailure::Locked)
    }

    fn unasked(work: KeyringAnswer<T>) -> Self {
        Self::bounded(work, UNASKED_TIMEOUT, KeyringFailure::Silent)
    }

    fn bounded(
        work: impl Future<Output = Result<T, KeyringFailure>> + Send + 'static,
        timeout: Duration,
        late: KeyringFailure,
    ) -> Self {
        let work = async move {
            let answer = tokio::time::timeout(timeout, work).await;
            answer.unwrap_or(Err(late))
        };
        Self {
            work: Box::pin(work),
        }
    }

    /// Waits for the answer. Dropping the future gives up.
    pub async fn answer(self) -> Result<T, KeyringFailure> {
        thread::run(self.work).await
    }

    /// Waits for the answer on this thread, which must be one that may block.
    pub fn wait(self) -> Result<T, KeyringFailure> {
        thread::wait(self.work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_person_has_a_minute_to_unlock_and_a_keyring_that_asks_nobody_four_seconds() {
        let silent = || -> KeyringAnswer<()> { Box::pin(std::future::pending()) };
        for (request, seconds, late) in [
            (Request::asking(silent(), &Notify::default()), 60, "Locked"),
            (Request::unasked(silent()), 4, "Silent"),
        ] {
            let begun = tokio::time::Instant::now();
            let failure = request.work.await.unwrap_err();
            assert_eq!(begun.elapsed().as_secs(), seconds);
            assert_eq!(format!("{failure:?}"), late);
        }
    }
}
