//! Changes of the accounts, each under the lock of the codex home: make active, park, rename, remove.

use super::slot::{NewSlot, SlotAccess, lock_out_commands};
use super::snapshot::{Snapshot, problem_with};
use super::{Accounts, StoredAccount, names};
use crate::auth::file::owner::Owner;
use crate::auth::issuer::Issuer;
use crate::auth::sign_out::{
    STILL_SIGNED_IN, SignedOut, cancelled, sign_out_or_cancel, sign_out_under,
};
use crate::auth::store::StoreLock;
use crate::error::{Error, Result};

/// The result of making an account the active one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Activated {
    /// The account was active already, so nothing has changed.
    pub already: bool,
    /// The account that was active before and is parked now.
    pub parked: Option<StoredAccount>,
}

/// An account that was added.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Added {
    /// The account as it is listed from now on.
    pub account: StoredAccount,
    /// The requested name belongs to another account.
    pub name_was_taken: bool,
    /// The account was there before, and the new sign-in has replaced the older one.
    pub was_there: bool,
}

impl Accounts {
    /// Makes `account` the active one, and parks the previous one with the tokens that `auth.json`
    /// holds at that moment.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a lock stays taken, a command
    /// runs as the account, its file is damaged, or the disk fails; nothing has changed then.
    /// [`ErrorKind::NotSignedIn`](crate::ErrorKind::NotSignedIn) when it has been signed out.
    pub async fn activate(&self, account: &StoredAccount) -> Result<Activated> {
        let (home, snapshot) = self.begin().await?;
        let account = snapshot.look_up(account)?;
        if account.active {
            return Ok(Activated {
                already: true,
                parked: None,
            });
        }
        let (_home, slot) = self.swap_in(home, &snapshot, account).await?;
        let parked = slot.and_then(StoredAccount::in_slot).map(|parked| {
            // Named anew, together with the others: a damaged account is named after its new slot.
            let others = snapshot.accounts.into_iter().filter(|other| !other.active);
            let mut accounts: Vec<_> = std::iter::once(parked).chain(others).collect();
            snapshot.names.name_all(&mut accounts);
            accounts.swap_remove(0)
        });
        Ok(Activated {
            already: false,
            parked,
        })
    }

    /// Adds the sign-in in `slot` to the accounts. If no account is active, this one becomes
    /// active; if the same account is there already, active or parked, the new sign-in replaces the
    /// older one. Even if this fails, a sign-in that is on disk is listed.
    ///
    /// # Errors
    /// [`ErrorKind::NotSignedIn`](crate::ErrorKind::NotSignedIn) when the slot is empty;
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a bad name;
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a lock stays taken or the disk
    /// fails.
    pub async fn park(&self, mut slot: NewSlot, name: Option<&str>) -> Result<Added> {
        name.map_or(Ok(()), names::check_name)?;
        let nothing_new = || Error::not_signed_in("Nobody has signed in to the new account");
        let new = StoredAccount::in_slot(slot.store().clone());
        let owner = new.and_then(|new| new.owner).ok_or_else(nothing_new)?;
        let mut home = self.lock().await?;
        slot.stop_waiting();
        let mut snapshot = self.repair(&home, Some(slot.store())).await?;
        let mut account = snapshot.of_owner(&owner).ok_or_else(nothing_new)?.clone();
        // An account cannot be moved while a command runs as it.
        if snapshot.active().is_none()
            && lock_out_commands(&account.store, false, String::new)
                .await
                .is_ok()
        {
            (home, _) = self.swap_in(home, &snapshot, &account).await?;
            let now = StoredAccount::in_file(self.store.clone(), true);
            account = StoredAccount {
                name: account.name,
                ..now.ok_or_else(nothing_new)?
            };
        }
        if let Some(wish) = name {
            account.name = names::free(wish, |name| !snapshot.is_taken(name, &owner));
        }
        self.save_name(&mut snapshot, &owner, &account.name)?;
        drop((slot, home));
        let is_of_owner = |older: &StoredAccount| older.owner.as_ref() == Some(&owner);
        Ok(Added {
            name_was_taken: name.is_some_and(|wish| wish != account.name),
            was_there: snapshot.older.iter().any(is_of_owner),
            account,
        })
    }

