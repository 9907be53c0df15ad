//! A save. Everything that can fail happens before new credentials arrive. Then they are written to
//! the file and an older sign-in is removed from the keyring, or the other way round.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;

use super::keyring::{KeyringFailure, Vault};
use super::lock::Lock;
use super::new_file::{NewFile, Written};
use super::remove::OLDER_STAYS;
use super::{Store, StoreLock};
use crate::auth::file::account::{Account, Saved};
use crate::auth::file::auth_file::{AuthFile, Tokens};
use crate::auth::system::on_blocking_thread;
use crate::error::{Error, Result};

/// The space that is reserved, several times that of real credentials.
const RESERVED: usize = 32 * 1024;

/// Credentials that are ready to be saved: the locks are held, and there is room. Dropping it
/// changes nothing.
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

    /// Replaces the stored credentials. The write starts at once on a thread of its own, because
    /// an fsync can take long on a bad disk; dropping the future does not stop it.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage); the old credentials are untouched.
    pub fn commit(self) -> impl Future<Output = Result<Saved>> + Send + 'static {
        on_blocking_thread(move || {
            let written = self.prepared.commit(&self.file);
            drop(self.lock);
            Ok(Saved {
                account: self.account,
                warning: written?.warning,
            })
        })
    }
}

/// A save that only lacks the credentials. The caller holds the [`StoreLock`].
pub struct PreparedSave {
    store: Store,
    to: To,
    /// `auth.json.lock`, unless it is taken later.
    write_lock: Option<Lock>,
}

/// The destination of a save.
enum To {
    File {
        new: NewFile,
        /// The entry in a keyring, which may hold an older sign-in.
        older: Option<Vault>,
    },
    Keyring(Vault),
}

impl fmt::Debug for PreparedSave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreparedSave")
    }
}

impl Store {
    /// Creates the temporary file and takes `auth.json.lock`.
    #[doc(hidden)]
    pub async fn prepare(&self, lock: &StoreLock) -> Result<PreparedSave> {
        self.setting.check_usable()?;
        let mut save = self.begin_save(lock)?;
        if let To::File { older, .. } = &mut save.to {
            if self.asked_vault()?.is_some() {
                self.tell(format!(
                    "The system has no keyring that can be reached: saving in {}",
                    self.path().display()
                ));
            } else {
                *older = self.reachable_vault();
            }
        }
        save.lock_for_write().await?;
        Ok(save)
    }

    /// Creates the temporary file and reserves its space: a disk that fails should fail before
    /// a refresh token is spent. The Codex CLI must be able to write meanwhile, so
    /// `auth.json.lock` is left for [`PreparedSave::lock_for_write`]. Blocking.
    #[doc(hidden)]
    pub fn reserve(&self, lock: &StoreLock) -> Result<PreparedSave> {
        let mut save = self.begin_save(lock)?;
        if let To::File { new, .. } = &mut save.to {
            new.reserve(RESERVED)?;
        }
        Ok(save)
    }

    fn begin_save(&self, lock: &StoreLock) -> Result<PreparedSave> {
        let to = if let Some(vault) = &lock.vault {
            To::Keyring(vault.clone())
        } else {
            To::File {
                new: self.new_file(self.target()?)?,
                older: None,
            }
        };
        Ok(PreparedSave {
            store: self.clone(),
            to,
            write_lock: None,
        })
    }

    pub(super) fn new_file(&self, target: PathBuf) -> Result<NewFile> {
        let name = self.temporary_name(super::folder_of(&target));
        NewFile::create(self.disk(), target, &name)
    }

    /// Copies the bytes of a damaged `auth.json` to a file beside it (0600), before it is
    /// replaced.
    pub(in crate::auth) fn keep_damaged(&self, bytes: &[u8]) -> Result<()> {
        let copy = self.new_file(self.damaged_path())?;
        copy.commit(bytes).map(drop)
    }
}

impl PreparedSave {
    /// Takes `auth.json.lock`, which is held around the write alone.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it stays taken; committing is still
    /// possible.
    pub async fn lock_for_write(&mut self) -> Result<()> {
        self.write_lock = Some(self.store.write_lock().await?);
        Ok(())
    }

    /// Saves, then releases `auth.json.lock`. Blocking.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage); the old credentials are untouched.
    pub fn commit(self, file: &AuthFile) -> Result<Written> {
        match self.to {
            To::File { new, older } => {
                let mut written = new.commit(&file.to_bytes()?)?;
                if let Some(older) = older
                    && written.warning.is_none()
                {
                    written.warning = forget(&self.store, &older, file);
                }
                Ok(written)
            }
            To::Keyring(vault) => save_in_keyring(&self.store, &vault, file),
        }
    }
}

/// Empties the keyring after a save in the file. Another account's entry is parked first. As the
/// keyring does not count, the person is not asked to unlock it, and only an entry that stays
/// causes a warning.
fn forget(store: &Store, older: &Vault, file: &AuthFile) -> Option<String> {
    let forget = || {
        let Some(entry) = older.read(None).wait()? else {
            return Ok(None);
        };
        if let Err(error) = store.park_entry(entry, file) {
            return Ok(Some(error.in_full()));
        }
        older.delete(None).wait().map(|_| None)
    };
    match forget() {
        Ok(warning) => warning,
        Err(KeyringFailure::Locked) => Some(OLDER_STAYS.to_owned()),
        Err(failure) => {
            tracing::debug!(?failure, "could not look into the keyring");
            None
        }
    }
}

/// Writes the entry, reads it back, and only then removes the file. Another account's file is
/// parked: it may have been saved while there was no keyring.
fn save_in_keyring(store: &Store, vault: &Vault, file: &AuthFile) -> Result<Written> {
    let not_saved =
        |error: Error| error.under("Could not save the credentials in the system's keyring");
    let text = serde_json::to_string(file)
        .map_err(|error| not_saved(Error::storage("Encoding failed").with_source(error)))?;
    let unseen = vault.write(SecretString::from(text), &store.notify).wait();
    if let Some(failure) = unseen.map_err(|failure| not_saved(failure.into()))? {
        // An older copy in the file is better than none at all.
        let warning = format!(
            "Saved in the system's keyring, but not read back: {}",
            Error::from(failure).in_full()
        );
        return Ok(Written {
            warning: Some(warning),
            is_uncertain: true,
        });
    }
    let tidied = store.park_file(Some(file));
    let warning = tidied.err();
    Ok(Written {
        warning: warning.map(|error| {
            format!("Saved in the system's keyring, but an older copy stays: {error}")
        }),
        is_uncertain: false,
    })
}
