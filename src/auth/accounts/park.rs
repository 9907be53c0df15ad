//! Parking what was just signed in to.

use super::exec_lock::ExecLock;
use super::read::Found;
use super::slot::NewSlot;
use super::{Accounts, StoredAccount, names};
use crate::auth::file::owner::Owner;
use crate::error::{Error, Result};

/// An account that was added.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Added {
    /// As it is listed from now on.
    pub account: StoredAccount,
    /// The name that was wished for belongs to another account.
    pub name_was_taken: bool,
    /// The same account was there before, and the new sign-in has taken the older one's place.
    pub was_there: bool,
}

impl Accounts {
    /// Takes in the sign-in that `slot` holds. Where there is no active account it becomes
    /// that; where the same account is there already, active or parked, the new sign-in
    /// takes the older one's place. A sign-in that is on disk is listed, whatever fails here.
    ///
    /// # Errors
    /// [`ErrorKind::NotSignedIn`](crate::ErrorKind::NotSignedIn) when the slot is empty;
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a bad name;
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a lock stays taken or the disk
    /// fails.
    pub async fn park(&self, mut slot: NewSlot, name: Option<&str>) -> Result<Added> {
        name.map_or(Ok(()), names::check_name)?;
        let owner = self.owner_in(&slot)?;
        let mut home = self.lock().await?;
        slot.is_filled();
        let of_owner = |found: &&Found| found.owner.as_ref() == Some(&owner);
        let was_there = self.found()?.iter().filter(of_owner).count() > 1;
        self.repair(&home, Some(slot.store())).await?;
        let account = self.owned_by(&owner)?;
        // A command that runs as the account keeps it where it is.
        if !self.list()?.iter().any(|account| account.active)
            && ExecLock::of_slot(&account.store).await.is_ok()
        {
            (home, _) = self.swap_in(home, &account).await?;
        }
        let name_was_taken = self.name_new(&owner, name)?;
        drop((slot, home));
        Ok(Added {
            account: self.owned_by(&owner)?,
            name_was_taken,
            was_there,
        })
    }

    fn owner_in(&self, slot: &NewSlot) -> Result<Owner> {
        let found = self.found()?.into_iter();
        let mut found = found.filter(|found| found.store.home() == slot.store().home());
        let owner = found.next().and_then(|found| found.owner);
        owner.ok_or_else(nothing_new)
    }

    fn owned_by(&self, owner: &Owner) -> Result<StoredAccount> {
        let mut accounts = self.list()?.into_iter();
        let account = accounts.find(|account| account.owner.as_ref() == Some(owner));
        account.ok_or_else(nothing_new)
    }

    /// Names what was added; says whether the wish could not be granted.
    fn name_new(&self, owner: &Owner, wish: Option<&str>) -> Result<bool> {
        let accounts = self.list()?;
        let is_free = |name: &str| {
            let mut others = accounts.iter();
            !others.any(|it| it.name == name && it.owner.as_ref() != Some(owner))
        };
        let name = match wish {
            Some(wish) => names::free(wish, is_free),
            None => self.owned_by(owner)?.name,
        };
        self.name(owner, &name)?;
        Ok(wish.is_some_and(|wish| wish != name))
    }
}

fn nothing_new() -> Error {
    Error::not_signed_in("Nobody has signed in to the new account")
}
