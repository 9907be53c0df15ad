//! The locks around the credentials: the Codex CLI's own two (threat 7).

use std::time::Duration;

use tokio::time::Instant;

use super::keyring::KeyringFailure;
use super::lock::{Lock, peek_note};
use super::notify::Notify;
use super::reading::without_keyring;
use super::setting::encrypted;
use super::{CredentialsStore, Place, Store};
use crate::error::Result;

/// The time limit for a lock.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The exclusive right to read, change and write the credentials: `auth.lock`, held.
#[derive(Debug)]
pub struct StoreLock {
    file: Lock,
    /// The destination of saves.
    pub(in crate::auth) place: Place,
}

impl StoreLock {
    /// Returns whether the file system has locks: without, another program may be writing too.
    pub(in crate::auth) fn is_real(&self) -> bool {
        self.file.is_real()
    }

    /// Returns the lock file, in which holders leave notes.
    pub(in crate::auth) fn file(&self) -> &Lock {
        &self.file
    }
}

impl Store {
    /// Takes `auth.lock`, around a whole read-modify-write. Warns when others own the codex
    /// home or may write to it. A keyring that counts is unlocked before, so that nobody waits
    /// for a person with the lock held.
    #[doc(hidden)]
    pub async fn lock(&self, deadline: Instant, notify: &Notify) -> Result<StoreLock> {
        // Nobody is asked for a password, and no token is spent, for a save that cannot work.
        self.check_changeable()?;
        let asked = Instant::now();
        let place = self.place_for_saves(notify).await?;
        // The time that a person takes is not the lock's.
        let deadline = deadline + asked.elapsed();
        self.create_home()?;
        if let Some(warning) = self.exposure_warning() {
            notify.tell(warning);
        }
        let file = Lock::acquire(&self.home.join(self.names.lock()), deadline, notify).await?;
        self.finish_save(deadline, notify).await?;
        Ok(StoreLock { file, place })
    }

    /// Takes `auth.lock` alone: for who neither reads nor writes credentials, but wants nobody
    /// else to do so.
    pub(in crate::auth) async fn file_lock(&self, deadline: Instant) -> Result<Lock> {
        Lock::acquire(&self.home.join(self.names.lock()), deadline, &self.notify).await
    }

    /// Returns the note in `auth.lock`, unless somebody holds it.
    pub(in crate::auth) fn peek_note(&self) -> Vec<u8> {
        peek_note(&self.home.join(self.names.lock()))
    }

    async fn place_for_saves(&self, notify: &Notify) -> Result<Place> {
        let Some(vault) = self.asked_vault() else {
            return match self.setting {
                CredentialsStore::Keyring => Err(without_keyring()),
                CredentialsStore::Encrypted => Err(encrypted()),
                _ => Ok(Place::File),
            };
        };
        match vault.unlock(notify).answer().await {
            Ok(()) => Ok(Place::Keyring),
            Err(KeyringFailure::Absent(_)) if self.setting == CredentialsStore::Auto => {
                Ok(Place::File)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Takes `auth.json.lock`, around a write alone.
    pub(in crate::auth) async fn write_lock(
        &self,
        deadline: Instant,
        notify: &Notify,
    ) -> Result<Lock> {
        Lock::acquire(&self.home.join(self.names.write_lock()), deadline, notify).await
    }
}
