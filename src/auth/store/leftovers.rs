//! What killed programs leave behind: temporary files that may hold tokens, here and in the slots.
//! One place knows the patterns, for those who remove them and for `doctor`.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::disk::{TemporaryName, leftovers};
use super::{Store, StoreLock};
#[cfg(feature = "cli")]
use crate::platform::is_someone_elses;

/// Held while a sign-in to a new slot is waited for: the slot is empty, but not left over.
pub const WAITING_LOCK: &str = "add.lock";

impl Store {
    /// Returns the temporary files of saves in this folder: ours, of a sign-in that was left too,
    /// and the Codex CLI's own.
    pub(super) fn half_saves(&self) -> Vec<PathBuf> {
        let mut found = leftovers(&self.home, &self.temporary_name(&self.home));
        found.extend(leftovers(&self.home, &self.temporary_pending()));
        let entries = self.home.read_dir().into_iter().flatten().flatten();
        let theirs = entries.filter(|entry| {
            let name = entry.file_name();
            self.names.is_codex_temporary(&name.to_string_lossy())
        });
        found.extend(theirs.map(|entry| entry.path()));
        found
    }

    /// Removes them. Only where nobody can be saving.
    pub(super) fn remove_half_saves(&self) {
        for path in self.half_saves() {
            // Best effort: the next change tries again.
            let _ = self.disk.remove_file(&path);
        }
    }

    /// Removes what killed saves left in this folder, unless somebody is saving.
    pub(in crate::auth) async fn clear_half_saves(&self, lock: &StoreLock) {
        if !lock.is_real() || self.half_saves().is_empty() {
            return;
        }
        // The Codex CLI does not always take the first lock.
        let write = self.at_once().write_lock().await;
        if write.is_ok_and(|write| write.is_real()) {
            self.remove_half_saves();
        }
    }

    /// Returns whether there is nothing to sign in with here.
    pub(in crate::auth) fn is_vacant(&self) -> bool {
        self.path().symlink_metadata().is_err()
    }

    /// Removes what is left in a slot without credentials. Under its locks.
    pub(in crate::auth) fn clear_vacant(&self) {
        self.remove_half_saves();
        let _ = self.disk.remove_file(&self.damaged_path());
    }

    /// Returns the pattern of what a killed change of the names leaves in the accounts folder.
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
        let mut found = self.half_saves();
        found.extend(Some(self.damaged_path()).filter(|path| path.exists()));
        let Ok(Some(folder)) = self.accounts_folder() else {
            return found;
        };
        found.extend(leftovers(&folder, &Self::temporary_names(&folder)));
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
    fn left_in_slot(&self) -> Vec<PathBuf> {
        use super::lock::{LockState, lock_state};
        if !self.is_vacant() {
            return self.half_saves();
        }
        if lock_state(&self.home.join(WAITING_LOCK)) != LockState::Free {
            return Vec::new();
        }
        let mut found = self.half_saves();
        found.extend(Some(self.damaged_path()).filter(|path| path.exists()));
        if found.is_empty() {
            found.push(self.home.clone());
        }
        found
    }
}
