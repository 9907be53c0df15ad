//! Where credentials are stored: in `auth.json`, read safely and replaced atomically, or in the
//! system's keyring; under the Codex CLI's locks.

pub(in crate::auth) mod disk;
mod file_names;
pub(in crate::auth) mod keyring;
mod leftovers;
pub(in crate::auth) mod lock;
pub(in crate::auth) mod new_file;
pub(in crate::auth) mod notify;
mod obstacle;
mod read;
mod reading;
mod remove;
mod save;
mod setting;
mod slots;
mod store_lock;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;

pub(super) use leftovers::WAITING_LOCK;
#[cfg(feature = "cli")]
pub(crate) use obstacle::Obstacle;
pub(super) use read::{Links, links_in, read_regular};
pub use reading::{Contents, Reading};
pub use save::{PreparedSave, Save};
pub use setting::StoreSetting;
pub(super) use slots::{refused, resolved};
pub use store_lock::{LOCK_TIMEOUT, StoreLock};

use crate::error::{Error, Result};
use crate::platform::{create_private_folder, is_someone_elses};
use crate::product::{Product, Program, codex};
use disk::{Disk, RealDisk, TemporaryName};
use keyring::{Keyring, KeyringFailure, Vault};
use notify::Notify;
use read::{not_followed, not_regular, unreadable};

/// A product's home and the credentials in it.
#[derive(Clone)]
pub struct Store {
    home: PathBuf,
    product: Arc<Product>,
    disk: Arc<dyn Disk>,
    setting: StoreSetting,
    /// The system's keyring, even if the setting is the file: a save must leave no older copy
    /// there. `None` in a build without keyring support, and for a slot.
    keyring: Option<Arc<dyn Keyring>>,
    /// Receives notices: warnings, and the reason for a wait.
    notify: Notify,
    /// The end of every wait for a lock; without one, each wait may take [`LOCK_TIMEOUT`].
    deadline: Option<Instant>,
    /// Set if reads may ask the person to unlock the keyring.
    may_unlock: bool,
    /// The codex home that a slot is in; `None` for a codex home.
    outer: Option<Arc<Store>>,
}

/// Where credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// `auth.json`.
    File,
    /// The system's keyring.
    Keyring,
    /// `OPENAI_API_KEY` in the environment.
    Environment,
}

impl Source {
    /// Returns the name in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Keyring => "keyring",
            Self::Environment => "environment",
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.path()).finish()
    }
}

impl Store {
    /// Returns the Codex CLI's store in the folder `codex_home`, which need not exist yet.
    pub fn new(codex_home: impl Into<PathBuf>) -> Self {
        Self {
            home: codex_home.into(),
            product: Arc::new(Product::codex()),
            disk: Arc::new(RealDisk),
            setting: StoreSetting::File,
            keyring: None,
            notify: Notify::default(),
            deadline: None,
            may_unlock: true,
            outer: None,
        }
    }

    /// Returns the store of another product, in its own folder and with its own file names: see
    /// [`Product::credentials_file`].
    pub fn of(product: &Product, home: impl Into<PathBuf>) -> Self {
        Self {
            product: Arc::new(product.clone()),
            ..Self::new(home)
        }
    }

    /// Replaces the disk, for example by one that fails.
    #[must_use]
    #[doc(hidden)]
    pub fn with_disk(self, disk: Arc<dyn Disk>) -> Self {
        Self { disk, ..self }
    }

    /// Keeps credentials where the Codex CLI keeps them with this setting.
    #[must_use]
    pub fn with_setting(self, setting: StoreSetting) -> Self {
        #[cfg(all(feature = "keyring", unix))]
        return self.with_keyring(setting, keyring::system());
        #[cfg(not(all(feature = "keyring", unix)))]
        Self { setting, ..self }
    }

    /// As [`Store::with_setting`], with another keyring than the system's.
    #[must_use]
    pub fn with_keyring(self, setting: StoreSetting, keyring: Arc<dyn Keyring>) -> Self {
        Self {
            setting,
            keyring: Some(keyring),
            ..self
        }
    }

    /// Passes notices to `notify`: warnings about a save, and what is being waited for, such as a
    /// lock or a keyring that a person has to unlock.
    #[must_use]
    pub fn notifying(&self, notify: &Notify) -> Self {
        Self {
            notify: notify.clone(),
            ..self.clone()
        }
    }

