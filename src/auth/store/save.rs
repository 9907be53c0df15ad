//! The last steps of a save: write, sync, rename, sync the folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;
use tokio::time::Instant;

use super::folder_of;
use crate::auth::auth_file::AuthFile;
use crate::auth::disk::Disk;
use crate::auth::lock::Lock;
use crate::auth::notify::Notify;
use crate::error::{Error, Result};

/// A save with its temporary file: write, fsync and rename are left.
pub struct PreparedSave {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) temporary: NamedTempFile,
    pub(super) target: PathBuf,
    /// `auth.json.lock`, unless it is taken later.
    pub(super) write_lock: Option<Lock>,
    pub(super) write_lock_path: PathBuf,
}

impl PreparedSave {
    /// Takes `auth.json.lock`, around the write alone, unless it is held already.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it stays taken; committing is possible all the same.
    pub async fn lock_for_write(&mut self, deadline: Instant, notify: &Notify) -> Result<()> {
        if self.write_lock.is_none() {
            let lock = Lock::acquire(&self.write_lock_path, deadline, notify).await?;
            self.write_lock = Some(lock);
        }
        Ok(())
    }

    /// Writes, syncs and renames. When it returns `Ok`, the credentials are on disk; the
    /// text is a warning: the folder could not be synced, so a power failure may undo it.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage); the old file is untouched and the temporary file gone.
    pub fn commit(mut self, file: &AuthFile) -> Result<Option<String>> {
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
        Ok(warning)
    }
}

pub fn not_saved(target: &Path, step: &str, source: &io::Error) -> Error {
    Error::storage(format!("Could not save {}", target.display()))
        .with_source(format!("{step} failed: {source}"))
        .with_hint("Nothing was changed. Check free space and permissions, then try again")
}
