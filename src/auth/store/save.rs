//! The last steps of a save: write, sync, rename, sync the folder; or write the keyring's entry,
//! read it back, and remove the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use secrecy::SecretString;
use tempfile::NamedTempFile;

use super::disk::{Disk, Kept, TemporaryName, fill, is_mounted, not_saved};
use super::in_place::InPlace;
use super::keyring::{KeyringFailure, Vault, Written};
use super::lock::Lock;
use super::remove::OLDER_STAYS;
use super::{Store, StoreLock, folder_of};
use crate::auth::file::account::{Account, Saved};
use crate::auth::file::auth_file::{AuthFile, Tokens};
use crate::auth::file::owner::same_owner;
use crate::auth::system::on_blocking_thread;
use crate::error::{Error, Result};

/// Credentials that are ready to be saved: the locks are held, and there is room. Nothing has
/// changed if it is dropped.
///
/// ```
/// use codex_onboarding::auth::{Save, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// let store = Store::new(home.path());
/// let save = Save::api_key(&store, &"sk-example".into()).await?;
/// let saved = save.commit().await?;
/// assert_eq!(saved.account.mode.as_str(), "apikey");
/// # Ok(())
/// # }
/// ```
pub struct Save {
    file: Box<AuthFile>,
    pub(in crate::auth) account: Account,
    prepared: Box<PreparedSave>,
    lock: StoreLock,
}

impl fmt::Debug for Save {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Save")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Save {
    /// Takes the locks. `file` is awaited under the first one, so it may depend on what is stored.
    pub(crate) async fn prepare(
        store: &Store,
        file: impl Future<Output = Result<Box<AuthFile>>>,
    ) -> Result<Self> {
        let lock = store.lock().await?;
        let file = file.await?;
        let tokens = file.tokens.as_ref();
        Ok(Self {
            account: tokens.map_or_else(Account::api_key, Tokens::account),
            prepared: Box::new(store.prepare(&lock).await?),
            file,
            lock,
        })
    }

    /// Replaces the stored credentials. It begins at once, beside the task: fsync can take long on
    /// a bad disk, and the screen must stay alive meanwhile. Dropping the future does not stop
    /// the write.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage); the old credentials are untouched.
    pub fn commit(self) -> impl Future<Output = Result<Saved>> + Send + 'static {
        on_blocking_thread(move || {
            let saved = self.prepared.commit(&self.file);
            drop(self.lock);
            Ok(Saved {
                account: self.account,
                warning: saved?,
            })
        })
    }
}

/// A save whose locks and temporary file are ready, whatever will be saved.
pub struct PreparedSave {
    pub(super) store: Store,
    pub(super) to: Box<To>,
    /// `auth.json.lock`, unless it is taken later.
    pub(super) write_lock: Option<Lock>,
}

/// The destination of a save.
pub enum To {
    /// A file whose temporary file exists: what is left is write, fsync and rename.
    File {
        /// The name of the temporary file, should another one be needed.
        name: TemporaryName,
        temporary: NamedTempFile,
        target: PathBuf,
        /// The entry in a keyring that may hold an older sign-in.
        older: Option<Vault>,
    },
    /// A keyring that is unlocked. The store's files may hold an older sign-in.
    Keyring { vault: Vault, lock_is_real: bool },
}

impl fmt::Debug for PreparedSave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedSave").finish_non_exhaustive()
    }
}

impl PreparedSave {
    /// Takes `auth.json.lock`, around the write alone, unless it is held already.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it stays taken; committing is
    /// possible all the same.
    pub async fn lock_for_write(&mut self) -> Result<()> {
        if self.write_lock.is_none() {
            self.write_lock = Some(self.store.write_lock().await?);
        }
        Ok(())
    }

    /// Saves. When it returns `Ok`, the credentials are kept; the text is a warning: a power
    /// failure may undo it, or an older copy stays in the other place. Blocking.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage); the old credentials are untouched.
    pub fn commit(self, file: &AuthFile) -> Result<Option<String>> {
        self.commit_and_look(file).map(|kept| kept.warning)
    }

