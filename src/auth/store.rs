//! Where the credentials are: `auth.json`, read safely and replaced atomically, or the system's
//! keyring; under the Codex CLI's locks.

mod home;
mod locked_save;
mod names;
mod read;
mod reading;
mod save;
mod setting;

use std::fmt;
use std::io::{self, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub(super) use home::{Links, links_in};
pub use locked_save::LockedSave;
pub(super) use read::read_regular;
pub use reading::Reading;
pub use save::PreparedSave;
pub use setting::CredentialsStore;

use super::auth_file::AuthFile;
use super::disk::{Disk, RealDisk, TemporaryName, leftovers, remove_leftovers};
#[cfg(all(feature = "keyring", unix))]
use super::keyring;
use super::keyring::{Keyring, KeyringFailure, Vault};
use super::lock::Lock;
use super::notify::Notify;
use crate::error::{Error, Result};
use crate::platform::{create_private_folder, is_mount_point};
use crate::product::Product;
use crate::text::{clean, shell_word};
use names::Names;
use read::{not_followed, not_regular, unreadable};
use reading::without_keyring;
use save::{FileSave, KeyringSave, SaveTo, not_saved};
use setting::encrypted;

/// The space that is reserved, several times that of real credentials.
const RESERVED: usize = 32 * 1024;

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.path()).finish()
    }
}

/// The time limit for a lock.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// A product's home and the credentials in it.
#[derive(Clone)]
pub struct Store {
    home: PathBuf,
    names: Names,
    disk: Arc<dyn Disk>,
    setting: CredentialsStore,
    /// The home's entry in the keyring, also where the file counts: a save must leave no
    /// older copy there.
    vault: Option<Vault>,
    /// Told when a reader waits for a person.
    notify: Notify,
    /// A reader may ask a person to unlock the keyring.
    may_ask: bool,
}

/// Where credentials are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In `auth.json`.
    File,
    /// In the system's keyring.
    Keyring,
}

/// The contents of `auth.json`, or of what is in its place.
#[derive(Debug)]
pub enum Contents {
    /// There are none.
    Missing,
    /// The parsed file.
    File(Box<AuthFile>),
    /// The bytes of a malformed file, for salvage, and the error with line and column.
    Malformed(Vec<u8>, Error),
}

/// The exclusive right to read, change and write the credentials (`auth.lock`).
#[derive(Debug)]
pub struct WriteAccess {
    lock: Lock,
    /// Where saves go.
    place: Place,
}

impl WriteAccess {
    /// Returns where saves go.
    pub(super) fn place(&self) -> Place {
        self.place
    }
}

impl Store {
    /// Returns the Codex CLI's store in the folder `codex_home`, which need not exist yet.
    pub fn new(codex_home: impl Into<PathBuf>) -> Self {
        Self {
            home: codex_home.into(),
            names: Names::of(&Product::codex()),
            disk: Arc::new(RealDisk),
            setting: CredentialsStore::File,
            vault: None,
            notify: Notify::default(),
            may_ask: true,
        }
    }

    /// Returns the store of another product in its own folder, with file names of its own: see
    /// [`Product::credentials_file`].
    pub fn of(product: &Product, home: impl Into<PathBuf>) -> Self {
        Self {
            names: Names::of(product),
            ..Self::new(home)
        }
    }

    /// Replaces the disk, for example by one that fails.
    #[must_use]
    #[doc(hidden)]
    pub fn with_disk(self, disk: Arc<dyn Disk>) -> Self {
        Self { disk, ..self }
    }

    /// Keeps credentials where the Codex CLI does with this setting.
    #[must_use]
    pub fn kept_in(self, setting: CredentialsStore) -> Self {
        #[cfg(all(feature = "keyring", unix))]
        return self.with_keyring(setting, keyring::system());
        #[cfg(not(all(feature = "keyring", unix)))]
        Self { setting, ..self }
    }

    /// As [`Store::kept_in`], with another keyring than the system's.
    #[must_use]
    pub fn with_keyring(self, setting: CredentialsStore, keyring: Arc<dyn Keyring>) -> Self {
        Self {
            setting,
            vault: Some(Vault::new(keyring, self.home.clone())),
            ..self
        }
    }

    /// Says to `notify` when a reader waits for a person to unlock the keyring.
    #[must_use]
    pub fn notifying(&self, notify: &Notify) -> Self {
        Self {
            notify: notify.clone(),
            ..self.clone()
        }
    }

    /// Lets no reader ask a person to unlock the keyring: one that is locked is an error.
    #[must_use]
    pub fn asking_nobody(self) -> Self {
        Self {
            may_ask: false,
            ..self
        }
    }

