//! The last steps of a save: write, sync, rename, sync the folder; or write the keyring's entry,
//! read it back, and remove the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use secrecy::SecretString;
use tempfile::NamedTempFile;
use tokio::time::Instant;

use super::remove::OLDER_STAYS;
use super::{Store, folder_of};
use crate::auth::auth_file::AuthFile;
use crate::auth::disk::Disk;
use crate::auth::keyring::{KeyringFailure, Vault, Written};
use crate::auth::lock::Lock;
use crate::auth::notify::Notify;
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
    pub temporary: NamedTempFile,
    pub target: PathBuf,
    /// The entry in a keyring that may hold an older sign-in.
    pub older: Option<Vault>,
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
        match *self.to {
            SaveTo::File(save) => save.commit(file),
            SaveTo::Keyring(save) => save.commit(file),
        }
    }
}

impl FileSave {
    /// Writes, syncs and renames.
    fn commit(mut self, file: &AuthFile) -> Result<Option<String>> {
        let failed = |step, error: &io::Error| not_saved(&self.target, step, error);
        let bytes = file
            .to_bytes()
            .map_err(|error| failed("encode", &error.into()))?;
        self.disk
            .write(self.temporary.as_file_mut(), &bytes)
            .map_err(|error| failed("write", &error))?;
        // The reserved space is usually longer.
        self.temporary
            .as_file()
            .set_len(bytes.len() as u64)
            .map_err(|error| failed("write", &error))?;
        self.disk
            .sync(self.temporary.as_file())
            .map_err(|error| failed("sync", &error))?;
        self.disk
            .rename(self.temporary.into_temp_path(), &self.target)
            .map_err(|error| not_saved(&self.target, "rename", &error))?;
        let warning = self
            .disk
            .sync_folder(folder_of(&self.target))
            .err()
            .map(|error| {
                format!(
                    "Saved, but the folder of {} could not be synced ({error}): \
                     a power failure now could undo it",
                    self.target.display()
                )
            });
        Ok(warning.or_else(|| self.older.as_ref().and_then(forget)))
    }
}

/// Empties the keyring after a save in the file. It does not count, so nobody is asked to
/// unlock it, and only an entry that stays is worth a word.
fn forget(older: &Vault) -> Option<String> {
    match older.delete_if_unlocked().wait() {
        Ok(_) => None,
        Err(KeyringFailure::Locked) => Some(OLDER_STAYS.to_owned()),
        Err(failure) => {
            tracing::debug!(?failure, "the keyring was not looked into");
            None
        }
    }
}

impl KeyringSave {
    /// Writes, reads back, and only then removes the file.
    fn commit(self, file: &AuthFile) -> Result<Option<String>> {
        let text = serde_json::to_string(file)
            .map_err(|error| not_kept(Error::storage("Encoding failed").with_source(error)))?;
        let written = self.vault.write(SecretString::from(text), &self.notify);
        let written = written.wait().map_err(|failure| not_kept(failure.into()))?;
        if let Written::Unseen(failure) = written {
            // An older copy in the file is better than none at all.
            return Ok(Some(format!(
                "Saved in the system's keyring, but not read back: {}",
                Error::from(failure).in_full()
            )));
        }
        let removed = self.store.remove_files(self.lock_is_real, &self.notify);
        Ok(removed.err().map(|error| {
            format!("Saved in the system's keyring, but an older copy stays: {error}")
        }))
    }
}

fn not_kept(error: Error) -> Error {
    error.under("Could not save the credentials in the system's keyring")
}

pub fn not_saved(target: &Path, step: &str, source: &io::Error) -> Error {
    Error::storage(format!("Could not save {}", target.display()))
        .with_source(format!("{step} failed: {source}"))
        .with_hint("Nothing was changed. Check free space and permissions, then try again")
}