    /// As [`PreparedSave::commit`], and says whether the credentials are where they belong.
    pub(in crate::auth) fn commit_and_look(self, file: &AuthFile) -> Result<Kept> {
        // The lock is let go at the end, with `self`.
        match *self.to {
            To::File {
                name,
                temporary,
                target,
                older,
            } => {
                let kept = replace(&self.store.disk, &target, temporary, &name, file);
                let mut kept = kept.map_err(|(step, error)| not_saved(&target, step, &error))?;
                kept.warning = kept
                    .warning
                    .or_else(|| older.and_then(|older| forget(&self.store, &older, file)));
                Ok(kept)
            }
            To::Keyring {
                vault,
                lock_is_real,
            } => write_entry(&self.store, &vault, lock_is_real, file),
        }
    }
}

/// Writes, syncs and renames; a mount point is written in place.
fn replace(
    disk: &Arc<dyn Disk>,
    target: &Path,
    mut temporary: NamedTempFile,
    name: &TemporaryName,
    file: &AuthFile,
) -> Result<Kept, (&'static str, io::Error)> {
    let bytes = file.to_bytes().map_err(|error| ("encode", error.into()))?;
    fill(&**disk, &mut temporary, &bytes)?;
    let place = InPlace {
        disk: Arc::clone(disk),
        target: target.to_owned(),
    };
    let temporary = temporary.into_temp_path();
    if disk.is_mount_point(target) {
        return place.save(temporary, &bytes);
    }
    match disk.rename(temporary, target) {
        Ok(()) => Ok(Kept::with(sync_folder_of(&**disk, target))),
        // An old kernel does not say what a mount point is.
        Err(error) if is_mounted(&error) => {
            let again = disk.create(folder_of(target), name);
            let mut again = again.map_err(|error| ("create", error))?;
            fill(&**disk, &mut again, &bytes)?;
            place.save(again.into_temp_path(), &bytes)
        }
        Err(error) => Err(("rename", error)),
    }
}

/// Returns a warning when it fails: the file is in its place already.
fn sync_folder_of(disk: &dyn Disk, target: &Path) -> Option<String> {
    let error = disk.sync_folder(folder_of(target)).err()?;
    Some(format!(
        "Saved, but the folder of {} could not be synced ({error}): a power failure now could undo it",
        target.display()
    ))
}

/// Empties the keyring after a save in the file. It does not count, so nobody is asked to
/// unlock it, and only an entry that stays is worth a word. Somebody else's is parked first.
fn forget(store: &Store, older: &Vault, file: &AuthFile) -> Option<String> {
    let forget = || {
        let Some(entry) = older.read_if_unlocked().wait()? else {
            return Ok(None);
        };
        if let Err(error) = store.park_entry(&entry, file) {
            return Ok(Some(error.in_full()));
        }
        older.delete_if_unlocked().wait().map(|_| None)
    };
    match forget() {
        Ok(warning) => warning,
        Err(KeyringFailure::Locked) => Some(OLDER_STAYS.to_owned()),
        Err(failure) => {
            tracing::debug!(?failure, "the keyring was not looked into");
            None
        }
    }
}

/// Writes, reads back, and only then removes the file. One that holds somebody else's
/// credentials is parked: they may have been saved while there was no keyring.
fn write_entry(store: &Store, vault: &Vault, lock_is_real: bool, file: &AuthFile) -> Result<Kept> {
    let text = serde_json::to_string(file)
        .map_err(|error| not_kept(Error::storage("Encoding failed").with_source(error)))?;
    let written = vault.write(SecretString::from(text), &store.notify);
    let written = written.wait().map_err(|failure| not_kept(failure.into()))?;
    if let Written::Unseen(failure) = written {
        // An older copy in the file is better than none at all.
        return Ok(Kept::uncertain(format!(
            "Saved in the system's keyring, but not read back: {}",
            Error::from(failure).in_full()
        )));
    }
    let tidied = store
        .park_unless(|old| same_owner(old, file))
        .and_then(|_| store.remove_files(lock_is_real));
    Ok(Kept::with(tidied.err().map(|error| {
        format!("Saved in the system's keyring, but an older copy stays: {error}")
    })))
}

fn not_kept(error: Error) -> Error {
    error.under("Could not save the credentials in the system's keyring")
}
