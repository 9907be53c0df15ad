//! Removes the credentials: the file, the keyring's entry, and the copy of a damaged file.

use std::io;
use std::path::{Path, PathBuf};

use super::Store;
use super::keyring::KeyringFailure;
use super::new_file::empty_mount;
use super::read::{Links, links_in, read_regular, unreadable};
use super::store_lock::StoreLock;
use crate::auth::file::auth_file::AuthFile;
use crate::error::{Error, Result};
use crate::text::clean;
use crate::users;

/// The warning when the file counts, and the keyring cannot be emptied.
pub(super) const OLDER_STAYS: &str = "An older sign-in stays in the system's keyring, because it is locked: unlock it, then sign out";

impl Store {
    /// Removes the credentials from the file and the keyring, and the target of a link if that is a
    /// file of credentials. Returns whether there were any. Call only under `auth.json.lock`.
    pub(in crate::auth) async fn remove(&self, lock: &StoreLock) -> Result<bool> {
        let was_in_keyring = match &lock.vault {
            Some(vault) => vault.delete(Some(&self.notify)).answer().await?,
            None => self.delete_older_entry().await,
        };
        let was_in_file = self.remove_files()?;
        Ok(was_in_keyring || was_in_file)
    }

    /// Deletes the keyring's entry when the file counts. A failure is only a warning.
    async fn delete_older_entry(&self) -> bool {
        let Some(vault) = self.reachable_vault() else {
            return false;
        };
        match vault.delete(None).answer().await {
            Ok(deleted) => return deleted,
            Err(KeyringFailure::Absent(_)) => {}
            Err(KeyringFailure::Locked) => self.tell(OLDER_STAYS),
            Err(failure) => self.tell(format!(
                "An older sign-in may stay in the system's keyring: {}",
                Error::from(failure).in_full()
            )),
        }
        false
    }

    /// Removes `auth.json`, the copy of a damaged one and what killed saves left. Returns whether
    /// there was a file.
    pub(super) fn remove_files(&self) -> Result<bool> {
        let path = self.path();
        // These files may hold tokens, and may also be beside the target of a link.
        self.remove_half_saves();
        self.remove_unfinished()?;
        if path.is_symlink()
            && let Ok(target) = path.canonicalize()
        {
            if self.is_ours(&target) {
                self.remove_or_empty(&target)?;
            } else {
                let target = clean(&target.display().to_string());
                self.tell(format!(
                    "{target} was not deleted: only the link to it was removed"
                ));
            }
        }
        let was_there = self.remove_or_empty(&path)?;
        self.remove_file(&self.damaged_path())?;
        Ok(was_there)
    }

    /// Returns whether the target of a link may be deleted: it is a file of credentials, and only
    /// this user can have made the link.
    fn is_ours(&self, target: &Path) -> bool {
        let bytes = match links_in(&self.home) {
            Links::Follow => read_regular(target, Links::Refuse).ok().flatten(),
            Links::Refuse => None,
        };
        let file = bytes.and_then(|bytes| AuthFile::parse(&bytes).ok());
        file.is_some_and(|file| file.holds_anything())
    }

    /// Returns whether signing out would remove anything.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the folder or a keyring that counts
    /// cannot be read.
    pub(in crate::auth) async fn holds_anything(&self) -> Result<bool> {
        let asked = self.asked_vault()?;
        if self.holds_a_file()? {
            return Ok(true);
        }
        let counts = asked.is_some();
        let Some(vault) = asked.or_else(|| self.reachable_vault()) else {
            return Ok(false);
        };
        match vault.read(None).answer().await {
            Ok(entry) => Ok(entry.is_some()),
            Err(KeyringFailure::Locked) => Ok(true),
            Err(failure) if counts && !self.may_use_file(&failure) => Err(failure.into()),
            Err(_) => Ok(false),
        }
    }

    fn holds_a_file(&self) -> Result<bool> {
        let is_there = |path: PathBuf| match path.symlink_metadata() {
            Ok(found) => Ok(!found.is_file() || found.len() > 0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            // An unreadable folder may hold a file.
            Err(error) => Err(unreadable(&path, error)),
        };
        Ok(is_there(self.path())?
            || is_there(self.damaged_path())?
            || !self.half_saves().is_empty())
    }

    /// Removes a file, or empties it if it is a mount point.
    fn remove_or_empty(&self, path: &Path) -> Result<bool> {
        if !self.disk.is_mount_point(path) {
            return self.remove_file(path);
        }
        let shown = path.display();
        empty_mount(&*self.disk, path).map_err(|error| {
            Error::storage(format!("Could not empty {shown}"))
                .with_source(error)
                .with_hint("It is a mount point: unmount it, or mount it writable")
        })?;
        self.tell(format!(
            "{} is a mount point: it is empty now, and the mount stays",
            clean(&shown.to_string())
        ));
        Ok(true)
    }

    pub(in crate::auth) fn remove_file(&self, path: &Path) -> Result<bool> {
        match self.disk.remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(
                Error::storage(format!("Could not remove {}", path.display()))
                    .with_source(source)
                    .with_hint(users::command(
                        if path.is_dir() {
                            "Remove it by hand: rm -r"
                        } else {
                            "Remove it by hand: rm"
                        },
                        &[path],
                    )),
            ),
        }
    }
}
