//! A parked account and the active one change places, so that each grant is in exactly one file at
//! every instant.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::slot::{SlotAccess, lock_out_commands};
use super::snapshot::Snapshot;
use super::{Accounts, StoredAccount};
use crate::auth::store::disk::Disk;
use crate::auth::store::{PreparedSave, Save, Store, StoreLock, folder_of};
use crate::auth::system::on_blocking_thread;
use crate::error::{Error, Result};
use crate::platform::make_file_private;

impl Accounts {
    /// Makes a parked account the active one. The one that was active, if any, is parked in the
    /// slot that is returned.
    pub(super) async fn swap_in(
        &self,
        home: StoreLock,
        snapshot: &Snapshot,
        account: &StoredAccount,
    ) -> Result<(StoreLock, Option<Store>)> {
        account.credentials()?;
        let slot = SlotAccess::take(account).await?;
        let _no_commands = match snapshot.active() {
            Some(active) => lock_out_commands(&self.store, true, || active.description()).await?,
            None => None,
        };
        if self.cannot_swap(&home) {
            let parked = self.swap_by_copies(&home, account, slot).await?;
            if home.saves_in_keyring() {
                self.store
                    .tell("Parked accounts stay in files: only the active one is in the keyring");
            }
            return Ok((home, parked));
        }
        let write_locks = [
            self.store.write_lock().await?,
            slot.store.write_lock().await?,
        ];
        account.check_in_place()?;
        let store = self.store.clone();
        // The locks move into the closure: they must not be released before the renames.
        on_blocking_thread(move || {
            let parked = swap_by_renames(&store, &slot.store)?;
            drop(write_locks);
            slot.tidy();
            Ok((home, parked))
        })
        .await
    }

    /// Returns whether no rename can replace the active account: it is in a keyring, or its file is
    /// a mount point.
    pub(super) fn cannot_swap(&self, home: &StoreLock) -> bool {
        home.saves_in_keyring() || self.store.is_mount()
    }

    /// Swaps by copying, because an account that no rename can replace cannot change places in one
    /// step. Each grant is written to its new place before it is removed from the old one. A crash
    /// leaves at most one grant in two places, which a repair resolves.
    async fn swap_by_copies(
        &self,
        home: &StoreLock,
        account: &StoredAccount,
        slot: SlotAccess,
    ) -> Result<Option<Store>> {
        let save = self.store.prepare(home).await?;
        // No step waits from here on, so what is read now stays valid.
        account.check_in_place()?;
        let mut parked = None;
        if let Some(active) = self.store.read_async().await?.contents.into_file()? {
            let parking = self.new_slot()?;
            let save = Save::prepare(parking.store(), async { Ok(active) }).await?;
            if let Some(warning) = save.commit().await?.warning {
                self.store.tell(warning);
            }
            parked = Some(parking.store().clone());
        }
        self.move_to_active(save, slot).await?;
        Ok(parked)
    }

    /// Saves the account in `slot` as the active one, then empties the slot. Even if a step fails,
    /// the account is in at least one of the two places.
    pub(super) async fn move_to_active(&self, save: PreparedSave, slot: SlotAccess) -> Result<()> {
        let write_lock = slot.store.write_lock().await?;
        let file = slot.store.read_async().await?.contents.into_file()?;
        let file = file.ok_or_else(|| Error::not_signed_in("The account has been signed out"))?;
        let warning = on_blocking_thread(move || {
            let kept = save.commit(&file)?;
            drop(write_lock);
            // If the save is uncertain, the account also stays in its slot until a repair.
            if !kept.is_uncertain {
                slot.empty()?;
            }
            Ok(kept.warning)
        });
        if let Some(warning) = warning.await? {
            self.store.tell(warning);
        }
        Ok(())
    }
}

/// Makes the file in `slot` the active one, and returns the slot in which the one that was active
/// is parked. Blocking.
///
/// # Errors
/// [`ErrorKind::Storage`](crate::ErrorKind::Storage); everything is where it was, or, where
/// two renames were needed and the second could not be undone, both are parked.
fn swap_by_renames(store: &Store, slot: &Store) -> Result<Option<Store>> {
    let (disk, active, parked) = (store.disk(), store.target()?, slot.path());
    let moved = match active.symlink_metadata() {
        Ok(_) => exchange(&*disk, &active, &parked, store).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk.rename(&parked, &active).map(|()| None)
        }
        // The active file may hold an account that a move would destroy.
        Err(error) => Err(error),
    };
    let now_in = moved.map_err(|error| not_replaced(&active, error))?;
    let folders = [folder_of(&active), folder_of(&parked)];
    let mut synced = folders.iter().map(|folder| disk.sync_folder(folder));
    if let Some(error) = synced.find_map(Result::err) {
        store.tell(format!(
            "Done, but could not sync a folder ({error}): a power failure now could undo it"
        ));
    }
    Ok(now_in.map(|folder| store.at(folder)))
}

/// Exchanges two files, and returns the folder in which the previously active one is now.
fn exchange(disk: &dyn Disk, active: &Path, parked: &Path, store: &Store) -> io::Result<PathBuf> {
    // A parked file must be readable by this user alone, whatever its mode was.
    let _ = make_file_private(active);
    // The renames are synced later, and must not reach the disk before the files.
    for file in [active, parked] {
        disk.sync(&File::open(file)?)?;
    }
    match disk.swap(active, parked) {
        Ok(()) => Ok(folder_of(parked).to_owned()),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            let spare = store.new_slot_path().map_err(io::Error::other)?;
            move_through(&spare, disk, active, parked)?;
            Ok(spare)
        }
        Err(error) => Err(error),
    }
}

/// Exchanges the files with two renames and a spare slot: between the renames both files are
/// parked, and are listed as such.
fn move_through(spare: &Path, disk: &dyn Disk, active: &Path, parked: &Path) -> io::Result<()> {
    disk.create_folder(spare)?;
    let aside = spare.join(parked.file_name().unwrap_or_default());
    if let Err(error) = disk.rename(active, &aside) {
        let _ = disk.remove_folder(spare);
        return Err(error);
    }
    // The second rename must not reach the disk before the first.
    for folder in [spare, folder_of(spare), folder_of(active)] {
        let _ = disk.sync_folder(folder);
    }
    disk.rename(parked, active).inspect_err(|_| {
        if disk.rename(&aside, active).is_ok() {
            let _ = disk.remove_folder(spare);
        }
    })
}

fn not_replaced(active: &Path, error: io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::CrossesDevices => {
            "It links to another file system: replace it with a regular file"
        }
        _ => "Check free space and permissions, then try again",
    };
    let message = format!("Could not replace {}", active.display());
    Error::storage(message).with_source(error).with_hint(hint)
}
