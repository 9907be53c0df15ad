//! A sign-in that was left for later, kept in its own file until a process resumes it.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

#[cfg(feature = "cli")]
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::kept::Kept;
use crate::auth::{Attempt, Lock, LockKind, Store, cannot_lock, described};
use crate::error::{Error, Result};
use crate::platform::{is_link, is_someone_elses, swap, without_waiting_or_links};
use crate::text::shell_word;

/// The limit for the file; a real one has about 1 KB.
const MAX_FILE: u64 = 64 * 1024;

/// A sign-in that was left for later, and the destination of its account.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PendingSignIn {
    /// The sign-in.
    #[serde(flatten)]
    pub kept: Kept,
    /// The place for the new account.
    pub destination: Destination,
    /// The home in which it began.
    pub home: PathBuf,
}

/// The place for a new account.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Destination {
    /// In place of the active account.
    Replace,
    /// In place of the active account, which is parked.
    Keep,
    /// Parked beside the active account, under this name if one is given.
    Beside(Option<String>),
}

/// The file of a sign-in that was left: `pending-sign-in.json` (0600) in the home. The process
/// that polls holds its lock.
#[derive(Clone, Debug)]
pub struct PendingFile {
    store: Store,
    path: PathBuf,
}

/// The right to poll, until it is dropped.
#[derive(Debug)]
pub struct PollingLock(#[allow(dead_code)] Lock);

impl PendingFile {
    /// The file in the home of `store`.
    pub fn of(store: &Store) -> Self {
        Self {
            path: store.pending_sign_in(),
            store: store.clone(),
        }
    }

    /// Returns the sign-in if one was left, even if it has expired.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the file is damaged, is a link, or
    /// belongs to another user.
    pub fn load(&self) -> Result<Option<PendingSignIn>> {
        self.load_from(&self.path)
    }

    fn load_from(&self, path: &Path) -> Result<Option<PendingSignIn>> {
        let bytes = match read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if is_link(&error) => return Err(self.unusable(IS_A_LINK)),
            bytes => bytes.map_err(|error| self.unusable(error))?,
        };
        let pending = serde_json::from_slice(&bytes);
        // Drop the cause, whose text could quote a secret.
        pending.map(Some).map_err(|_| {
            let damaged = self.unusable("it is damaged");
            damaged.with_hint("Begin a new sign-in, which replaces it")
        })
    }

    /// Returns whether the file is a leftover: the sign-in in it has expired, or it is damaged or
    /// cannot be used.
    #[cfg(feature = "cli")]
    pub(crate) fn is_left_over(&self, now: DateTime<Utc>) -> bool {
        match self.load() {
            Ok(None) => false,
            Ok(Some(pending)) => pending.kept.has_expired(now),
            Err(_) => true,
        }
    }

    /// Returns whether the file holds this sign-in.
    pub fn holds(&self, kept: &Kept) -> bool {
        self.is_in(&self.path, kept)
    }

    fn is_in(&self, path: &Path, kept: &Kept) -> bool {
        let found = self.load_from(path).ok().flatten();
        found.is_some_and(|found| found.kept.is_same(kept))
    }

    /// Checks that the sign-in was begun in this home.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) that names the other home.
    pub fn check_home(&self, pending: &PendingSignIn) -> Result<()> {
        if pending.home == self.canonical_home() {
            return Ok(());
        }
        let message = format!("The sign-in was begun in {}", pending.home.display());
        Err(Error::usage(message).with_hint("Use the same home, or begin a new sign-in"))
    }

    /// Writes a sign-in (0600, atomically), in place of an earlier or a damaged one.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it cannot be written, or a link or
    /// another user's file is in its place.
    pub fn save(&self, kept: Kept, destination: Destination) -> Result<()> {
        self.store.create_home()?;
        self.check_savable()?;
        self.write(&self.pending(kept, destination), |file| {
            Ok(file.persist(&self.path).map(drop)?)
        })
    }

    /// Writes a sign-in as it stands now, if it is still the one in the file: it may have been
    /// replaced, or ended by a sign-out.
    ///
    /// # Errors
    /// As [`PendingFile::save`].
    pub fn update(&self, kept: Kept, destination: Destination) -> Result<()> {
        let pending = self.pending(kept, destination);
        self.write(&pending, |file| {
            if self.holds(&pending.kept) {
                return self.replace(file, &pending.kept);
            }
            Ok(())
        })
    }

    fn pending(&self, kept: Kept, destination: Destination) -> PendingSignIn {
        PendingSignIn {
            kept,
            destination,
            home: self.canonical_home(),
        }
    }

    /// Replaces the file if it exists, in one step where the system can: a sign-out may remove it
    /// at any moment. A sign-in that another process has saved since the check is put back.
    fn replace(&self, file: NamedTempFile, kept: &Kept) -> io::Result<()> {
        match swap(file.path(), &self.path) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(file.persist(&self.path).map(drop)?)
            }
            Ok(()) if !self.is_in(file.path(), kept) => swap(file.path(), &self.path),
            swapped => swapped,
        }
    }

    /// Checks that a sign-in can be written, and would replace only a file that may be replaced.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the path is a link or not a regular
    /// file, or belongs to another user.
    pub fn check_savable(&self) -> Result<()> {
        let found = self.path.symlink_metadata().ok();
        match found.and_then(|found| obstacle(&found)) {
            Some(why) => Err(self.unusable(why)),
            None => Ok(()),
        }
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
        // Another process may have removed the temporary file as a leftover of a killed program.
        let written = match write() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => write(),
            written => written,
        };
        written.map_err(|error| {
            Error::storage(format!("Could not save {}", self.path.display())).with_source(error)
        })
    }

    /// Removes the sign-in from the file, if it is this one. Best effort: it expires by itself.
    pub fn remove(&self, kept: &Kept) {
        if self.holds(kept) {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Takes the right to poll, which one process has at a time.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), naming the process that polls now;
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the lock cannot be used.
    pub fn lock_polling(&self) -> Result<PollingLock> {
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        match Lock::attempt(&path, LockKind::Exclusive) {
            Ok(Attempt::Taken(lock)) => Ok(PollingLock(lock)),
            Ok(Attempt::Held(file)) => Err(Error::timeout(format!(
                "Another process waits for the approval already: {}",
                described(&path, &file)
            ))),
            Err(error) => Err(cannot_lock(&path, error)),
        }
    }

    fn canonical_home(&self) -> PathBuf {
        let home = self.store.home().canonicalize();
        home.unwrap_or_else(|_| self.store.home().to_owned())
    }

    fn unusable(&self, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        let path = self.path.display().to_string();
        let look = format!(
            "Check what it is, then move it away: ls -l {}",
            shell_word(&path)
        );
        Error::storage(format!("Could not use {path}"))
            .with_source(why)
            .with_hint(look)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = without_waiting_or_links(OpenOptions::new().read(true)).open(path)?;
    if let Some(why) = obstacle(&file.metadata()?) {
        return Err(io::Error::other(why));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

const IS_A_LINK: &str = "it is a link";

/// Returns the reason why a file is neither read nor replaced.
fn obstacle(found: &Metadata) -> Option<&'static str> {
    if found.is_symlink() {
        Some(IS_A_LINK)
    } else if !found.is_file() {
        Some("it is not a regular file")
    } else if is_someone_elses(found) {
        Some("it belongs to another user")
    } else {
        None
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::auth::{Issuer, IssuerUrl};
    use crate::sign_in::SignInOptions;

    fn sign_in(file: &PendingFile) -> Kept {
        let issuer = Issuer::new(IssuerUrl::parse("http://127.0.0.1:1").unwrap(), "me", None);
        Kept::new(&SignInOptions::new(issuer, file.store.clone()), None).unwrap()
    }

    /// Writes `kept` as if the preceding check had found it in the file.
    fn write_unchecked(file: &PendingFile, kept: &Kept) -> Result<()> {
        let pending = file.pending(kept.clone(), Destination::Replace);
        file.write(&pending, |temporary| file.replace(temporary, kept))
    }

    #[test]
    fn what_a_sign_out_removes_while_it_is_written_is_not_made_again() {
        let home = tempfile::tempdir().unwrap();
        let file = PendingFile::of(&Store::new(home.path()));
        let kept = sign_in(&file);
        file.save(kept.clone(), Destination::Replace).unwrap();
        write_unchecked(&file, &kept).unwrap();
        assert!(file.holds(&kept));
        std::fs::remove_file(&file.path).unwrap();
        write_unchecked(&file, &kept).unwrap_err();
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_sign_in_that_another_process_saves_in_between_stays() {
        let home = tempfile::tempdir().unwrap();
        let file = PendingFile::of(&Store::new(home.path()));
        let (earlier, later) = (sign_in(&file), sign_in(&file));
        file.save(later.clone(), Destination::Replace).unwrap();
        write_unchecked(&file, &earlier).unwrap();
        assert!(file.holds(&later));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
