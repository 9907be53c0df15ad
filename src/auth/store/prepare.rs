//! The first steps of a save: everything that can fail before new credentials arrive.

use std::io::Seek as _;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::Instant;

use super::disk::remove_leftovers;
use super::home::{Links, links_in};
use super::keyring::Vault;
use super::notify::Notify;
use super::outcome::not_saved;
use super::read::{not_followed, not_regular, unreadable};
use super::reading::without_keyring;
use super::save::{FileSave, KeyringSave, Older, PreparedSave, SaveTo};
use super::store_lock::StoreLock;
use super::{Place, Store, folder_of};
use crate::error::Result;

/// The space that is reserved, several times that of real credentials.
const RESERVED: usize = 32 * 1024;

impl Store {
    /// Takes `auth.json.lock` and creates the temporary file, so that as little as possible
    /// is left for the moment when new credentials arrive.
    #[doc(hidden)]
    pub async fn prepare(
        &self,
        lock: &StoreLock,
        deadline: Instant,
        notify: &Notify,
    ) -> Result<PreparedSave> {
        self.setting.check_usable()?;
        let mut save = match lock.place {
            Place::Keyring => self.keyring_save(lock, notify)?,
            Place::File => {
                let mut file = self.create(lock)?;
                if self.asked_vault().is_some() {
                    let path = self.path();
                    notify.tell(format!(
                        "The system has no keyring that can be reached: saving in {}",
                        path.display()
                    ));
                } else {
                    let vault = self.vault.as_ref().and_then(Vault::if_any);
                    file.older = vault.map(|vault| Older {
                        vault: vault.clone(),
                        store: self.clone(),
                        notify: notify.clone(),
                    });
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
    pub fn reserve(&self, lock: &StoreLock) -> Result<PreparedSave> {
        if lock.place == Place::Keyring {
            return self.keyring_save(lock, &self.notify);
        }
        let mut save = self.create(lock)?;
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

    fn keyring_save(&self, lock: &StoreLock, notify: &Notify) -> Result<PreparedSave> {
        let vault = self.vault.clone().ok_or_else(without_keyring)?;
        Ok(self.prepared(SaveTo::Keyring(KeyringSave {
            vault,
            notify: notify.clone(),
            store: self.clone(),
            lock_is_real: lock.is_real(),
        })))
    }

    fn create(&self, lock: &StoreLock) -> Result<FileSave> {
        let target = self.target()?;
        let folder = folder_of(&target);
        let name = self.temporary_name(folder);
        if lock.is_real() {
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
            name,
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

    /// Returns the file to replace: `auth.json`, or its target if it is a link.
    pub(in crate::auth) fn target(&self) -> Result<PathBuf> {
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