    /// Gives an account another name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a bad name or one that another
    /// account has.
    pub async fn rename(&self, account: &StoredAccount, name: &str) -> Result<()> {
        names::check_name(name)?;
        let owner = account.owner.as_ref().ok_or_else(|| account.damaged())?;
        let (_home, mut snapshot) = self.begin().await?;
        if snapshot.is_taken(name, owner) {
            let message = format!("Another account is named {name}");
            return Err(Error::usage(message).with_hint("Choose another name"));
        }
        self.save_name(&mut snapshot, owner, name)
    }

    /// Ends the account's session at `issuer`, if one is given, and removes its credentials, even
    /// from a damaged file. If `cancel` becomes ready before the lock is taken, nothing changes;
    /// after that, the issuer is not told, but the file is still removed.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a lock stays taken, a command
    /// runs as the account, or the file cannot be removed;
    /// [`ErrorKind::NotSignedIn`](crate::ErrorKind::NotSignedIn) when it has been signed out.
    pub async fn remove(
        &self,
        account: &StoredAccount,
        issuer: Option<&Issuer>,
        cancel: impl Future<Output = ()>,
    ) -> Result<SignedOut> {
        tokio::pin!(cancel);
        let home = tokio::select! {
            home = self.lock() => home?,
            () = &mut cancel => return Err(cancelled(STILL_SIGNED_IN)),
        };
        let mut snapshot = self.repaired(&home).await?;
        let account = snapshot.look_up(account)?.clone();
        let signed_out = if account.active {
            let _no_commands =
                lock_out_commands(&self.store, true, || account.description()).await?;
            sign_out_under(&home, &account.store, issuer, cancel).await?
        } else {
            // A link or another user's folder is not ours to empty.
            problem_with(&account.store).map_or(Ok(()), Err)?;
            let slot = SlotAccess::take(&account).await?;
            account.check_in_place()?;
            let signed_out = sign_out_under(&slot.lock, &slot.store, issuer, cancel).await?;
            slot.tidy();
            signed_out
        };
        if let Some(owner) = &account.owner
            && snapshot.names.forget(owner)
            && let Err(error) = snapshot.names.write(&self.store)
        {
            // A name left over from a removed account does no harm.
            tracing::warn!(?error, "the name was not forgotten");
        }
        Ok(signed_out)
    }

    /// As [`sign_out_or_cancel`], for the codex home itself, whether it holds an account or not.
    ///
    /// # Errors
    /// As [`sign_out_or_cancel`], and [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a
    /// command runs as the active account.
    pub async fn sign_out_active(
        &self,
        issuer: Option<&Issuer>,
        cancel: impl Future<Output = ()>,
    ) -> Result<SignedOut> {
        // Read only if a command runs, because reading may need an unlocked keyring.
        let description = || {
            let snapshot = self.snapshot().ok();
            let active = snapshot.as_ref().and_then(Snapshot::active);
            active.map_or_else(|| "that is active".to_owned(), StoredAccount::description)
        };
        let _no_commands = lock_out_commands(&self.store, true, description).await?;
        sign_out_or_cancel(&self.store, issuer, cancel).await
    }

    /// Takes the lock that every change needs, and repairs what a crash has left.
    async fn begin(&self) -> Result<(StoreLock, Snapshot)> {
        let home = self.lock().await?;
        let snapshot = self.repaired(&home).await?;
        Ok((home, snapshot))
    }

    async fn lock(&self) -> Result<StoreLock> {
        self.store.accounts_folder()?;
        self.store.lock().await
    }

    /// Repairs what can be repaired. A failure is not fatal: it may concern accounts that the
    /// change does not touch.
    async fn repaired(&self, home: &StoreLock) -> Result<Snapshot> {
        match self.repair(home, None).await {
            Ok(snapshot) => Ok(snapshot),
            Err(error) => {
                tracing::warn!(?error, "not everything was repaired");
                self.snapshot()
            }
        }
    }

    /// Saves this name for `owner`. Names derived from an address are saved too, because another
    /// account's address may give the same name later.
    fn save_name(&self, snapshot: &mut Snapshot, owner: &Owner, name: &str) -> Result<()> {
        for account in &snapshot.accounts {
            if let Some(owner) = &account.owner {
                snapshot.names.give(owner, &account.name);
            }
        }
        snapshot.names.give(owner, name);
        snapshot.names.write(&self.store)
    }
}
