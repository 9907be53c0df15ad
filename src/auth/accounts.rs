//! Several accounts: one active, the others parked (spec, section 8).
//!
//! The active account is the codex home's `auth.json`; each parked one has a folder of its own, a
//! slot: `accounts/{slot}/auth.json`. A refresh token works once, so of two copies one dies.
//! Therefore **a grant exists once: it is moved by renames, never copied**, and its owner is read
//! from the file, never from the slot's name. A crash between two steps then leaves every grant in
//! one file, and [`Accounts::list`] finds it there.
//!
//! Locks are taken in one order: `auth.lock` of the codex home, then of the slot, then
//! `auth.json.lock` of each. A refresh takes only the locks of its own folder.

mod change;
mod exec_home;
mod names;
mod repair;
mod running;
mod shared;
mod slot;
mod snapshot;
mod swap;

use std::fmt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

pub use change::{Activated, Added};
pub use exec_home::ExecHome;
pub use names::check_name;
pub use running::{ProgramKind, RunningProgram, RunningPrograms};
pub use slot::{NewSlot, Target};

use super::store::{Source, Store, resolved};
use crate::auth::credentials::Credentials;
use crate::auth::file::account::Account;
use crate::auth::file::owner::Owner;
use crate::auth::store::notify::Notify;
use crate::error::{Error, Result};
use crate::text::{clean_short, without_secret};

/// The lock shared by commands that run as the account. A command takes it under `auth.lock`, so
/// that no command begins during the search for running programs.
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

/// One of the accounts, and where it is.
#[derive(Clone)]
#[non_exhaustive]
pub struct StoredAccount {
    /// Its name, unique in the codex home.
    pub name: String,
    /// Set for the account in the codex home's own `auth.json`.
    pub active: bool,
    /// The account, or the reason why its file is unusable.
    pub details: Result<Account>,
    credentials: Option<Credentials>,
    /// Unknown if the file is too damaged to tell.
    owner: Option<Owner>,
    store: Store,
    source: Source,
}

impl Accounts {
    /// Creates the accounts of the codex home that `store` is in, even if `store` is one account's
    /// own folder.
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

    /// Lists the accounts, the active one first, the others by name. Takes no lock, writes nothing,
    /// never touches the network.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the `accounts` folder cannot
    /// be read, is a link, or belongs to another user.
    pub fn list(&self) -> Result<Vec<StoredAccount>> {
        Ok(self.snapshot()?.accounts)
    }

    /// Returns the account that `wanted` names: a name, an address or an account id, or the
    /// beginning of one that only one account has.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) with the candidates when none or several
    /// match; [`ErrorKind::Storage`](crate::ErrorKind::Storage) as [`Accounts::list`].
    pub fn find(&self, wanted: &str) -> Result<StoredAccount> {
        Ok(select(&self.list()?, wanted)?.clone())
    }

    /// Returns the account whose folder this is; `None` when it has been signed out.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) as [`Accounts::list`].
    pub fn of_folder(&self, folder: &Path) -> Result<Option<StoredAccount>> {
        let slot = self.store.at(resolved(folder)?);
        let Some(found) = StoredAccount::in_slot(slot) else {
            return Ok(None);
        };
        Ok(self.snapshot()?.same_as(&found).cloned())
    }

    /// Returns the account of `owner` with its credentials. Both come from one read, so the
    /// credentials are never another account's, even while accounts are moved. `None` when it has
    /// been signed out.
    ///
    /// # Errors
    /// As [`Accounts::list`].
    pub(super) fn of_owner(&self, owner: &Owner) -> Result<Option<StoredAccount>> {
        Ok(self.snapshot()?.of_owner(owner).cloned())
    }
}

impl StoredAccount {
    /// Returns the store of the account's credentials, for a session or a sign-out.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the path of its `auth.json`, if it is in a file.
    pub fn path(&self) -> PathBuf {
        self.store.path()
    }

