//! The folders of parked accounts: `accounts/{slot}`, each laid out like a small codex home.

use std::fs::File;
use std::io;
use std::path::{self, Component, Path, PathBuf};

use super::disk::{fill, is_mounted};
use super::reading::Contents;
use super::{Store, folder_of};
use crate::auth::file::auth_file::AuthFile;
use crate::auth::file::owner::same_owner;
use crate::auth::system::random_bytes;
use crate::error::{Error, Result};
use crate::platform::{is_someone_elses, make_file_private, make_folder_private};
use crate::users;

/// The folder of the slots, in a codex home.
const FOLDER: &str = "accounts";

/// Returns the absolute path without links, as far as it exists.
pub fn resolved(folder: &Path) -> Result<PathBuf> {
    let cannot = |error| {
        Error::storage(format!("Could not use the folder {}", folder.display())).with_source(error)
    };
    let folder = path::absolute(folder).map_err(cannot)?;
    for above in folder.ancestors() {
        if let Ok(real) = above.canonicalize() {
            let missing = folder.strip_prefix(above).unwrap_or(Path::new(""));
            if missing
                .components()
                .any(|part| part == Component::ParentDir)
            {
                let error = io::Error::from(io::ErrorKind::NotFound);
                return Err(cannot(error));
            }
            return Ok(real.join(missing).components().collect());
        }
    }
    Ok(folder)
}