    /// Waits for locks until `deadline` at most.
    #[must_use]
    pub(super) fn until(&self, deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..self.clone()
        }
    }

    /// Waits for no lock, and passes no notices.
    pub(super) fn at_once(&self) -> Self {
        self.notifying(&Notify::default()).until(Instant::now())
    }

    /// Sends a notice about a fact, not about a wait.
    pub(crate) fn tell(&self, sentence: impl Into<String>) {
        self.notify.tell(sentence);
    }

    /// Never asks the person to unlock the keyring: a locked one is an error.
    #[must_use]
    pub fn without_unlocking(self) -> Self {
        Self {
            may_unlock: false,
            ..self
        }
    }

    /// Includes the file that the setting `ephemeral` ignores, so that a sign-out revokes and
    /// removes it.
    pub(super) fn with_leftover_file(&self) -> Self {
        Self {
            setting: match self.setting {
                StoreSetting::Ephemeral => StoreSetting::File,
                setting => setting,
            },
            ..self.clone()
        }
    }

    /// Returns the Codex CLI's setting of where credentials are kept.
    pub fn setting(&self) -> StoreSetting {
        self.setting
    }

    /// Describes a source for a person.
    pub fn describe(&self, source: Source) -> String {
        match source {
            Source::File => self.path().display().to_string(),
            Source::Keyring => "the system's keyring".to_owned(),
            Source::Environment => "the environment".to_owned(),
        }
    }

    /// Returns the store of another folder in this codex home, whose credentials are always in a
    /// file.
    pub(super) fn at(&self, home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            setting: StoreSetting::File,
            keyring: None,
            outer: Some(Arc::new(self.clone())),
            ..self.clone()
        }
    }

    /// Returns the folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Returns the path of the credentials: `auth.json` in the codex home.
    pub fn path(&self) -> PathBuf {
        self.home.join(self.product.credentials_file.as_ref())
    }

    /// Returns the file that a save replaces: `auth.json`, or its target if it is a link.
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
            // The hint says to remove our path, not the target.
            Ok(metadata) if !metadata.is_file() => Err(unreadable(&self.path(), not_regular())),
            _ => Ok(target),
        }
    }

    /// Creates the codex home (0700) when it is missing.
    pub(crate) fn create_home(&self) -> Result<()> {
        create_private_folder(&self.home).map_err(|source| {
            let (name, path) = (&self.product.home, self.home.display());
            Error::storage(format!("Could not create the {name} {path}"))
                .with_source(source)
                .with_hint(self.choose_another())
        })
    }

    /// Returns the warning for a codex home that other users own or may write to.
    #[doc(hidden)]
    pub fn exposure_warning(&self) -> Option<String> {
        read::exposure_warning(&self.home, &self.product.home)
    }

    /// Returns the keyring's entry if it counts before the file.
    ///
    /// # Errors
    /// The setting cannot be obeyed: for an encrypted file, or without keyring support.
    fn asked_vault(&self) -> Result<Option<Vault>> {
        match (self.setting, &self.keyring) {
            (StoreSetting::Encrypted, _) => Err(codex::encrypts()),
            (StoreSetting::Keyring, None) => Err(codex::needs_keyring()),
            (StoreSetting::Keyring | StoreSetting::Auto, Some(keyring)) => {
                Ok(Some(Vault::new(keyring, &self.home)))
            }
            _ => Ok(None),
        }
    }

    /// Returns the keyring's entry, whatever the setting; `None` if there is certainly no keyring.
    fn reachable_vault(&self) -> Option<Vault> {
        let keyring = self.keyring.as_ref().filter(|it| it.may_exist())?;
        Some(Vault::new(keyring, &self.home))
    }

    /// Returns whether this failure of the keyring makes the file count.
    fn may_use_file(&self, failure: &KeyringFailure) -> bool {
        self.setting == StoreSetting::Auto && matches!(failure, KeyringFailure::Absent(_))
    }

    /// Returns the lock files beside the credentials.
    pub(super) fn lock_names(&self) -> [String; 2] {
        [self.product.lock_name(), self.product.write_lock_name()]
    }

    /// Returns the product, which names the files.
    pub(super) fn product(&self) -> &Product {
        &self.product
    }

    /// Returns the program that uses the credentials.
    pub(super) fn program(&self) -> Option<&Program> {
        self.product.program.as_ref()
    }

    /// Returns the disk.
    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    fn temporary_name(&self, folder: &Path) -> TemporaryName {
        TemporaryName::new(folder, &self.home, &self.product.credentials_file)
    }

    /// Returns the path of a sign-in that was left for later.
    pub(crate) fn pending_sign_in(&self) -> PathBuf {
        self.home.join("pending-sign-in.json")
    }

    /// Removes a sign-in that was left for later. Best effort: it expires by itself.
    pub(super) fn remove_pending_sign_in(&self) {
        let path = self.pending_sign_in();
        let is_ours = |found: std::fs::Metadata| found.is_file() && !is_someone_elses(&found);
        if path.symlink_metadata().is_ok_and(is_ours) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Returns the path of the copy of a damaged file: `auth.json.damaged`.
    pub(crate) fn damaged_path(&self) -> PathBuf {
        let name = format!("{}.damaged", self.product.credentials_file);
        self.home.join(name)
    }
}

/// Returns the folder of a file, as a path that can be opened.
pub(super) fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_folder_is_in_the_working_directory() {
        assert_eq!(folder_of(Path::new("auth.json")), Path::new("."));
        assert_eq!(folder_of(Path::new("home/auth.json")), Path::new("home"));
    }
}
