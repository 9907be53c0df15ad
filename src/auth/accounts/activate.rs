//! Making a parked account the active one.

use super::exec_lock::ExecLock;
use super::slot::SlotAccess;
use super::swap::Swap;
use super::{Accounts, StoredAccount};
use crate::auth::store::{Store, StoreLock};
use crate::auth::system::on_blocking_thread;
use crate::error::{Error, Result};

/// The result of making an account the active one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Activated {
    /// It was that already, and nothing has changed.
    pub already: bool,
    /// The one that was active before, and is parked now.
    pub parked: Option<StoredAccount>,
}

impl Accounts {
    /// Makes `account` the active one, and parks the one that was. What is parked is what
    /// `auth.json` holds at that moment, whoever refreshed it last.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a lock stays taken, a command
    /// runs as the account, its file is damaged, or the disk fails; nothing has changed then.
    /// [`ErrorKind::NotSignedIn`](crate::ErrorKind::NotSignedIn) when it has been signed out.
    pub async fn activate(&self, account: &StoredAccount) -> Result<Activated> {
        let home = self.begin().await?;
        let account = self.again(account)?;
        if account.active {
            return Ok(Activated {
                already: true,
                parked: None,
            });
        }
        let (_home, before) = self.swap_in(home, &account).await?;
        let parked = before.map(|before| self.where_it_is(before, &account));
        Ok(Activated {
            already: false,
            parked,
        })
    }

    /// The account that was active, as it is parked now: a damaged one has another name there.
    fn where_it_is(&self, before: StoredAccount, now_active: &StoredAccount) -> StoredAccount {
        let mut accounts = self.list().unwrap_or_default().into_iter();
        let found = accounts.find(|it| it.is(&before, now_active.store.home()));
        found.unwrap_or(before)
    }

    /// Returns whether the active account is where no rename leads: in a keyring, or in a file
    /// that is a mount point.
    pub(super) fn cannot_swap(&self, home: &StoreLock) -> bool {
        home.saves_in_keyring() || self.store.is_mount()
    }

    /// Fails unless the account is still in that slot. Under the locks, for a change that was
    /// decided before they were waited for.
    pub(super) fn still_in(&self, account: &StoredAccount, slot: &Store) -> Result<()> {
        if self.again(account)?.store.home() == slot.home() {
            return Ok(());
        }
        let message = format!("The account {} was moved meanwhile", account.description());
        Err(Error::storage(message).with_hint("Try again"))
    }

    /// Refuses while a command runs as the active account; keeps others from beginning.
    pub(super) async fn lock_out_commands(&self, active: &StoredAccount) -> Result<ExecLock> {
        let lock = ExecLock::of_home(&self.store).await;
        lock.map_err(|in_use| in_use.refuse(&self.store, &active.description()))
    }

    /// Lets a parked account and the active one, if there is any, change places; the latter is
    /// returned.
    pub(super) async fn swap_in(
        &self,
        home: StoreLock,
        account: &StoredAccount,
    ) -> Result<(StoreLock, Option<StoredAccount>)> {
        if account.details.is_err() {
            return Err(account.damaged());
        }
        let slot = SlotAccess::take(account).await?;
        // The lock may have been waited for, and the account signed out meanwhile.
        let account = self.again(account)?;
        let before = self.list()?.into_iter().find(|account| account.active);
        let _exec = match &before {
            Some(before) => Some(self.lock_out_commands(before).await?),
            None => None,
        };
        if self.cannot_swap(&home) {
            self.swap_by_copies(&home, &account, slot).await?;
            if home.saves_in_keyring() {
                self.store
                    .tell("Parked accounts stay in files: only the active one is in the keyring");
            }
            return Ok((home, before));
        }
        let home_write = self.store.write_lock().await?;
        let slot_write = slot.store.write_lock().await?;
        self.still_in(&account, &slot.store)?;
        let swap = Swap {
            disk: self.store.disk(),
            active: self.store.target()?,
            parked: account.path(),
            spare: self.store.new_slot_path()?,
        };
        // The locks go along: they must not be let go before the renames.
        let (home, warning) = on_blocking_thread(move || {
            let warning = swap.run()?;
            drop((home_write, slot_write));
            slot.tidy();
            Ok((home, warning))
        })
        .await?;
        if let Some(warning) = warning {
            self.store.tell(warning);
        }
        Ok((home, before))
    }
}
