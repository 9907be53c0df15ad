//! Several accounts: one active, the others parked (spec, section 8).
//!
//! The active account is the codex home's `auth.json`; each parked one has a folder of its
//! own, a slot: `accounts/{slot}/auth.json`. A refresh token works once, so of two copies
//! one dies. Therefore **a grant exists once: it is moved by renames, never copied**, and
//! whose it is is read from the file, never from the slot's name. A crash between two steps
//! then leaves every grant in one file, and [`Accounts::list`] finds it there.
//!
//! Locks are taken in one order: `auth.lock` of the codex home, then of the slot, then
//! `auth.json.lock` of each. A refresh takes those of its own folder alone.

mod activate;
mod exec_home;
mod exec_lock;
mod in_keyring;
mod names;
mod park;
mod read;
mod remove;
mod repair;
mod running;
mod select;
mod shared;
mod slot;
mod swap;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

pub use activate::Activated;
pub use exec_home::ExecHome;
pub use names::check_name;
pub use park::Added;
pub use running::{ProgramKind, RunningProgram, RunningPrograms};
pub use slot::{NewSlot, Target};

pub(super) use read::Found;

use super::store::{Source, Store, StoreLock};
use crate::auth::file::account::Account;
use crate::auth::file::owner::Owner;
use crate::auth::store::notify::Notify;
use crate::error::{Error, Result};
use names::Names;

/// Held, shared, by the commands that run as the account. `auth.lock` is held too while it is
/// taken, so that no command begins while the programs are looked for.
const EXEC_LOCK: &str = "exec.lock";

/// The accounts of one codex home. Cheap to clone.
///
/// ```
/// use codex_onboarding::auth::Store;
/// use codex_onboarding::auth::accounts::Accounts;
///
/// # let home = tempfile::tempdir()?;
/// for account in Accounts::new(Store::new(home.path())).list()? {
///     println!("{} {}", if account.active { "*" } else { " " }, account.name);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Accounts {
    store: Store,
}

/// One of the accounts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredAccount {
    /// Its name, unique in the codex home.
    pub name: String,
    /// It is the one in the codex home's own `auth.json`.
    pub active: bool,
    /// The account, or the reason why its file is unusable.
    pub details: Result<Details>,
    owner: Option<Owner>,
    store: Store,
    source: Source,
}

/// The contents of an account's file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Details {
    /// The account.
    pub account: Account,
    /// The expiry of the access token.
    pub expires_at: Option<DateTime<Utc>>,
    /// The time of the issuer's last tokens.
    pub last_refresh: Option<DateTime<Utc>>,
    /// It was lent by another machine, and cannot be renewed here.
    pub lent: bool,
}

impl Accounts {
    /// The accounts of the codex home that `store` is in, also where it is one account's folder.
    pub fn new(store: Store) -> Self {
        Self {
            store: store.codex_home(),
        }
    }

    /// Passes notices to `notify`, as [`Store::notifying`] does.
    #[must_use]
    pub fn notifying(&self, notify: &Notify) -> Self {
        Self {
            store: self.store.notifying(notify),
        }
    }

    /// Lists them, the active one first, the others by name. Takes no lock, writes nothing,
    /// never touches the network.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the `accounts` folder cannot
    /// be read, is a link, or belongs to somebody else.
    pub fn list(&self) -> Result<Vec<StoredAccount>> {
        let found = read::distinct(self.found()?);
        let names = self.names().of_all(&found);
        let mut accounts: Vec<_> = found
            .into_iter()
            .zip(names)
            .map(|(found, name)| StoredAccount {
                name,
                active: found.active,
                details: found.details(),
                owner: found.owner,
                store: found.store,
                source: found.source,
            })
            .collect();
        accounts.sort_by(|a, b| (!a.active, &a.name).cmp(&(!b.active, &b.name)));
        Ok(accounts)
    }

