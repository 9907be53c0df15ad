//! A sign-in that was left, in a file of its own until somebody goes on with it.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

#[cfg(feature = "cli")]
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::kept::Kept;
use crate::auth::{Attempt, Lock, LockKind, Store, described};
use crate::error::{Error, Result};
use crate::platform::{is_link, is_someone_elses, swap, without_waiting_or_links};

/// The limit for the file; a real one has about 1 KB.
const MAX_FILE: u64 = 64 * 1024;

/// A sign-in that was left, and what is to become of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PendingSignIn {
    /// The sign-in.
    #[serde(flatten)]
    pub kept: Kept,
    /// The place for the new account.
    pub destination: Destination,
    /// The home that it was begun in.
    pub home: PathBuf,
}

/// The place for a new account.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Destination {
    /// In place of the active account.
    Replace,
    /// In its place, and that one is parked.
    Keep,
    /// Parked, under this name if there is one.
    Beside(Option<String>),
}

/// The file of a sign-in that was left: `pending-sign-in.json` (0600) in the home. Its lock is
/// held by whoever polls.
#[derive(Clone, Debug)]
pub struct PendingFile {
    store: Store,
    path: PathBuf,
}

/// The right to poll, until it is dropped.
#[derive(Debug)]
pub struct Polling(#[allow(dead_code)] Lock);

impl PendingFile {
    /// The file in the home of `store`.
    pub fn of(store: &Store) -> Self {
        Self {
            path: store.pending_sign_in(),
            store: store.clone(),
        }
    }

    /// Returns the sign-in, if one was left; one that has expired, too.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the file is damaged, a link, or
    /// another user's.
    pub fn load(&self) -> Result<Option<PendingSignIn>> {
        let file = match self.read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if is_link(&error) => {
                return Err(self.unusable("it is a link").with_hint(self.move_away()));
            }
            Err(error) => return Err(self.unusable(error).with_hint(self.move_away())),
            Ok(file) => file,
        };
        match serde_json::from_slice(&file) {
            Ok(pending) => Ok(Some(pending)),
            // Its text could quote a secret.
            Err(_) => Err(self
                .unusable("it is damaged")
                .with_hint("Begin a new sign-in, which replaces it")),
        }
    }

    /// Returns whether what is in the file is of no use to anybody any more: it has expired, is
    /// damaged, or cannot be used.
    #[cfg(feature = "cli")]
    pub(crate) fn is_left_over(&self, now: DateTime<Utc>) -> bool {
        match self.load() {
            Ok(None) => false,
            Ok(Some(pending)) => pending.kept.has_expired(now),
            Err(_) => true,
        }
    }

    /// Returns whether it is the same sign-in that is in the file.
    pub fn holds(&self, pending: &PendingSignIn) -> bool {
        let found = self.load().ok().flatten();
        found.is_some_and(|found| found.kept.is_same(&pending.kept))
    }

    /// Returns a sign-in in the form of this file.
    pub fn pending(&self, kept: Kept, destination: Destination) -> PendingSignIn {
        PendingSignIn {
            kept,
            destination,
            home: self.canonical_home(),
        }
    }

    /// Checks that the sign-in was begun in this home.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) that names the other one.
    pub fn check_home(&self, pending: &PendingSignIn) -> Result<()> {
        if pending.home == self.canonical_home() {
            return Ok(());
        }
        let message = format!("The sign-in was begun in {}", pending.home.display());
        Err(Error::usage(message).with_hint("Use the same home, or begin a new sign-in"))
    }

    /// Writes the sign-in (0600, atomically), in place of an earlier or a damaged one.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it cannot be written, or a link or
    /// another user's file is in its place.
    pub fn save(&self, pending: &PendingSignIn) -> Result<()> {
        self.store.create_home()?;
        self.check_savable()?;
        self.write(pending, |file| Ok(file.persist(&self.path).map(drop)?))
    }

    /// Writes the sign-in as it stands now, if it is still the one in the file: it may have been
    /// replaced, or ended by a sign-out.
    ///
    /// # Errors
    /// As [`PendingFile::save`].
    pub fn update(&self, pending: &PendingSignIn) -> Result<()> {
        self.write(pending, |file| {
            if self.holds(pending) {
                return self.replace(file);
            }
            Ok(())
        })
    }

    /// Replaces a file that is there still, in one step where the system has one: a sign-out may
    /// remove it at any moment.
    fn replace(&self, file: NamedTempFile) -> io::Result<()> {
        match swap(file.path(), &self.path) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(file.persist(&self.path).map(drop)?)
            }
            swapped => swapped,
        }
    }

    /// Checks that nothing stands at its place that may not be replaced.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it is a link or no file, or another
    /// user's.
    pub fn check_savable(&self) -> Result<()> {
        let Ok(found) = self.path.symlink_metadata() else {
            return Ok(());
        };
        let why = if found.is_symlink() {
            "it is a link"
        } else if !found.is_file() {
            "it is not a regular file"
        } else if is_someone_elses(&found) {
            "it belongs to another user"
        } else {
            return Ok(());
        };
        Err(self.unusable(why).with_hint(self.move_away()))
    }

    fn write(
        &self,
        pending: &PendingSignIn,
        put: impl Fn(NamedTempFile) -> io::Result<()>,
    ) -> Result<()> {
        let write = || {
            let bytes = serde_json::to_vec_pretty(pending)?;
            let mut file = self.store.create_temporary_pending()?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            put(file)
        };
        // Whoever clears what killed programs left may have taken the file for that.
        let written = match write() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => write(),
            written => written,
        };
        written.map_err(|error| {
            Error::storage(format!("Could not save {}", self.path.display())).with_source(error)
        })
    }

    /// Removes the sign-in, if it is this one. Best effort: it expires by itself.
    pub fn remove(&self, pending: &PendingSignIn) {
        if self.holds(pending) {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Takes the right to poll.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) that names the other process that polls;
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the lock cannot be used.
    pub fn poll(&self) -> Result<Polling> {
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        match Lock::attempt(&path, LockKind::Exclusive) {
            Ok(Attempt::Taken(lock)) => Ok(Polling(lock)),
            Ok(Attempt::Held(file)) => Err(Error::timeout(format!(
                "Another process waits for the approval already: {}",
                described(&path, &file)
            ))),
            Err(error) => {
                let message = format!("Could not use the lock file {}", path.display());
                Err(Error::storage(message).with_source(error))
            }
        }
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let file = without_waiting_or_links(OpenOptions::new().read(true)).open(&self.path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if is_someone_elses(&found) {
            return Err(io::Error::other("it belongs to another user"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn canonical_home(&self) -> PathBuf {
        let home = self.store.home().canonicalize();
        home.unwrap_or_else(|_| self.store.home().to_owned())
    }

    fn unusable(&self, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::storage(format!("Could not use {}", self.path.display())).with_source(why)
    }

    fn move_away(&self) -> String {
        format!(
            "Look at it, and move it away: ls -l {}",
            crate::text::shell_word(&self.path.display().to_string())
        )
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_a_sign_out_removes_while_it_is_written_is_not_made_again() {
        let home = tempfile::tempdir().unwrap();
        let file = PendingFile::of(&Store::new(home.path()));
        let write = || file.replace(file.store.create_temporary_pending().unwrap());
        std::fs::write(&file.path, "{}").unwrap();
        write().unwrap();
        assert_eq!(std::fs::read(&file.path).unwrap(), b"");
        std::fs::remove_file(&file.path).unwrap();
        assert_eq!(write().unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
