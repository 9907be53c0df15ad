//! One look at every file with credentials, their owners and their names.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::names::Names;
use super::{Accounts, StoredAccount};
use crate::auth::credentials::Credentials;
use crate::auth::file::auth_file::Tokens;
use crate::auth::file::owner::Owner;
use crate::auth::store::{Contents, Source, Store, refused};
use crate::error::{Error, Result};
use crate::platform::{inode, is_someone_elses};

/// The number of attempts to read files that keep moving.
const TRIES: usize = 50;

/// The number of looks that tell a file seen twice during its move from two files.
const LOOKS_AT_TWO: usize = 3;

/// The accounts as they were found at one moment.
pub struct Snapshot {
    /// One account for each owner, the active one first, the others by name.
    pub accounts: Vec<StoredAccount>,
    /// The older sign-ins to one of them.
    pub older: Vec<StoredAccount>,
    /// The names that were given.
    pub names: Names,
}

impl Snapshot {
    /// Sorts what was found. The sign-in in `newest` is newer than all others, whatever the
    /// clocks said.
    fn new(mut found: Vec<StoredAccount>, newest: Option<&Store>, names: Names) -> Self {
        let is_newest = |found: &StoredAccount| newest.map(Store::home) == Some(found.store.home());
        // The sort is stable: of two equally new sign-ins, the active one comes first.
        found.sort_by_key(|found| Reverse((is_newest(found), found.age())));
        let mut seen = BTreeSet::new();
        let (mut accounts, mut older): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| {
            let owner = found.owner.as_ref().filter(|_| found.details.is_ok());
            owner.is_none_or(|owner| seen.insert(owner.clone()))
        });
        // A damaged file is always shown, but never under the name of a good account.
        for found in accounts.iter_mut().filter(|found| found.details.is_err()) {
            found.owner.take_if(|owner| !seen.insert(owner.clone()));
        }
        // A repair goes through one account after the other.
        older.sort_by(|a, b| a.owner.cmp(&b.owner));
        names.name_all(&mut accounts);
        accounts.sort_by(|a, b| (!a.active, &a.name).cmp(&(!b.active, &b.name)));
        Self {
            accounts,
            older,
            names,
        }
    }

    pub fn active(&self) -> Option<&StoredAccount> {
        self.accounts.iter().find(|account| account.active)
    }

    pub fn of_owner(&self, owner: &Owner) -> Option<&StoredAccount> {
        let mut accounts = self.accounts.iter();
        accounts.find(|account| account.owner.as_ref() == Some(owner))
    }

    /// Finds the same account by its owner, or by its folder if the file is too damaged to name
    /// one.
    pub fn same_as(&self, other: &StoredAccount) -> Option<&StoredAccount> {
        self.accounts.iter().find(|account| match &other.owner {
            Some(owner) => account.owner.as_ref() == Some(owner),
            None => account.store.home() == other.store.home(),
        })
    }

    /// Returns whether another account than this owner's has the name.
    pub fn is_taken(&self, name: &str, owner: &Owner) -> bool {
        let mut accounts = self.accounts.iter();
        accounts.any(|account| account.name == name && account.owner.as_ref() != Some(owner))
    }

    /// Returns the account as it stands now.
    ///
    /// # Errors
    /// [`ErrorKind::NotSignedIn`](crate::ErrorKind::NotSignedIn) when it has been signed out.
    pub fn look_up(&self, account: &StoredAccount) -> Result<&StoredAccount> {
        self.same_as(account).ok_or_else(|| account.signed_out())
    }
}

impl Accounts {
    /// Takes a snapshot without a lock, and tries again if a file was moved meanwhile.
    pub(super) fn snapshot(&self) -> Result<Snapshot> {
        let mut looks_at_two = 0;
        for _ in 1..TRIES {
            let slots = self.slots()?;
            let before = self.files_in(&slots);
            let snapshot = self.read(&slots, None);
            if before != self.files_in(&self.slots()?) {
                continue;
            }
            if snapshot.older.is_empty() || looks_at_two == LOOKS_AT_TWO {
                return Ok(snapshot);
            }
            looks_at_two += 1;
        }
        Ok(self.read(&self.slots()?, None))
    }

    /// Reads the active account and those in `slots`. Without the lock of the codex home, an
    /// account that is moved meanwhile can be seen twice or not at all.
    pub(super) fn read(&self, slots: &[Store], newest: Option<&Store>) -> Snapshot {
        let active = StoredAccount::in_file(self.store.clone(), true);
        let stray = self.stray_beside(active.as_ref());
        let mut found: Vec<_> = active.into_iter().chain(stray).collect();
        found.extend(slots.iter().cloned().filter_map(StoredAccount::in_slot));
        Snapshot::new(found, newest, Names::read(&self.store))
    }

    /// Returns whether `auth.json` holds another sign-in than the keyring that counts: one that
    /// was made while there was no keyring.
    pub(super) fn has_stray(&self) -> bool {
        let active = StoredAccount::in_file(self.store.clone(), true);
        self.stray_beside(active.as_ref()).is_some()
    }

