//! The folders of parked accounts: `accounts/{slot}`, each laid out like a small codex home.

use std::io;
use std::path::{self, Component, Path, PathBuf};

use super::reading::Contents;
use super::{Store, folder_of};
use crate::auth::file::auth_file::AuthFile;
use crate::auth::file::owner::same_owner;
use crate::auth::system::random_bytes;
use crate::error::{Error, Result};
use crate::platform::{is_someone_elses, make_folder_private};
use crate::text::clean;
use crate::users;

/// The folder of the slots, in a codex home.
const FOLDER: &str = "accounts";

/// Returns the absolute path, with links resolved in the part of it that exists.
pub fn resolved(folder: &Path) -> Result<PathBuf> {
    let cannot = |error| {
        Error::storage(format!("Could not use the folder {}", folder.display())).with_source(error)
    };
    let folder = path::absolute(folder).map_err(cannot)?;
    let existing = folder.ancestors().find_map(|above| {
        let missing = folder.strip_prefix(above).ok()?;
        Some((above.canonicalize().ok()?, missing))
    });
    let Some((real, missing)) = existing else {
        return Ok(folder);
    };
    let mut parts = missing.components();
    if parts.any(|part| part == Component::ParentDir) {
        return Err(cannot(io::ErrorKind::NotFound.into()));
    }
    Ok(real.join(missing).components().collect())
}

impl Store {
    /// Returns the store of the codex home if this store is one of its slots, or else this store.
    /// Accounts always belong to a codex home.
    #[must_use]
    pub fn codex_home(self) -> Self {
        if let Some(outer) = &self.outer {
            return Self {
                notify: self.notify,
                deadline: self.deadline,
                may_unlock: self.may_unlock,
                ..(**outer).clone()
            };
        }
        match self.home_of_slot(&self.home) {
            Some(home) => Self { home, ..self },
            None => self,
        }
    }

    /// Returns the codex home that `folder` is a slot of; neither needs to exist. The `accounts`
    /// folder of a codex home is recognized by the names in it or the credentials beside it. Any
    /// other folder is a home of its own, whatever it is called.
    pub(in crate::auth) fn home_of_slot(&self, folder: &Path) -> Option<PathBuf> {
        let slot = resolved(folder).ok()?;
        let accounts = slot.parent().filter(|it| it.ends_with(FOLDER))?;
        let home = accounts.parent()?;
        let credentials = home.join(self.product.credentials_file.as_ref());
        (accounts.join("names.json").exists() || credentials.exists()).then(|| home.to_owned())
    }

    /// Returns the folder of the slots, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it is a link, not a folder, or
    /// another user's.
    pub(in crate::auth) fn accounts_folder(&self) -> Result<Option<PathBuf>> {
        use io::ErrorKind::{NotADirectory, NotFound};
        let folder = self.home.join(FOLDER);
        let metadata = match folder.symlink_metadata() {
            // The codex home itself may be a file.
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return Ok(None),
            Err(error) => return Err(refused(&folder, "cannot be read").with_source(error)),
            Ok(metadata) => metadata,
        };
        let why = if metadata.is_symlink() {
            "is a link"
        } else if !metadata.is_dir() {
            "is not a folder"
        } else if is_someone_elses(&metadata) {
            "belongs to another user"
        } else {
            return Ok(Some(folder));
        };
        let error = refused(&folder, why);
        // This happens after a run with sudo.
        let is_roots = users::other_owner(&metadata).is_some_and(|owner| owner == "root");
        if metadata.is_dir() && is_roots {
            let take_back = users::take_back_all(&folder);
            return Err(error.with_hint(format!("Make it yours: {take_back}")));
        }
        Err(error)
    }

    /// As [`Store::accounts_folder`], but creates a missing one and closes it to others.
    pub(in crate::auth) fn create_accounts_folder(&self) -> Result<PathBuf> {
        self.create_home()?;
        let folder = self.home.join(FOLDER);
        if self.accounts_folder()?.is_none() {
            self.create_folder(&folder)?;
        }
        // The folder is ours, as checked above. Each slot is private as well.
        let _ = make_folder_private(&folder);
        Ok(folder)
    }

    /// Returns the path of a slot that does not exist yet.
    pub(in crate::auth) fn new_slot_path(&self) -> Result<PathBuf> {
        let name = u64::from_be_bytes(random_bytes()?);
        Ok(self.home.join(FOLDER).join(format!("{name:016x}")))
    }

    /// Creates an empty slot.
    pub(in crate::auth) fn create_slot(&self) -> Result<PathBuf> {
        self.create_accounts_folder()?;
        let slot = self.new_slot_path()?;
        self.create_folder(&slot)?;
        Ok(slot)
    }

    fn create_folder(&self, folder: &Path) -> Result<()> {
        self.disk.create_folder(folder).map_err(|error| {
            Error::storage(format!("Could not create {}", folder.display()))
                .with_source(error)
                .with_hint("Check free space and permissions, then try again")
        })?;
        // Best effort: a power failure may undo it.
        let _ = self.disk.sync_folder(folder_of(folder));
        Ok(())
    }

    /// Removes `auth.json` because the keyring counts. A sign-in in it is parked first, unless it
    /// is of the same account as `current`. Only under the locks of the codex home. Returns whether
    /// there was a file that needed no parking.
    pub(in crate::auth) fn park_file(&self, current: Option<&AuthFile>) -> Result<bool> {
        let holder = self.path().display().to_string();
        let is_parked = self.park(&holder, self.read_file()?, current)?;
        Ok(self.remove_files()? && !is_parked)
    }

    /// Parks an entry of the keyring because the file counts, unless it is of the same account as
    /// `current`. Only under the locks of the codex home.
    pub(super) fn park_entry(&self, entry: Vec<u8>, current: &AuthFile) -> Result<()> {
        let entry = Contents::of_entry(entry);
        self.park("The system's keyring", entry, Some(current))
            .map(drop)
    }

    /// Copies credentials into a new slot and says so, unless they are empty or the current
    /// account's. Returns whether it did.
    fn park(&self, holder: &str, contents: Contents, current: Option<&AuthFile>) -> Result<bool> {
        let is_current = |old: &AuthFile| current.is_some_and(|it| same_owner(old, it));
        let (what, bytes) = match contents {
            Contents::Missing => return Ok(false),
            Contents::File(file) if is_current(&file) || !file.holds_anything() => {
                return Ok(false);
            }
            Contents::File(file) => {
                let email = file.tokens.as_ref().and_then(|it| it.account().email);
                let what = email.unwrap_or_else(|| "another account".to_owned());
                (clean(&what), file.to_bytes()?)
            }
            Contents::Damaged(bytes, _) => ("a damaged sign-in".to_owned(), bytes),
        };
        let slot = self.at(self.create_slot()?);
        let parked = slot.new_file(slot.path());
        parked.and_then(|new| new.commit(&bytes)).map_err(|error| {
            let _ = self.disk.remove_folder(&slot.home);
            error.under(format!("{holder} holds {what}, and could not be parked"))
        })?;
        self.tell(format!("{holder} held {what}, which is parked now"));
        Ok(true)
    }
}

pub fn refused(folder: &Path, why: &str) -> Error {
    Error::storage(format!("The accounts folder {} {why}", folder.display()))
        .with_hint("Move it away, so that a folder of your own can take its place")
}