impl Store {
    /// Returns the store of the codex home that this one is a slot of; else itself. Accounts are
    /// always those of a codex home.
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
            Some(home) => Self {
                vault: self.vault.map(|vault| vault.of(&home)),
                home,
                ..self
            },
            None => self,
        }
    }

    /// Returns the codex home that the folder is a slot of, which need not exist. It is one when the
    /// `accounts` folder that it is in keeps names, or stands beside credentials. Any other folder
    /// is a home of its own, whatever it is called.
    pub(in crate::auth) fn home_of_slot(&self, folder: &Path) -> Option<PathBuf> {
        let slot = resolved(folder).ok()?;
        let accounts = slot.parent().filter(|it| it.ends_with(FOLDER))?;
        let home = accounts.parent()?;
        let credentials = home.join(self.names.credentials.as_ref());
        (accounts.join("names.json").exists() || credentials.exists()).then(|| home.to_owned())
    }

    /// The folder of the slots; `None` when there is none.
    ///
    /// # Errors
    /// One that is a link, no folder, or somebody else's is refused by name.
    pub(in crate::auth) fn accounts_folder(&self) -> Result<Option<PathBuf>> {
        let folder = self.home.join(FOLDER);
        let metadata = match folder.symlink_metadata() {
            // Not a folder either: a codex home that is a file.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(refused(&folder, "cannot be read").with_source(error)),
            Ok(metadata) => metadata,
        };
        if metadata.is_symlink() {
            Err(refused(&folder, "is a link"))
        } else if !metadata.is_dir() {
            Err(refused(&folder, "is not a folder"))
        } else if is_someone_elses(&metadata) {
            let error = refused(&folder, "belongs to another user");
            Err(match users::other_owner(&metadata).as_deref() {
                // After a run with sudo.
                Some("root") => {
                    error.with_hint(format!("Make it yours: {}", users::take_back_all(&folder)))
                }
                _ => error,
            })
        } else {
            Ok(Some(folder))
        }
    }

    /// As [`Store::accounts_folder`]; it is made when it is missing, and closed to others.
    pub(in crate::auth) fn create_accounts_folder(&self) -> Result<PathBuf> {
        self.create_home()?;
        let folder = self.home.join(FOLDER);
        if self.accounts_folder()?.is_none() {
            let created = self.disk.create_folder(&folder);
            created.map_err(|error| not_created(&folder, error))?;
            let _ = self.disk.sync_folder(&self.home);
        }
        // Ours, as checked; slots are closed to others by themselves.
        let _ = make_folder_private(&folder);
        Ok(folder)
    }

    /// A slot that does not exist yet.
    pub(in crate::auth) fn new_slot_path(&self) -> Result<PathBuf> {
        let name = u64::from_be_bytes(random_bytes()?);
        Ok(self.home.join(FOLDER).join(format!("{name:016x}")))
    }

    /// Makes an empty slot.
    pub(in crate::auth) fn create_slot(&self) -> Result<PathBuf> {
        let accounts = self.create_accounts_folder()?;
        let folder = self.new_slot_path()?;
        let created = self.disk.create_folder(&folder);
        created.map_err(|error| not_created(&folder, error))?;
        // What is saved in the slot is safe only once its folder is. One that cannot be synced
        // is no worse than a save whose folder cannot.
        let _ = self.disk.sync_folder(&accounts);
        Ok(folder)
    }

    /// Parks what is in `auth.json`, unless it is of no use beside the credentials in the
    /// keyring, and says so. Under the locks of the codex home. Returns whether it did.
    pub(in crate::auth) fn park_unless(
        &self,
        is_a_copy: impl FnOnce(&AuthFile) -> bool,
    ) -> Result<bool> {
        let (what, file) = match self.read_file()? {
            Contents::Missing => return Ok(false),
            Contents::File(file) if is_a_copy(&file) || !file.holds_anything() => return Ok(false),
            Contents::File(file) => (whose(&file), Some(file)),
            Contents::Damaged(..) => (DAMAGED.to_owned(), None),
        };
        let slot = self.create_slot()?;
        let parked = self.move_file_to(&slot, file.as_deref());
        if let Err(error) = parked {
            let _ = self.disk.remove_folder(&slot);
            let path = self.path();
            return Err(not_created(&slot, error).under(format!(
                "{} holds {what}, and could not be parked",
                path.display()
            )));
        }
        self.tell(format!(
            "{} held {}, which is parked now",
            self.path().display(),
            crate::text::clean(&what)
        ));
        Ok(true)
    }

    /// Parks what an entry of the keyring holds, unless it is of no use beside `saved`, the
    /// credentials in the file, and says so. Under the locks of the codex home.
    pub(super) fn park_entry(&self, entry: &[u8], saved: &AuthFile) -> Result<()> {
        let what = match AuthFile::parse(entry) {
            Ok(old) if same_owner(&old, saved) || !old.holds_anything() => return Ok(()),
            Ok(old) => whose(&old),
            Err(_) => DAMAGED.to_owned(),
        };
        let slot = self.create_slot()?;
        if let Err(error) = self.write_to(&slot, entry) {
            let _ = self.disk.remove_folder(&slot);
            return Err(not_created(&slot, error).under(format!(
                "The system's keyring holds {what}, and could not be parked"
            )));
        }
        self.tell(format!(
            "The system's keyring held {}, which is parked now",
            crate::text::clean(&what)
        ));
        Ok(())
    }

    fn write_to(&self, slot: &Path, bytes: &[u8]) -> io::Result<()> {
        let name = self.at(slot).temporary_name(slot);
        let mut temporary = self.disk.create(slot, &name)?;
        fill(&*self.disk, &mut temporary, bytes).map_err(|(_, error)| error)?;
        let parked = slot.join(self.names.credentials.as_ref());
        self.disk.rename(temporary.into_temp_path(), &parked)?;
        let _ = self.disk.sync_folder(slot);
        Ok(())
    }

    /// Moves `auth.json` there; it is copied, and then removed, where no rename leads.
    fn move_file_to(&self, slot: &Path, file: Option<&AuthFile>) -> io::Result<()> {
        let target = self.target().map_err(io::Error::other)?;
        let parked = slot.join(self.names.credentials.as_ref());
        let _ = make_file_private(&target);
        self.disk.sync(&File::open(&target)?)?;
        match (self.disk.move_file(&target, &parked), file) {
            (Err(error), Some(file)) if is_mounted(&error) => {
                self.write_to(slot, &file.to_bytes()?)?;
                self.at_once()
                    .remove_or_empty(&target)
                    .map_err(io::Error::other)?;
            }
            (moved, _) => moved?,
        }
        if target != self.path() {
            // A link that leads nowhere now.
            let _ = self.disk.remove_file(&self.path());
        }
        for folder in [slot, folder_of(&target)] {
            let _ = self.disk.sync_folder(folder);
        }
        Ok(())
    }
}

const DAMAGED: &str = "a damaged sign-in";

/// Returns the person, to be told.
fn whose(file: &AuthFile) -> String {
    let email = file.tokens.as_ref().and_then(|it| it.account().email);
    email.unwrap_or_else(|| "another account".to_owned())
}

pub fn not_created(folder: &Path, error: io::Error) -> Error {
    Error::storage(format!("Could not create {}", folder.display()))
        .with_source(error)
        .with_hint("Check free space and permissions, then try again")
}

pub fn refused(folder: &Path, why: &str) -> Error {
    Error::storage(format!("The accounts folder {} {why}", folder.display()))
        .with_hint("Move it away, so that a folder of your own can take its place")
}