    /// Returns the place where the Codex CLI keeps credentials, by its setting.
    pub fn setting(&self) -> CredentialsStore {
        self.setting
    }

    /// Returns a place as a person reads it.
    pub fn describe(&self, place: Place) -> String {
        match place {
            Place::File => self.path().display().to_string(),
            Place::Keyring => "the system's keyring".to_owned(),
        }
    }

    /// Returns a store with the same names and disk in another folder, where credentials are
    /// always in a file.
    pub(super) fn at(&self, home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            setting: CredentialsStore::File,
            vault: None,
            ..self.clone()
        }
    }

    /// Returns the folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Returns the path of the credentials: `auth.json` in the codex home.
    pub fn path(&self) -> PathBuf {
        self.home.join(self.names.credentials.as_ref())
    }

    /// As [`Store::read`], without the place.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage), also for a malformed file.
    #[doc(hidden)]
    pub fn load(&self) -> Result<Option<AuthFile>> {
        match self.contents()? {
            Contents::Missing => Ok(None),
            Contents::File(file) => Ok(Some(*file)),
            Contents::Malformed(_, error) => Err(error),
        }
    }

    /// As [`Store::load`], with the bytes of a malformed file.
    #[doc(hidden)]
    pub fn contents(&self) -> Result<Contents> {
        Ok(self.read()?.contents)
    }

    /// Creates the codex home (0700) when it is missing.
    pub(crate) fn create_home(&self) -> Result<()> {
        create_private_folder(&self.home).map_err(|source| {
            let (name, path) = (&self.names.home, self.home.display());
            let error = if self.home.exists() {
                Error::storage(format!("The {name} {path} is not a folder"))
            } else {
                Error::storage(format!("Could not create the {name} {path}")).with_source(source)
            };
            let hint = match &self.names.variable {
                Some(variable) => format!("Choose another folder, for example with {variable}"),
                None => "Choose another folder".to_owned(),
            };
            error.with_hint(hint)
        })
    }

    /// Takes `auth.lock`, around a whole read-modify-write. Warns when others own the codex
    /// home or may write to it. A keyring that counts is unlocked before, so that nobody waits
    /// for a person with the lock held.
    #[doc(hidden)]
    pub async fn lock(&self, deadline: Instant, notify: &Notify) -> Result<WriteAccess> {
        let asked = Instant::now();
        let place = self.place_for_saves(notify).await?;
        // The time that a person takes is not the lock's.
        let deadline = deadline + asked.elapsed();
        self.create_home()?;
        if let Some(warning) = home::warning(&self.home, &self.names.home) {
            notify.tell(warning);
        }
        let lock = Lock::acquire(&self.home.join(self.names.lock()), deadline, notify).await?;
        Ok(WriteAccess { lock, place })
    }

    async fn place_for_saves(&self, notify: &Notify) -> Result<Place> {
        let Some(vault) = self.asked_vault() else {
            return match self.setting {
                CredentialsStore::Keyring => Err(without_keyring()),
                CredentialsStore::Encrypted => Err(encrypted()),
                _ => Ok(Place::File),
            };
        };
        match vault.unlock(notify).answer().await {
            Ok(()) => Ok(Place::Keyring),
            Err(KeyringFailure::Absent(_)) if self.setting == CredentialsStore::Auto => {
                Ok(Place::File)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// The keyring's entry, where the setting asks for it before the file.
    fn asked_vault(&self) -> Option<&Vault> {
        let vault = self.vault.as_ref();
        vault.filter(|_| self.setting.asks_keyring())
    }

    /// Takes `auth.json.lock`, around a write alone.
    pub(super) async fn write_lock(&self, deadline: Instant, notify: &Notify) -> Result<Lock> {
        Lock::acquire(&self.home.join(self.names.write_lock()), deadline, notify).await
    }

    /// Returns the lock files beside the credentials.
    pub(super) fn lock_names(&self) -> [String; 2] {
        [self.names.lock(), self.names.write_lock()]
    }

    /// Returns the disk.
    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    /// Takes `auth.json.lock` and creates the temporary file, so that as little as possible
    /// is left for the moment when new credentials arrive.
    #[doc(hidden)]
    pub async fn prepare(
        &self,
        access: &WriteAccess,
        deadline: Instant,
        notify: &Notify,
    ) -> Result<PreparedSave> {
        self.setting.check_usable()?;
        let mut save = match access.place {
            Place::Keyring => self.keyring_save(access, notify)?,
            Place::File => {
                let mut file = self.create(access)?;
                if self.asked_vault().is_some() {
                    let path = self.path();
                    notify.tell(format!(
                        "The system has no keyring that can be reached: saving in {}",
                        path.display()
                    ));
                } else {
                    file.older = self.vault.as_ref().and_then(Vault::if_any).cloned();
                }
                self.prepared(SaveTo::File(file))
            }
        };
        save.lock_for_write(deadline, notify).await?;
        Ok(save)
    }

    /// Creates the temporary file and reserves its space, for a save that follows a request:
    /// a disk that fails should fail here, before a token is spent. Takes
    /// `auth.json.lock` only with [`PreparedSave::lock_for_write`], because the Codex CLI
    /// must be able to write meanwhile. Blocking, because it syncs.
    #[doc(hidden)]
    pub fn reserve(&self, access: &WriteAccess) -> Result<PreparedSave> {
        if access.place == Place::Keyring {
            return self.keyring_save(access, &self.notify);
        }
        let mut save = self.create(access)?;
        let failed = |error| not_saved(&self.path(), "reserving space", &error);
        let file = save.temporary.as_file_mut();
        self.disk
            .write(file, &vec![b' '; RESERVED])
            .map_err(failed)?;
        // Some file systems report only here that they are full.
        self.disk.sync(file).map_err(failed)?;
        file.rewind().map_err(failed)?;
        Ok(self.prepared(SaveTo::File(save)))
    }

    fn prepared(&self, to: SaveTo) -> PreparedSave {
        PreparedSave {
            to: Box::new(to),
            write_lock: None,
            write_lock_path: self.home.join(self.names.write_lock()),
        }
    }

    fn keyring_save(&self, access: &WriteAccess, notify: &Notify) -> Result<PreparedSave> {
        let vault = self.vault.clone().ok_or_else(without_keyring)?;
        Ok(self.prepared(SaveTo::Keyring(KeyringSave {
            vault,
            notify: notify.clone(),
            store: self.clone(),
            lock_is_real: access.lock.is_real(),
        })))
    }

    fn create(&self, access: &WriteAccess) -> Result<FileSave> {
        let target = self.target()?;
        check_replaceable(&target)?;
        let folder = folder_of(&target);
        let name = self.temporary_name(folder);
        if access.lock.is_real() {
            remove_leftovers(folder, &name);
            if folder != self.home {
                // Copies of damaged files are made here, even if `auth.json` is a link.
                self.remove_leftovers(&self.home);
            }
        }
        let temporary = self
            .disk
            .create(folder, &name)
            .map_err(|error| not_saved(&self.path(), "create", &error))?;
        Ok(FileSave {
            disk: Arc::clone(&self.disk),
            temporary,
            target,
            older: None,
        })
    }

    /// Keeps the bytes of a damaged `auth.json` beside it (0600), before it is replaced.
    #[doc(hidden)]
    pub fn keep_damaged(&self, bytes: &[u8]) -> Result<()> {
        let path = self.damaged_path();
        let keep = || {
            let name = self.temporary_name(&self.home);
            let mut copy = self.disk.create(&self.home, &name)?;
            self.disk.write(copy.as_file_mut(), bytes)?;
            self.disk.rename(copy.into_temp_path(), &path)
        };
        keep().map_err(|error| not_saved(&path, "write", &error))
    }

    /// Removes the credentials from the file and the keyring, and the target of a link if that
    /// is a file of credentials. Returns whether there were any.
    pub(crate) async fn remove(
        &self,
        access: &WriteAccess,
        deadline: Instant,
        notify: &Notify,
    ) -> Result<bool> {
        let _write_lock = self.write_lock(deadline, notify).await?;
        let mut removed = false;
        if let Some(vault) = self.vault.as_ref().and_then(Vault::if_any) {
            removed |= match access.place {
                Place::Keyring => vault.delete(notify).answer().await?,
                Place::File => match vault.delete_unasked().answer().await {
                    Ok(deleted) => deleted,
                    Err(KeyringFailure::Absent(_)) => false,
                    Err(KeyringFailure::Locked) => {
                        notify.tell(OLDER_STAYS);
                        false
                    }
                    Err(failure) => {
                        notify.tell(format!(
                            "An older sign-in may stay in the system's keyring: {}",
                            Error::from(failure).in_full()
                        ));
                        false
                    }
                },
            };
        }
        removed |= self.remove_files(access.lock.is_real(), notify)?;
        Ok(removed)
    }

    /// Removes `auth.json` and what damage and killed saves have left beside it.
    fn remove_files(&self, lock_is_real: bool, notify: &Notify) -> Result<bool> {
        let path = self.path();
        let mut removed = false;
        if path.is_symlink()
            && let Ok(target) = path.canonicalize()
        {
            if self.is_ours(&target) {
                removed |= self.remove_file(&target)?;
                if lock_is_real {
                    self.remove_leftovers(folder_of(&target));
                }
            } else {
                let target = target.display().to_string();
                notify.tell(format!(
                    "{} was not deleted: it was only linked to",
                    clean(&target)
                ));
            }
        }
        removed |= self.remove_file(&path)?;
        self.remove_file(&self.damaged_path())?;
        if lock_is_real {
            // A killed save may have left tokens.
            self.remove_leftovers(&self.home);
        }
        Ok(removed)
    }

    /// Returns whether the target of a link may be deleted too: it is a file of credentials,
    /// and only this user can have made the link.
    fn is_ours(&self, target: &Path) -> bool {
        let bytes = match links_in(&self.home) {
            Links::Follow => read_regular(target, Links::Refuse).ok().flatten(),
            Links::Refuse => None,
        };
        let file = bytes.and_then(|bytes| AuthFile::parse(&bytes).ok());
        file.is_some_and(|file| file.holds_anything())
    }

    /// Returns whether signing out would remove anything.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when nobody can tell, because a keyring
    /// that counts cannot be asked.
    pub(crate) async fn holds_anything(&self) -> Result<bool> {
        if self.setting == CredentialsStore::Encrypted {
            return Err(encrypted());
        }
        if self.holds_a_file()? {
            return Ok(true);
        }
        let Some(vault) = &self.vault else {
            return Ok(false);
        };
        if vault.if_any().is_none() && self.setting != CredentialsStore::Keyring {
            return Ok(false);
        }
        match vault.exists().answer().await {
            Err(failure) if self.is_needed(&failure) => Err(failure.into()),
            answer => Ok(answer.unwrap_or(false)),
        }
    }

    /// Whether the setting leaves no way round a keyring that fails like this.
    fn is_needed(&self, failure: &KeyringFailure) -> bool {
        match self.setting {
            CredentialsStore::Keyring => true,
            CredentialsStore::Auto => !failure.is_absent(),
            _ => false,
        }
    }

    fn holds_a_file(&self) -> Result<bool> {
        let is_there = |path: PathBuf| match path.symlink_metadata() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            // Nobody may say that nothing is there.
            Err(error) => Err(unreadable(&path, error)),
        };
        Ok(is_there(self.path())?
            || is_there(self.damaged_path())?
            || !leftovers(&self.home, &self.temporary_name(&self.home)).is_empty())
    }

    /// Returns the temporary files that interrupted saves left behind.
    #[cfg(feature = "cli")]
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        leftovers(&self.home, &self.temporary_name(&self.home))
    }

    /// Removes the temporary files that killed saves left beside `auth.json`.
    pub(super) fn clean(&self, access: &WriteAccess) {
        if access.lock.is_real() {
            self.remove_leftovers(&self.home);
        }
    }

    fn remove_leftovers(&self, folder: &Path) {
        remove_leftovers(folder, &self.temporary_name(folder));
    }

    fn remove_file(&self, path: &Path) -> Result<bool> {
        match self.disk.remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(
                Error::storage(format!("Could not remove {}", path.display()))
                    .with_source(source)
                    .with_hint(format!(
                        "Remove it by hand: rm {}{}",
                        if path.is_dir() { "-r " } else { "" },
                        shell_word(&path.display().to_string())
                    )),
            ),
        }
    }

    fn temporary_name(&self, folder: &Path) -> TemporaryName {
        TemporaryName::new(folder, &self.home, &self.names.credentials)
    }

    /// Returns the path of the copy of a damaged file.
    pub(crate) fn damaged_path(&self) -> PathBuf {
        self.home.join(self.names.damaged())
    }

    /// Returns the file to replace: `auth.json`, or its target if it is a link.
    pub(super) fn target(&self) -> Result<PathBuf> {
        let path = self.path();
        let target = if path.is_symlink() {
            if links_in(&self.home) == Links::Refuse {
                return Err(unreadable(&path, not_followed()));
            }
            path.canonicalize()
                .map_err(|error| unreadable(&path, error))?
        } else {
            path
        };
        match target.metadata() {
            // Named by our path, because the hint says to remove it.
            Ok(metadata) if !metadata.is_file() => Err(unreadable(&self.path(), not_regular())),
            _ => Ok(target),
        }
    }
}

/// The warning where a keyring that does not count cannot be emptied.
const OLDER_STAYS: &str = "An older sign-in stays in the system's keyring, because it is locked: \
                           unlock it, then sign out";

/// Fails for a mount point, which a rename cannot replace, before a token is spent.
fn check_replaceable(target: &Path) -> Result<()> {
    if !is_mount_point(target) {
        return Ok(());
    }
    Err(Error::storage(format!(
        "Could not replace {}: it is a mount point",
        target.display()
    ))
    .with_hint("Mount its folder instead of the file"))
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
