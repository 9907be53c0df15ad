//! The locks around the credentials: the Codex CLI's own two (threat 7).

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::Store;
use super::keyring::Vault;
use super::lock::{Lock, peek_note};
use crate::error::Result;

/// The time limit for a lock.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The exclusive right to read, change and write the credentials: `auth.lock` is held.
pub struct StoreLock {
    file: Lock,
    /// The keyring's entry that saves go to; `None` when they go to the file.
    pub(super) vault: Option<Vault>,
}

impl fmt::Debug for StoreLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreLock")
    }
}

impl StoreLock {
    /// Returns whether the file system has locks. If not, another program may be writing too.
    pub(in crate::auth) fn is_real(&self) -> bool {
        self.file.is_real()
    }

    /// Returns whether saves go to the keyring.
    pub(in crate::auth) fn saves_in_keyring(&self) -> bool {
        self.vault.is_some()
    }

    /// Returns the lock file, in which holders leave notes.
    pub(in crate::auth) fn file(&self) -> &Lock {
        &self.file
    }
}

impl Store {
    /// Takes `auth.lock`, which is held around a whole read-modify-write. A keyring that counts is
    /// unlocked first, so that other programs do not wait for a person. Warns when others own the
    /// codex home or may write to it.
    #[doc(hidden)]
    pub async fn lock(&self) -> Result<StoreLock> {
        // Never ask for a password or spend a token for a save that cannot work.
        self.check_changeable()?;
        let asked = Instant::now();
        let vault = self.unlocked_vault().await?;
        // The deadline does not run while a person unlocks the keyring.
        let deadline = self.deadline.map(|deadline| deadline + asked.elapsed());
        self.create_home()?;
        if let Some(warning) = self.exposure_warning() {
            self.tell(warning);
        }
        let file = self.acquire(&self.product.lock_name(), deadline).await?;
        self.finish_save().await?;
        if file.is_real() {
            self.clear_half_saves().await;
        }
        Ok(StoreLock { file, vault })
    }

    /// Takes `auth.lock` alone, for a caller that only keeps others from changing credentials.
    pub(in crate::auth) async fn file_lock(&self, deadline: Instant) -> Result<Lock> {
        self.acquire(&self.product.lock_name(), Some(deadline))
            .await
    }

    /// Returns the note in `auth.lock`; empty while another process holds it.
    pub(in crate::auth) fn peek_note(&self) -> Vec<u8> {
        peek_note(&self.home.join(self.product.lock_name()))
    }

    /// Unlocks the keyring's entry if saves go there; `None` if they go to the file.
    async fn unlocked_vault(&self) -> Result<Option<Vault>> {
        let Some(vault) = self.asked_vault()? else {
            return Ok(None);
        };
        match vault.unlock(&self.notify).answer().await {
            Ok(()) => Ok(Some(vault)),
            Err(failure) if self.may_use_file(&failure) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Takes `auth.json.lock`, which is held around a write alone.
    pub(in crate::auth) async fn write_lock(&self) -> Result<Lock> {
        self.acquire(&self.product.write_lock_name(), self.deadline)
            .await
    }

    async fn acquire(&self, name: &str, deadline: Option<Instant>) -> Result<Lock> {
        let deadline = deadline.unwrap_or_else(|| Instant::now() + LOCK_TIMEOUT);
        Lock::acquire(&self.home.join(name), deadline, &self.notify).await
    }
}