    fn stray_beside(&self, active: Option<&StoredAccount>) -> Option<StoredAccount> {
        let is_the_file = active.is_some_and(|active| active.source == Source::File);
        if !self.store.setting().asks_keyring() || is_the_file {
            return None;
        }
        let stray = StoredAccount::in_file(self.store.at(self.store.home()), false)?;
        let owner = active.and_then(|active| active.owner.as_ref());
        (stray.owner.is_none() || stray.owner.as_ref() != owner).then_some(stray)
    }

    /// Lists the slots, empty ones too.
    pub(super) fn slots(&self) -> Result<Vec<Store>> {
        let Some(folder) = self.store.accounts_folder()? else {
            return Ok(Vec::new());
        };
        let cannot = |error| refused(&folder, "cannot be read").with_source(error);
        let mut slots = Vec::new();
        for entry in folder.read_dir().map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            if !entry.file_type().map_err(cannot)?.is_file() {
                slots.push(entry.path());
            }
        }
        slots.sort();
        Ok(slots.into_iter().map(|slot| self.store.at(slot)).collect())
    }

    /// Returns the path and inode of each file.
    fn files_in(&self, slots: &[Store]) -> Vec<(PathBuf, Option<u64>)> {
        let paths = std::iter::once(&self.store).chain(slots).map(Store::path);
        let files = paths.filter_map(|path| {
            let metadata = path.metadata().ok()?;
            Some((path, inode(&metadata)))
        });
        files.collect()
    }
}

impl StoredAccount {
    /// Reads the account in a slot; `None` when it is empty.
    pub(super) fn in_slot(store: Store) -> Option<Self> {
        match problem_with(&store) {
            Some(problem) => Some(Self::new(store, false, Source::File, None, Err(problem))),
            None => Self::in_file(store, false),
        }
    }

    /// Reads the account in a store; `None` when there is none.
    pub(super) fn in_file(store: Store, active: bool) -> Option<Self> {
        let reading = match store.read() {
            Ok(reading) => reading,
            Err(error) => return Some(Self::new(store, active, Source::File, None, Err(error))),
        };
        let source = reading.source;
        let (owner, credentials) = match reading.contents {
            Contents::Missing => return None,
            Contents::File(file) => {
                let credentials = Credentials::choose(*file, None, &store, source);
                (
                    credentials.as_ref().ok().map(Credentials::owner),
                    credentials,
                )
            }
            Contents::Damaged(bytes, error) => {
                (Owner::of_tokens(&Tokens::salvage(&bytes)), Err(error))
            }
        };
        Some(Self::new(store, active, source, owner, credentials))
    }

    fn new(
        store: Store,
        active: bool,
        source: Source,
        owner: Option<Owner>,
        credentials: Result<Credentials>,
    ) -> Self {
        let (details, credentials) = match credentials {
            Ok(credentials) => (Ok(credentials.account.clone()), Some(credentials)),
            Err(error) => (Err(error), None),
        };
        Self {
            name: String::new(),
            active,
            details,
            credentials,
            owner,
            store,
            source,
        }
    }

    /// Returns whether the credentials on disk are the same as when they were read.
    pub(super) fn is_unchanged(&self) -> bool {
        let Some(now) = Self::in_file(self.store.clone(), self.active) else {
            return false;
        };
        match (&now.credentials, &self.credentials) {
            (Some(there), Some(ours)) => {
                now.owner == self.owner && now.age() == self.age() && there.same_secret(ours)
            }
            _ => false,
        }
    }

    /// Checks that the account is still in its place: it may have been signed out, or moved by a
    /// program without our locks, while we waited for them.
    pub(super) fn check_in_place(&self) -> Result<()> {
        match Self::in_file(self.store.clone(), self.active) {
            None => Err(self.signed_out()),
            Some(now) if self.owner.is_none() || now.owner == self.owner => Ok(()),
            Some(_) => {
                let message = format!("The account {} was moved meanwhile", self.description());
                Err(Error::storage(message).with_hint("Try again"))
            }
        }
    }

    /// Returns the time by which two sign-ins to one account are ordered. A session that can be
    /// renewed always counts as newer than a lent one.
    fn age(&self) -> Option<DateTime<Utc>> {
        self.last_refresh().filter(|_| !self.is_lent())
    }
}

/// Returns the reason to ignore a slot's contents.
pub fn problem_with(slot: &Store) -> Option<Error> {
    let (folder, file) = (slot.home(), slot.path());
    let metadata = folder.symlink_metadata().ok()?;
    let (what, why) = if metadata.is_symlink() {
        (folder, "is a link")
    } else if is_someone_elses(&metadata) {
        (folder, "belongs to another user")
    } else if file.is_symlink() {
        (&*file, "is a link")
    } else {
        return None;
    };
    let message = format!("{} {why}, and is left alone", what.display());
    Some(Error::storage(message).with_hint("Check what it is, then move it away"))
}
