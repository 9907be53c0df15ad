//! The last steps of a save: write, sync, rename, sync the folder; or write the keyring's entry,
//! read it back, and remove the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use secrecy::SecretString;
use tempfile::NamedTempFile;
use tokio::time::Instant;

use super::disk::{Disk, TemporaryName};
use super::in_place::InPlace;
use super::keyring::{KeyringFailure, Vault, Written};
use super::lock::Lock;
use super::notify::Notify;
use super::outcome::{Kept, not_saved};
use super::remove::OLDER_STAYS;
use super::{Store, folder_of};
use crate::auth::file::auth_file::AuthFile;
use crate::auth::file::owner::same_owner;
use crate::error::{Error, Result};

/// A save whose locks and temporary file are ready.
pub struct PreparedSave {
    pub(super) to: Box<SaveTo>,
    /// `auth.json.lock`, unless it is taken later.
    pub(super) write_lock: Option<Lock>,
    pub(super) write_lock_path: PathBuf,
}

/// The destination of a save.
pub enum SaveTo {
    File(FileSave),
    Keyring(KeyringSave),
}

/// A save whose temporary file exists: what is left is write, fsync and rename.
pub struct FileSave {
    pub disk: Arc<dyn Disk>,
    /// The name of the temporary file, should another one be needed.
    pub name: TemporaryName,
    pub temporary: NamedTempFile,
    pub target: PathBuf,
    /// The entry in a keyring that may hold an older sign-in.
    pub older: Option<Older>,
}

/// An entry in a keyring that does not count.
pub struct Older {
    pub vault: Vault,
    pub store: Store,
    pub notify: Notify,
}

/// A save in a keyring that is unlocked.
pub struct KeyringSave {
    pub vault: Vault,
    pub notify: Notify,
    /// The store whose files may hold an older sign-in.
    pub store: Store,
    pub lock_is_real: bool,
}

impl fmt::Debug for PreparedSave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedSave").finish_non_exhaustive()
    }
}

impl PreparedSave {
    /// Takes `auth.json.lock`, around the write alone, unless it is held already.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it stays taken; committing is
    /// possible all the same.
    pub async fn lock_for_write(&mut self, deadline: Instant, notify: &Notify) -> Result<()> {
        if self.write_lock.is_none() {
            let lock = Lock::acquire(&self.write_lock_path, deadline, notify).await?;
            self.write_lock = Some(lock);
        }
        Ok(())
    }

    /// Saves. When it returns `Ok`, the credentials are kept; the text is a warning: a power
    /// failure may undo it, or an older copy stays in the other place. Blocking.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage); the old credentials are untouched.
    pub fn commit(self, file: &AuthFile) -> Result<Option<String>> {
        self.commit_and_look(file).map(|kept| kept.warning)
    }

    /// As [`PreparedSave::commit`], and says whether the credentials are where they belong.
    pub(in crate::auth) fn commit_and_look(self, file: &AuthFile) -> Result<Kept> {
        match *self.to {
            SaveTo::File(save) => save.commit(file),
            SaveTo::Keyring(save) => save.commit(file),
        }
    }
}

impl FileSave {
    /// Writes, syncs and renames; a mount point is written in place.
    fn commit(mut self, file: &AuthFile) -> Result<Kept> {
        let target = self.target.clone();
        let failed = |(step, error): (_, io::Error)| not_saved(&target, step, &error);
        let bytes = file
            .to_bytes()
            .map_err(|error| failed(("encode", error.into())))?;
        fill(&*self.disk, &mut self.temporary, &bytes).map_err(failed)?;
        let place = InPlace {
            disk: Arc::clone(&self.disk),
            target: target.clone(),
        };
        let temporary = self.temporary.into_temp_path();
        let kept = if self.disk.is_mount_point(&target) {
            place.save(temporary, &bytes).map_err(failed)?
        } else {
            match self.disk.rename(temporary, &target) {
                Ok(()) => Kept::with(sync_folder_of(&*self.disk, &target)),
                // An old kernel does not say what a mount point is.
                Err(error) if is_mounted(&error) => {
                    let again = self.disk.create(folder_of(&target), &self.name);
                    let mut again = again.map_err(|error| failed(("create", error)))?;
                    fill(&*self.disk, &mut again, &bytes).map_err(failed)?;
                    place.save(again.into_temp_path(), &bytes).map_err(failed)?
                }
                Err(error) => return Err(failed(("rename", error))),
            }
        };
        Ok(Kept {
            warning: kept
                .warning
                .or_else(|| self.older.as_ref().and_then(|older| older.forget(file))),
            ..kept
        })
    }
}

/// Writes and syncs a temporary file.
pub fn fill(
    disk: &dyn Disk,
    temporary: &mut NamedTempFile,
    bytes: &[u8],
) -> Result<(), (&'static str, io::Error)> {
    let file = temporary.as_file_mut();
    disk.write(file, bytes).map_err(|error| ("write", error))?;
    // The reserved space is usually longer.
    file.set_len(bytes.len() as u64)
        .map_err(|error| ("write", error))?;
    disk.sync(file).map_err(|error| ("sync", error))
}

/// Returns a warning when it fails: the file is in its place already.
fn sync_folder_of(disk: &dyn Disk, target: &Path) -> Option<String> {
    let error = disk.sync_folder(folder_of(target)).err()?;
    Some(format!(
        "Saved, but the folder of {} could not be synced ({error}): a power failure now could undo it",
        target.display()
    ))
}

/// Returns whether a rename failed because something is mounted on the target.
pub fn is_mounted(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, ResourceBusy};
    matches!(error.kind(), ResourceBusy | CrossesDevices)
}

impl Older {
    /// Empties the keyring after a save in the file. It does not count, so nobody is asked to
    /// unlock it, and only an entry that stays is worth a word. Somebody else's is parked first.
    fn forget(&self, file: &AuthFile) -> Option<String> {
        let forget = || {
            let Some(entry) = self.vault.read_if_unlocked().wait()? else {
                return Ok(None);
            };
            if let Err(error) = self.store.park_entry(&entry, file, &self.notify) {
                return Ok(Some(error.in_full()));
            }
            self.vault.delete_if_unlocked().wait().map(|_| None)
        };
        match forget() {
            Ok(warning) => warning,
            Err(KeyringFailure::Locked) => Some(OLDER_STAYS.to_owned()),
            Err(failure) => {
                tracing::debug!(?failure, "the keyring was not looked into");
                None
            }
        }
    }
}

impl KeyringSave {
    /// Writes, reads back, and only then removes the file. One that holds somebody else's
    /// credentials is parked: they may have been saved while there was no keyring.
    fn commit(self, file: &AuthFile) -> Result<Kept> {
        let text = serde_json::to_string(file)
            .map_err(|error| not_kept(Error::storage("Encoding failed").with_source(error)))?;
        let written = self.vault.write(SecretString::from(text), &self.notify);
        let written = written.wait().map_err(|failure| not_kept(failure.into()))?;
        if let Written::Unseen(failure) = written {
            // An older copy in the file is better than none at all.
            return Ok(Kept::uncertain(format!(
                "Saved in the system's keyring, but not read back: {}",
                Error::from(failure).in_full()
            )));
        }
        let tidied = self
            .store
            .park_unless(|old| same_owner(old, file), &self.notify)
            .and_then(|_| self.store.remove_files(self.lock_is_real, &self.notify));
        Ok(Kept::with(tidied.err().map(|error| {
            format!("Saved in the system's keyring, but an older copy stays: {error}")
        })))
    }
}

fn not_kept(error: Error) -> Error {
    error.under("Could not save the credentials in the system's keyring")
}
