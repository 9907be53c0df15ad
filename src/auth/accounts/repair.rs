//! Repairs what crashes and other programs leave behind. No journal is needed: each file names its
//! owner.

use super::slot::SlotAccess;
use super::snapshot::{Snapshot, problem_with};
use super::{Accounts, StoredAccount};
use crate::auth::store::lock::{Attempt, Lock, LockKind};
use crate::auth::store::{Store, StoreLock, WAITING_LOCK};
use crate::auth::system::on_blocking_thread;
use crate::error::{Error, Result};

impl Accounts {
    /// Repairs what killed programs have left behind, and removes their temporary files, unless
    /// another program holds the lock. Best effort: the next change repairs too.
    #[cfg(feature = "cli")]
    #[doc(hidden)]
    pub async fn tidy(&self) {
        if self.store.leftovers().is_empty() {
            return;
        }
        let quiet = self.notifying(&crate::auth::Notify::default());
        if let Ok(home) = self.store.at_once().lock().await
            && let Err(error) = quiet.repair(&home, None).await
        {
            tracing::warn!(?error, "not everything was repaired");
        }
    }

    /// Removes what killed programs have left behind, and merges two sign-ins to one account: the
    /// newer takes the older one's place. `newest` is newer than all others, whatever the clocks
    /// said. Only under the lock of the codex home.
    ///
    /// A slot that another program uses is left for the next repair. Returns the accounts as they
    /// are now, and the older sign-ins that were found.
    pub(super) async fn repair(
        &self,
        home: &StoreLock,
        newest: Option<&Store>,
    ) -> Result<Snapshot> {
        self.park_stray(home).await?;
        let slots = self.slots()?;
        self.clear_leftovers(home, &slots).await?;
        let mut snapshot = self.read(&slots, newest);
        let older = snapshot.older.clone();
        // Each round leaves one file less.
        while self.merge_one(home, &snapshot).await? {
            snapshot = self.read(&slots, newest);
        }
        Ok(Snapshot { older, ..snapshot })
    }

    /// Removes temporary files, and empty slots that no sign-in is about to fill.
    async fn clear_leftovers(&self, home: &StoreLock, slots: &[Store]) -> Result<()> {
        if home.is_real()
            && let Some(folder) = self.store.accounts_folder()?
        {
            for path in Store::temporary_names(&folder).files_in(&folder) {
                // Best effort: the next repair tries again.
                let _ = self.store.disk().remove_file(&path);
            }
        }
        for slot in slots {
            if problem_with(slot).is_some() {
                continue;
            }
            if !slot.is_vacant() {
                if !slot.half_saves().is_empty() {
                    // Taking the lock removes what killed saves left.
                    let _ = slot.at_once().lock().await;
                }
                continue;
            }
            let waiting = slot.home().join(WAITING_LOCK);
            if let Ok(Attempt::Taken(lock)) = Lock::attempt(&waiting, LockKind::Exclusive)
                && lock.is_real()
                && let Some(access) = SlotAccess::try_take(slot).await
            {
                access.tidy();
            }
        }
        Ok(())
    }

    /// Parks an `auth.json` that was saved while there was no keyring: now that there is one, the
    /// file does not count.
    async fn park_stray(&self, home: &StoreLock) -> Result<()> {
        if !home.saves_in_keyring() || !self.has_stray() {
            return Ok(());
        }
        let _write = self.store.write_lock().await?;
        if self.has_stray() {
            self.store.park_file(None)?;
        }
        Ok(())
    }

    /// Merges one of the older sign-ins into the newer one; `false` when none can be merged.
    async fn merge_one(&self, home: &StoreLock, snapshot: &Snapshot) -> Result<bool> {
        for older in &snapshot.older {
            if let Some(newer) = snapshot.same_as(older)
                && self.merge(home, newer, older).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Replaces the older file. Returns `false` when another program uses one of them, or has
    /// changed one since it was read.
    async fn merge(
        &self,
        home: &StoreLock,
        newer: &StoredAccount,
        older: &StoredAccount,
    ) -> Result<bool> {
        let are_unchanged = || newer.is_unchanged() && older.is_unchanged();
        let changed_slot = if newer.active { older } else { newer };
        let Some(slot) = SlotAccess::try_take(&changed_slot.store).await else {
            return Ok(false);
        };
        if newer.active {
            let _write_lock = self.store.write_lock().await?;
            if !are_unchanged() {
                return Ok(false);
            }
            slot.empty()?;
            return Ok(true);
        }
        if older.active && self.cannot_swap(home) {
            let save = self.store.prepare(home).await?;
            if !are_unchanged() {
                return Ok(false);
            }
            self.move_to_active(save, slot).await?;
            // If the slot is not empty now, the next round would find the same two sign-ins again.
            return Ok(!newer.is_unchanged());
        }
        // A command that runs as the account goes on with the newer sign-in.
        let mut older_lock = None;
        if !older.active {
            let Ok(lock) = older.store.at_once().lock().await else {
                return Ok(false);
            };
            older_lock = Some(lock);
        }
        let write_locks = [
            older.store.write_lock().await?,
            newer.store.write_lock().await?,
        ];
        if !are_unchanged() {
            return Ok(false);
        }
        let (from, to) = (newer.store.path(), older.store.target()?);
        let disk = self.store.disk();
        on_blocking_thread(move || {
            disk.rename(&from, &to).map_err(|error| {
                Error::storage(format!("Could not replace {}", to.display())).with_source(error)
            })?;
            for folder in [from.parent(), to.parent()].into_iter().flatten() {
                let _ = disk.sync_folder(folder);
            }
            slot.tidy();
            drop((write_locks, older_lock));
            Ok(())
        })
        .await?;
        Ok(true)
    }
}
