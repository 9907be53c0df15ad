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
        let new = Found::in_slot(slot.store().clone());
        let owner = new.and_then(|new| new.owner).ok_or_else(nothing_new)?;
        let mut home = self.lock().await?;
        slot.is_filled();
        let of_owner = |found: &&Found| found.owner.as_ref() == Some(&owner);
        let was_there = self.found()?.iter().filter(of_owner).count() > 1;
        self.repair(&home, Some(slot.store())).await?;
        let accounts = self.list()?;
        let account = owned_by(&owner, &accounts)?;
        // A command that runs as the account keeps it where it is.
        if !accounts.iter().any(|account| account.active)
            && ExecLock::of_slot(&account.store).await.is_ok()
        {
            (home, _) = self.swap_in(home, account).await?;
        }
        let name_was_taken = self.name_new(&owner, name)?;
        drop((slot, home));
        Ok(Added {
            account: owned_by(&owner, &self.list()?)?.clone(),
            name_was_taken,
            was_there,
        })
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
            None => owned_by(owner, &accounts)?.name.clone(),
        };
        self.name(owner, &name)?;
        Ok(wish.is_some_and(|wish| wish != name))
    }
}

fn owned_by<'a>(owner: &Owner, accounts: &'a [StoredAccount]) -> Result<&'a StoredAccount> {
    let mut accounts = accounts.iter();
    let account = accounts.find(|account| account.owner.as_ref() == Some(owner));
    account.ok_or_else(nothing_new)
}

fn nothing_new() -> Error {
    Error::not_signed_in("Nobody has signed in to the new account")
}
