//! One entry in the system's keyring: the Secret Service on Linux and the BSDs, the Keychain on
//! macOS. It may be absent, locked or silent, so every request has a time limit, and dropping
//! its future gives up at once.

#[cfg(all(feature = "keyring", target_os = "macos"))]
mod keychain;
mod request;
#[cfg(all(feature = "keyring", unix, not(target_os = "macos")))]
mod secret_service;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::notify::Notify;
use crate::auth::file::auth_file::same;
use crate::error::Error;
use crate::product::codex::{AUTO_OR_FILE, KEYRING_SERVICE, USE_FILE};
pub use request::KeyringRequest;

/// An answer of a keyring.
pub type KeyringAnswer<T> =
    Pin<Box<dyn Future<Output = Result<T, KeyringFailure>> + Send + 'static>>;

/// A keyring. Without `may_unlock`, a locked entry is a [`KeyringFailure::Locked`], and the person
/// is not asked.
pub trait Keyring: Send + Sync {
    /// Returns `false` when there is certainly no keyring. Quick, and never asks the person.
    fn may_exist(&self) -> bool {
        true
    }

    /// Reads an entry.
    fn read(&self, entry: KeyringEntry, may_unlock: bool) -> KeyringAnswer<Option<Vec<u8>>>;

    /// Makes sure that an entry can be written: there is a keyring, and it is unlocked.
    fn unlock(&self, entry: KeyringEntry) -> KeyringAnswer<()>;

    /// Updates the entry, or adds it.
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
    /// Returns the Codex CLI's entry for a codex home. It is named by a hash of the path without
    /// links.
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
    /// There is no session bus, or no keyring on it.
    Absent(Option<String>),
    /// It is locked, and was not unlocked.
    Locked,
    /// It does not answer.
    Silent,
    /// It answers with an error.
    Broken(String),
}

impl From<KeyringFailure> for Error {
    fn from(failure: KeyringFailure) -> Self {
        let (message, hint) = match &failure {
            KeyringFailure::Absent(_) => (
                "The system has no keyring that can be reached",
                format!("Start one (for example gnome-keyring or KWallet), or {AUTO_OR_FILE}"),
            ),
            KeyringFailure::Locked => (
                "The system's keyring is locked",
                format!("Unlock it and try again, or {USE_FILE}"),
            ),
            KeyringFailure::Silent => (
                "The system's keyring does not answer",
                format!("Restart it and try again, or {USE_FILE}"),
            ),
            KeyringFailure::Broken(_) => (
                "The system's keyring failed",
                format!("Try again, or {USE_FILE}"),
            ),
        };
        let error = Self::storage(message).with_hint(hint);
        match failure {
            KeyringFailure::Absent(Some(cause)) | KeyringFailure::Broken(cause) => {
                error.with_source(cause)
            }
            _ => error,
        }
    }
}

/// Returns the system's keyring, without contacting it yet.
#[cfg(all(feature = "keyring", unix))]
pub fn system() -> Arc<dyn Keyring> {
    #[cfg(target_os = "macos")]
    return Arc::new(keychain::Keychain);
    #[cfg(not(target_os = "macos"))]
    return Arc::new(secret_service::SessionBus);
}

/// One codex home's entry in a keyring.
#[derive(Clone)]
pub struct Vault {
    keyring: Arc<dyn Keyring>,
    codex_home: PathBuf,
}

impl Vault {
    pub fn new(keyring: &Arc<dyn Keyring>, codex_home: &Path) -> Self {
        Self {
            keyring: Arc::clone(keyring),
            codex_home: codex_home.to_owned(),
        }
    }

    /// Returns the entry as it is named now: the name changes when a codex home below a link is
    /// created.
    fn entry(&self) -> KeyringEntry {
        KeyringEntry::of(&self.codex_home)
    }

    /// Reads the entry. If it is locked, the person has to unlock it and is told so through `ask`;
    /// without `ask`, that is a failure.
    pub fn read(&self, ask: Option<&Notify>) -> KeyringRequest<Option<Vec<u8>>> {
        KeyringRequest::new(self.keyring.read(self.entry(), ask.is_some()), ask)
    }

    /// Makes sure that the entry can be written.
    pub fn unlock(&self, ask: &Notify) -> KeyringRequest<()> {
        KeyringRequest::new(self.keyring.unlock(self.entry()), Some(ask))
    }

    /// Writes the entry and reads it back. Returns the failure to read it back, if any.
    pub fn write(
        &self,
        secret: SecretString,
        ask: &Notify,
    ) -> KeyringRequest<Option<KeyringFailure>> {
        let (keyring, entry) = (Arc::clone(&self.keyring), self.entry());
        let work = async move {
            keyring.write(entry.clone(), secret.clone()).await?;
            let kept = match keyring.read(entry, true).await {
                Ok(kept) => kept.unwrap_or_default(),
                // The keyring reported success, and what was there before is gone.
                Err(failure) => return Ok(Some(failure)),
            };
            let kept = String::from_utf8(kept).ok().map(SecretString::from);
            if same(kept.as_ref(), Some(&secret)) {
                return Ok(None);
            }
            let cause = format!("it did not keep {} bytes", secret.expose_secret().len());
            Err(KeyringFailure::Broken(cause))
        };
        KeyringRequest::new(Box::pin(work), Some(ask))
    }

    /// Deletes the entry, and returns whether there was one. For `ask`, see [`Vault::read`].
    pub fn delete(&self, ask: Option<&Notify>) -> KeyringRequest<bool> {
        KeyringRequest::new(self.keyring.delete(self.entry(), ask.is_some()), ask)
    }
}
