//! Changing places where the active account is the entry in a keyring. A keyring and a file
//! cannot change places at one instant, so a grant is first written to its new place, and then
//! removed from the old one. A crash leaves at most one in both, which a repair ends.

use tokio::time::Instant;

use super::Accounts;
use super::slot::SlotAccess;
use crate::auth::auth_file::AuthFile;
use crate::auth::blocking::on_blocking_thread;
use crate::auth::notify::Notify;
use crate::auth::store::{Contents, LOCK_TIMEOUT, LockedSave, Store, StoreLock};
use crate::error::{Error, Result};

impl Accounts {
    /// Parks the active account, if there is one, in a new slot, and moves the one in `slot` to
    /// the keyring.
    pub(super) async fn swap_in_keyring(
        &self,
        home: &StoreLock,
        slot: SlotAccess,
        notify: &Notify,
    ) -> Result<()> {
        if let Some(active) = stored_in(&self.store).await? {
            let parking = self.new_slot()?;
            let active = async { Ok(active) };
            let save = LockedSave::prepare(parking.store(), notify, active).await?;
            if let Some(warning) = save.commit().await? {
                notify.tell(warning);
            }
        }
        self.move_to_keyring(home, slot, notify).await
    }

    /// Saves the account in `slot` in the keyring, then empties the slot. Whatever fails, it is
    /// in one of them.
    pub(super) async fn move_to_keyring(
        &self,
        home: &StoreLock,
        slot: SlotAccess,
        notify: &Notify,
    ) -> Result<()> {
        let file = stored_in(&slot.store).await?;
        let file = file.ok_or_else(|| Error::not_signed_in("The account has been signed out"))?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        let save = self.store.prepare(home, deadline, notify).await?;
        let warning = on_blocking_thread(move || {
            let warning = save.commit(&file)?;
            slot.empty()?;
            Ok(warning)
        });
        if let Some(warning) = warning.await? {
            notify.tell(warning);
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