    /// Gives an account another name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a bad name or one that another
    /// account has.
    pub async fn rename(&self, account: &StoredAccount, name: &str) -> Result<()> {
        check_name(name)?;
        let Some(owner) = &account.owner else {
            return Err(account.damaged());
        };
        let _home = self.begin().await?;
        let others = self.list()?;
        if others
            .iter()
            .any(|other| other.name == name && other.owner.as_ref() != Some(owner))
        {
            let message = format!("Another account is named {name}");
            return Err(Error::usage(message).with_hint("Choose another name"));
        }
        self.name(owner, name)
    }

    /// Repairs what killed programs have left behind, and removes their temporary files, unless
    /// another program is at work. Best effort: the next change does it too.
    #[cfg(feature = "cli")]
    #[doc(hidden)]
    pub async fn tidy(&self) {
        if self.store.leftovers().is_empty() {
            return;
        }
        let quiet = self.notifying(&Notify::default());
        if let Ok(home) = self.store.at_once().lock().await {
            quiet.repair_all(&home).await;
        }
    }

    /// Takes the lock that every change is made under, and repairs what a crash has left.
    async fn begin(&self) -> Result<StoreLock> {
        let home = self.lock().await?;
        self.repair_all(&home).await;
        Ok(home)
    }

    async fn repair_all(&self, home: &StoreLock) {
        if let Err(error) = self.repair(home, None).await {
            // It may concern other accounts than what is to be done.
            tracing::warn!(?error, "not everything was repaired");
        }
    }

    async fn lock(&self) -> Result<StoreLock> {
        self.store.accounts_folder()?;
        self.store.lock().await
    }

    /// The account as it stands now, under the lock.
    fn again(&self, account: &StoredAccount) -> Result<StoredAccount> {
        let mut accounts = self.list()?.into_iter();
        let now = accounts.find(|found| found.is(account, account.store.home()));
        now.ok_or_else(|| account.signed_out())
    }

    /// The owner's credentials and where they are, read in one go: whatever moves meanwhile,
    /// they are never somebody else's. `None` when the owner has been signed out.
    ///
    /// # Errors
    /// As [`Accounts::list`].
    pub(super) fn of_owner(&self, owner: &Owner) -> Result<Option<Found>> {
        let mut found = read::distinct(self.found()?).into_iter();
        Ok(found.find(|found| found.owner.as_ref() == Some(owner)))
    }

    fn names(&self) -> Names {
        Names::read(&self.names_path())
    }

    fn names_path(&self) -> PathBuf {
        self.store.home().join("accounts/names.json")
    }

    /// Writes down that `owner` has this name. Only under the lock.
    fn name(&self, owner: &Owner, name: &str) -> Result<()> {
        self.store.create_accounts_folder()?;
        let mut names = self.names();
        // Names that were made from an address are kept from now on: the address of another
        // account may give the same one.
        names.keep(&names.among(&read::distinct(self.found()?)));
        names.give(owner, name);
        names.write(&self.names_path(), &self.store.disk())
    }
}

impl StoredAccount {
    /// Returns the store of its credentials, for a session or a sign-out of its own.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Its `auth.json`, should it be in a file.
    pub fn path(&self) -> PathBuf {
        self.store.path()
    }

    /// Returns whether it is in a file or in the keyring.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Its name, and whose it is: `work (ada@example.com)`.
    pub fn description(&self) -> String {
        let details = self.details.as_ref().ok();
        match details.and_then(|details| details.account.email.as_deref()) {
            Some(email) => format!("{} ({email})", self.name),
            None => self.name.clone(),
        }
    }

    /// Returns whether it is that account, by its owner; a damaged one without, by its folder.
    fn is(&self, other: &Self, home: &Path) -> bool {
        match &other.owner {
            Some(owner) => self.owner.as_ref() == Some(owner),
            None => self.store.home() == home,
        }
    }

    /// Returns whose it is, unless its file is too damaged to say.
    pub(crate) fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }

    pub(super) fn signed_out(&self) -> Error {
        Error::not_signed_in(format!("The account {} has been signed out", self.name))
    }

    pub(super) fn damaged(&self) -> Error {
        let place = self.store.describe(self.source);
        let unusable = || Error::storage(format!("Could not use {place}"));
        self.details
            .as_ref()
            .err()
            .cloned()
            .unwrap_or_else(unusable)
    }
}
