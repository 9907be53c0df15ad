//! Finds the files with credentials, and their owners.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Accounts, Details};
use crate::auth::credentials::Credentials;
use crate::auth::file::auth_file::Tokens;
use crate::auth::file::owner::Owner;
use crate::auth::store::{Contents, Source, Store, refused};
use crate::error::{Error, Result};
use crate::platform::{inode, is_someone_elses};

/// The number of attempts to read files that keep moving.
const TRIES: usize = 50;

/// Of the same grant seen twice: a few looks tell a move from two files.
const LOOKS_AT_TWO: usize = 3;

/// A file with credentials in it.
pub struct Found {
    pub store: Store,
    pub active: bool,
    /// Unknown where a damaged file does not say.
    pub owner: Option<Owner>,
    pub credentials: Result<Credentials>,
    pub source: Source,
}

impl Found {
    pub fn details(&self) -> Result<Details> {
        let credentials = self.credentials.as_ref().map_err(Error::clone)?;
        Ok(Details {
            account: credentials.account.clone(),
            expires_at: credentials.expires_at(),
            last_refresh: credentials.last_refresh(),
            lent: credentials.file.is_lent(),
        })
    }

    /// The address that a name can be made from.
    pub fn email(&self) -> Option<&str> {
        self.credentials.as_ref().ok()?.account.email.as_deref()
    }

    fn in_file(store: Store, active: bool) -> Option<Self> {
        let reading = store.read();
        let source = reading
            .as_ref()
            .map_or(Source::File, |reading| reading.source);
        let (owner, credentials) = match reading.map(|reading| reading.contents) {
            Ok(Contents::Missing) => return None,
            Ok(Contents::File(file)) => {
                let credentials = Credentials::choose(*file, None, &store, source);
                let owner = credentials.as_ref().ok().map(Credentials::owner);
                (owner, credentials)
            }
            Ok(Contents::Damaged(bytes, error)) => {
                (Owner::of_tokens(&Tokens::salvage(&bytes)), Err(error))
            }
            Err(error) => (None, Err(error)),
        };
        Some(Self {
            store,
            active,
            owner,
            credentials,
            source,
        })
    }

    /// Returns whether it holds the same credentials as when it was read.
    pub fn is_unchanged(&self) -> bool {
        let now = Self::in_file(self.store.clone(), self.active);
        now.is_some_and(|now| match (&now.credentials, &self.credentials) {
            (Ok(now_in_it), Ok(before)) => {
                now.owner == self.owner && age(&now) == age(self) && now_in_it.same_secret(before)
            }
            _ => false,
        })
    }

    pub fn in_slot(store: Store) -> Option<Self> {
        let Some(problem) = problem_with(store.home(), &store.path()) else {
            return Self::in_file(store, false);
        };
        Some(Self {
            store,
            active: false,
            owner: None,
            credentials: Err(problem),
            source: Source::File,
        })
    }
}

impl Accounts {
    /// Every file with credentials, the active one first. Read without a lock, so what was
    /// moved meanwhile is read again.
    pub(super) fn found(&self) -> Result<Vec<Found>> {
        let mut looks_at_two = 0;
        for _ in 1..TRIES {
            let before = self.places()?;
            let found = self.read()?;
            if before != self.places()? {
                continue;
            }
            if !is_seen_twice(&found) || looks_at_two == LOOKS_AT_TWO {
                return Ok(found);
            }
            looks_at_two += 1;
        }
        self.read()
    }

    fn read(&self) -> Result<Vec<Found>> {
        let active = Found::in_file(self.store.clone(), true);
        let stray = self.stray_beside(active.as_ref());
        let mut found: Vec<_> = active.into_iter().chain(stray).collect();
        found.extend(self.slots()?.into_iter().filter_map(Found::in_slot));
        Ok(found)
    }

    /// Returns the sign-in in `auth.json` where the keyring counts, unless it is the same
    /// account's as the keyring's: one that was made while there was no keyring.
    pub(super) fn stray(&self) -> Option<Found> {
        if !self.store.setting().asks_keyring() {
            return None;
        }
        let active = Found::in_file(self.store.clone(), true);
        self.stray_beside(active.as_ref())
    }

    fn stray_beside(&self, active: Option<&Found>) -> Option<Found> {
        let is_the_file = active.is_some_and(|active| active.source == Source::File);
        if !self.store.setting().asks_keyring() || is_the_file {
            return None;
        }
        let stray = Found::in_file(self.store.at(self.store.home()), false)?;
        let owner = active.and_then(|active| active.owner.as_ref());
        (stray.owner.is_none() || stray.owner.as_ref() != owner).then_some(stray)
    }

    /// The slots, whether or not there is anything in them.
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
    fn places(&self) -> Result<Vec<(PathBuf, Option<u64>)>> {
        let paths = std::iter::once(self.store.path());
        let slots = self.slots()?;
        let paths = paths.chain(slots.iter().map(Store::path));
        Ok(paths
            .filter_map(|path| {
                let metadata = path.metadata().ok()?;
                Some((path, inode(&metadata)))
            })
            .collect())
    }
}

/// Two sign-ins to one account are one account: the newer one counts.
pub fn distinct(mut found: Vec<Found>) -> Vec<Found> {
    // Stable: of two that are equally new, the active one.
    found.sort_by_key(|found| Reverse(age(found)));
    let mut seen = BTreeSet::new();
    found.retain(|found| match &found.owner {
        Some(owner) if found.credentials.is_ok() => seen.insert(owner.clone()),
        _ => true,
    });
    // A damaged file is shown in any case, and not under the name of a good one.
    for found in &mut found {
        if found.credentials.is_err() {
            found.owner.take_if(|owner| !seen.insert(owner.clone()));
        }
    }
    found
}

/// Returns the time by which two sign-ins to one account are ordered.
pub fn age(found: &Found) -> Option<chrono::DateTime<chrono::Utc>> {
    let credentials = found.credentials.as_ref().ok()?;
    // Any session that can be renewed is worth more than a lent one.
    (!credentials.file.is_lent()).then(|| credentials.last_refresh())?
}

fn is_seen_twice(found: &[Found]) -> bool {
    let mut seen = BTreeSet::new();
    let mut owners = found.iter().filter_map(|found| found.owner.as_ref());
    !owners.all(|owner| seen.insert(owner))
}

/// Returns the reason to ignore a slot's contents.
pub fn problem_with(folder: &Path, file: &Path) -> Option<Error> {
    let metadata = folder.symlink_metadata().ok()?;
    let (what, why) = if metadata.is_symlink() {
        (folder, "is a link")
    } else if is_someone_elses(&metadata) {
        (folder, "belongs to another user")
    } else if file.is_symlink() {
        (file, "is a link")
    } else {
        return None;
    };
    let message = format!("{} {why}, and is left alone", what.display());
    Some(Error::storage(message).with_hint("Look at it, and move it away"))
}
