//! Leftovers of killed programs: temporary files that may hold tokens, in the home and in the
//! slots. The code that removes them and `doctor` share these lists.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::disk::TemporaryName;
#[cfg(feature = "cli")]
use super::lock::lock_holder;
use super::{Store, folder_of};
#[cfg(feature = "cli")]
use crate::platform::is_someone_elses;

/// The lock of a sign-in to a new slot. It marks a slot that is still empty but not left over.
pub const WAITING_LOCK: &str = "add.lock";

impl Store {
    /// Returns the temporary files of saves: ours, also beside the target of a link, those of a
    /// sign-in that was left for later, and the Codex CLI's.
    pub(in crate::auth) fn half_saves(&self) -> Vec<PathBuf> {
        let mut found = self.temporary_name(&self.home).files_in(&self.home);
        if let Ok(target) = self.target()
            && target != self.path()
        {
            let folder = folder_of(&target);
            found.extend(self.temporary_name(folder).files_in(folder));
        }
        found.extend(self.temporary_pending().files_in(&self.home));
        let entries = self.home.read_dir().into_iter().flatten().flatten();
        let theirs = entries.filter(|entry| {
            let name = entry.file_name();
            self.product.is_codex_temporary(&name.to_string_lossy())
        });
        found.extend(theirs.map(|entry| entry.path()));
        found
    }

    /// Removes what killed saves left. Call only under both locks.
    pub(super) fn remove_half_saves(&self) {
        for path in self.half_saves() {
            // Best effort: the next lock tries again.
            let _ = self.disk.remove_file(&path);
        }
    }

    /// Removes what killed saves left, unless another program is saving. Call only under the lock.
    pub(super) async fn clear_half_saves(&self) {
        if self.half_saves().is_empty() {
            return;
        }
        // The Codex CLI does not always take the first lock.
        let write = self.at_once().write_lock().await;
        if write.is_ok_and(|write| write.is_real()) {
            self.remove_half_saves();
        }
    }

    /// Returns whether there is no file with credentials.
    pub(in crate::auth) fn is_vacant(&self) -> bool {
        self.path().symlink_metadata().is_err()
    }

    /// Removes what is left in a slot without credentials. Call only under its locks.
    pub(in crate::auth) fn clear_vacant(&self) {
        self.remove_half_saves();
        let _ = self.disk.remove_file(&self.damaged_path());
    }

    /// Returns the pattern of the temporary files that an interrupted change of the names leaves in
    /// the accounts folder.
    pub(in crate::auth) fn temporary_names(folder: &Path) -> TemporaryName {
        TemporaryName::new(folder, folder, "names.json")
    }

    fn temporary_pending(&self) -> TemporaryName {
        TemporaryName::new(&self.home, &self.home, "pending-sign-in")
    }

    /// Creates the temporary file of a sign-in that is left for later.
    pub(crate) fn create_temporary_pending(&self) -> io::Result<NamedTempFile> {
        self.disk.create(&self.home, &self.temporary_pending())
    }

    /// Returns everything that killed programs left behind, in the slots too. Changes nothing.
    #[cfg(feature = "cli")]
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        let mut found = self.half_saves_and_damaged();
        let Ok(Some(folder)) = self.accounts_folder() else {
            return found;
        };
        found.extend(Self::temporary_names(&folder).files_in(&folder));
        let slots = folder.read_dir().into_iter().flatten().flatten();
        for slot in slots.map(|entry| entry.path()) {
            let is_ours = slot
                .symlink_metadata()
                .is_ok_and(|slot| slot.is_dir() && !is_someone_elses(&slot));
            if is_ours {
                found.extend(self.at(&slot).left_in_slot());
            }
        }
        found
    }

    #[cfg(feature = "cli")]
    fn half_saves_and_damaged(&self) -> Vec<PathBuf> {
        let damaged = Some(self.damaged_path()).filter(|path| path.exists());
        self.half_saves().into_iter().chain(damaged).collect()
    }

    #[cfg(feature = "cli")]
    fn left_in_slot(&self) -> Vec<PathBuf> {
        if !self.is_vacant() {
            return self.half_saves();
        }
        if !matches!(lock_holder(&self.home.join(WAITING_LOCK)), Ok(None)) {
            return Vec::new();
        }
        let found = self.half_saves_and_damaged();
        if found.is_empty() {
            return vec![self.home.clone()];
        }
        found
    }
}
