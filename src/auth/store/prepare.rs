//! The first steps of a save: everything that can fail before new credentials arrive.

use std::io::Seek as _;
use std::path::PathBuf;

use super::disk::{not_saved, remove_leftovers};
use super::home::{Links, links_in};
use super::keyring::Vault;
use super::read::{not_followed, not_regular, unreadable};
use super::save::{PreparedSave, To};
use super::store_lock::StoreLock;
use super::{Store, folder_of};
use crate::error::Result;

/// The space that is reserved, several times that of real credentials.
const RESERVED: usize = 32 * 1024;

impl Store {
    /// Takes `auth.json.lock` and creates the temporary file, so that as little as possible
    /// is left for the moment when new credentials arrive.
    #[doc(hidden)]
    pub async fn prepare(&self, lock: &StoreLock) -> Result<PreparedSave> {
        self.setting.check_usable()?;
        let mut save = self.prepare_to(lock)?;
        if let To::File { older, .. } = &mut *save.to {
            if self.asked_vault().is_some() {
                self.tell(format!(
                    "The system has no keyring that can be reached: saving in {}",
                    self.path().display()
                ));
            } else {
                *older = self.vault.as_ref().and_then(Vault::if_any).cloned();
            }
        }
        save.lock_for_write().await?;
        Ok(save)
    }

    /// Creates the temporary file and reserves its space, for a save that follows a request:
    /// a disk that fails should fail here, before a token is spent. Takes
    /// `auth.json.lock` only with [`PreparedSave::lock_for_write`], because the Codex CLI
    /// must be able to write meanwhile. Blocking, because it syncs.
    #[doc(hidden)]
    pub fn reserve(&self, lock: &StoreLock) -> Result<PreparedSave> {
        let mut save = self.prepare_to(lock)?;
        if let To::File { temporary, .. } = &mut *save.to {
            let failed = |error| not_saved(&self.path(), "reserving space", &error);
            let file = temporary.as_file_mut();
            self.disk
                .write(file, &vec![b' '; RESERVED])
                .map_err(failed)?;
            // Some file systems report only here that they are full.
            self.disk.sync(file).map_err(failed)?;
            file.rewind().map_err(failed)?;
        }
        Ok(save)
    }

    /// Makes sure that there is a destination, and creates the temporary file where it is a file.
    fn prepare_to(&self, lock: &StoreLock) -> Result<PreparedSave> {
        let to = match &lock.vault {
            Some(vault) => To::Keyring {
                vault: vault.clone(),
                lock_is_real: lock.is_real(),
            },
            None => self.create(lock)?,
        };
        Ok(PreparedSave {
            store: self.clone(),
            to: Box::new(to),
            write_lock: None,
        })
    }

    fn create(&self, lock: &StoreLock) -> Result<To> {
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
        Ok(To::File {
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