    /// Returns whether it is in a file or in the keyring.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Returns the expiry of the access token.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.credentials.as_ref()?.expires_at()
    }

    /// Returns the time of the issuer's last tokens.
    pub fn last_refresh(&self) -> Option<DateTime<Utc>> {
        self.credentials.as_ref()?.last_refresh()
    }

    /// Returns whether the session was lent by another machine and cannot be renewed here.
    pub fn is_lent(&self) -> bool {
        let credentials = self.credentials.as_ref();
        credentials.is_some_and(|credentials| credentials.file.is_lent())
    }

    /// Returns its name and address: `work (ada@example.com)`.
    pub fn description(&self) -> String {
        match self.email() {
            Some(email) => format!("{} ({email})", self.name),
            None => self.name.clone(),
        }
    }

    fn email(&self) -> Option<&str> {
        self.details.as_ref().ok()?.email.as_deref()
    }

    fn account_id(&self) -> Option<&str> {
        self.details.as_ref().ok()?.account_id.as_deref()
    }

    /// Returns its owner, unless its file is too damaged to tell.
    pub(crate) fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }

    /// Returns its credentials.
    ///
    /// # Errors
    /// The reason why its file is unusable.
    pub(super) fn credentials(&self) -> Result<&Credentials> {
        self.credentials.as_ref().ok_or_else(|| self.damaged())
    }

    pub(super) fn signed_out(&self) -> Error {
        Error::not_signed_in(format!("The account {} has been signed out", self.name))
    }

    pub(super) fn damaged(&self) -> Error {
        match &self.details {
            Err(error) => error.clone(),
            Ok(_) => self.signed_out(),
        }
    }
}

impl fmt::Debug for StoredAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredAccount")
            .field("name", &self.name)
            .field("active", &self.active)
            .field("details", &self.details)
            .finish_non_exhaustive()
    }
}

/// Picks the account that `wanted` names from `accounts`, as [`Accounts::find`] does.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) with the candidates when none or several match.
pub fn select<'a>(accounts: &'a [StoredAccount], wanted: &str) -> Result<&'a StoredAccount> {
    let lower = wanted.to_lowercase();
    let by_name = |account: &StoredAccount| account.name == wanted;
    let whole = |account: &StoredAccount| texts(account).contains(&lower);
    let begins = |account: &StoredAccount| {
        !lower.is_empty() && texts(account).iter().any(|text| text.starts_with(&lower))
    };
    let shown = clean_short(&without_secret(wanted), 60);
    let ways: [&dyn Fn(&StoredAccount) -> bool; 3] = [&by_name, &whole, &begins];
    for matches in ways {
        let matching: Vec<_> = accounts.iter().filter(|it| matches(it)).collect();
        match matching[..] {
            [] => {}
            [one] => return Ok(one),
            ref several => {
                let message = format!("\"{shown}\" could be any of {} accounts", several.len());
                let candidates = descriptions(several);
                return Err(Error::usage(message).with_hint(format!("Choose one of: {candidates}")));
            }
        }
    }
    let missing = format!("There is no account \"{shown}\"");
    let all: Vec<_> = accounts.iter().collect();
    Err(if all.is_empty() {
        Error::usage(format!("{missing}: nobody is signed in")).with_hint("Sign in first")
    } else {
        Error::usage(missing).with_hint(format!("There are: {}", descriptions(&all)))
    })
}

/// Returns the texts that can name an account.
fn texts(account: &StoredAccount) -> Vec<String> {
    let texts = [Some(&*account.name), account.email(), account.account_id()];
    texts.into_iter().flatten().map(str::to_lowercase).collect()
}

/// Describes the accounts with their ids, because two may have the same address.
fn descriptions(accounts: &[&StoredAccount]) -> String {
    let described = accounts.iter().map(|account| match account.account_id() {
        Some(id) => format!("{}, {id}", account.description()),
        None => account.description(),
    });
    described.collect::<Vec<_>>().join("; ")
}
