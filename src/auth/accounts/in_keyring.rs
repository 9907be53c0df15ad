//! Changing places where no rename leads to the active account: it is the entry in a keyring, or
//! a file that is a mount point. It and a file cannot change places at one instant, so a grant is
//! first written to its new place, and then removed from the old one. A crash leaves at most one
//! in both, which a repair ends.

use super::slot::SlotAccess;
use super::{Accounts, StoredAccount};
use crate::auth::file::auth_file::AuthFile;
use crate::auth::store::{Contents, PreparedSave, Save, Store, StoreLock};
use crate::auth::system::on_blocking_thread;
use crate::error::{Error, Result};

impl Accounts {
    /// Parks the active account, if there is one, in a new slot, and moves the one in `slot` to
    /// its place.
    pub(super) async fn swap_by_copies(
        &self,
        home: &StoreLock,
        account: &StoredAccount,
        slot: SlotAccess,
    ) -> Result<()> {
        let save = self.store.prepare(home).await?;
        // All that was waited for is over: what is read from here on is what counts.
        self.still_in(account, &slot.store)?;
        if let Some(active) = stored_in(&self.store).await? {
            let parking = self.new_slot()?;
            let save = Save::prepare(parking.store(), async { Ok(active) }).await?;
            if let Some(warning) = save.commit().await?.warning {
                self.store.tell(warning);
            }
        }
        self.move_to_active(save, slot).await
    }

    /// Saves the account in `slot` as the active one, then empties the slot. Whatever fails, it
    /// is in one of them.
    pub(super) async fn move_to_active(&self, save: PreparedSave, slot: SlotAccess) -> Result<()> {
        let write = slot.store.write_lock().await?;
        let file = stored_in(&slot.store).await?;
        let file = file.ok_or_else(|| Error::not_signed_in("The account has been signed out"))?;
        let warning = on_blocking_thread(move || {
            let kept = save.commit(&file)?;
            drop(write);
            if !kept.is_uncertain {
                slot.empty()?;
            }
            // One that may not have arrived stays in its slot: a repair ends the double.
            Ok(kept.warning)
        });
        if let Some(warning) = warning.await? {
            self.store.tell(warning);
        }
        Ok(())
    }
}

async fn stored_in(store: &Store) -> Result<Option<Box<AuthFile>>> {
    match store.read_async().await?.contents {
        Contents::Missing => Ok(None),
        Contents::File(file) => Ok(Some(file)),
        Contents::Damaged(_, error) => Err(error),
    }
}
