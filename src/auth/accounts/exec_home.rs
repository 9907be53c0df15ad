//! A slot made ready to be a command's `CODEX_HOME`: its own credentials, and links to
//! everything else in the codex home.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::slot::EXEC_LOCK;
use super::{Accounts, StoredAccount};
use crate::auth::lock::{Attempt, Lock, LockKind, cannot_lock};
use crate::auth::store::{CredentialsStore, LOCK_TIMEOUT};
use crate::error::{Error, Result};
use crate::platform::{create_private_folder, private, symlink};

/// The pause between two looks at a slot that somebody is moving.
const POLL: Duration = Duration::from_millis(20);

/// The home of a command that runs as an account.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExecHome {
    /// The command's `CODEX_HOME`.
    pub path: PathBuf,
    /// Keeps the account where it is for as long as it, or a copy that a command inherited,
    /// is open. None for the active account, and where the file system has no locks.
    pub lock: Option<File>,
    /// Files in the slot that hide the codex home's own.
    pub hiding: Vec<PathBuf>,
}

impl Accounts {
    /// Prepares the folder in which a command runs as `account`.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the account's file is damaged,
    /// or the folder cannot be prepared; [`ErrorKind::NotSignedIn`](crate::ErrorKind::NotSignedIn)
    /// when the account has been signed out.
    pub async fn exec_home(&self, account: &StoredAccount) -> Result<ExecHome> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            let account = self.again(account)?;
            if account.details.is_err() {
                return Err(account.damaged());
            }
            let home = account.store.home().to_owned();
            if account.active {
                let path = absolute(&home)?;
                return Ok(ExecHome {
                    path,
                    lock: None,
                    hiding: Vec::new(),
                });
            }
            self.check_codex_reads_files()?;
            if let Some(lock) = share(&home)? {
                // Whoever moved the account before we had the lock is done with it.
                let now = self.again(&account)?;
                if now.store.home() == home {
                    let hiding = self.link_into(&home)?;
                    let path = absolute(&home)?;
                    return Ok(ExecHome {
                        path,
                        lock: lock.into_file(),
                        hiding,
                    });
                }
            }
            if Instant::now() >= deadline {
                let message = format!("The account {} is being moved", account.description());
                return Err(Error::storage(message).with_hint("Try again in a moment"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// A slot's file is of no use to a Codex CLI that looks elsewhere.
    fn check_codex_reads_files(&self) -> Result<()> {
        if self.store.setting() == CredentialsStore::File {
            return Ok(());
        }
        let message = "Commands can run only as the active account: Codex does not look into a \
                       parked one's file, because of cli_auth_credentials_store in config.toml";
        Err(Error::storage(message).with_hint("Set it to \"file\", then try again"))
    }

    /// Links every entry of the codex home but credentials and accounts into the slot, and
    /// repairs links. Returns what is a file there and hides the codex home's own.
    fn link_into(&self, slot: &Path) -> Result<Vec<PathBuf>> {
        let home = absolute(self.store.home())?;
        let failed = |path: &Path, error: io::Error| {
            Error::storage(format!("Could not prepare {}", path.display()))
                .with_source(error)
                .with_hint("Check free space and permissions, then try again")
        };
        make_history(&home).map_err(|error| failed(&home, error))?;
        remove_stale_links(slot, &home).map_err(|error| failed(slot, error))?;
        let mut hiding = Vec::new();
        for entry in home.read_dir().map_err(|error| failed(&home, error))? {
            let name = entry.map_err(|error| failed(&home, error))?.file_name();
            let text = name.to_string_lossy();
            if is_kept_apart(&text) || is_of_another_database(slot, &text) {
                continue;
            }
            let link = slot.join(&name);
            match symlink(&home.join(&name), &link) {
                Ok(()) => {}
                // Our own link: those that led elsewhere are gone.
                Err(_) if link.is_symlink() => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => hiding.push(link),
                Err(error) => return Err(failed(&link, error)),
            }
        }
        hiding.sort();
        Ok(hiding)
    }
}

/// History stays in one place, also when a command is the first to write any. What is there
/// already is left as it is, a link or a FIFO too: it is neither followed nor opened.
fn make_history(home: &Path) -> io::Result<()> {
    create_private_folder(&home.join("sessions"))?;
    let made = private(&mut OpenOptions::new())
        .write(true)
        .create_new(true)
        .open(home.join("history.jsonl"));
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Removes links that lead elsewhere than into the codex home, or nowhere.
fn remove_stale_links(slot: &Path, home: &Path) -> io::Result<()> {
    for entry in slot.read_dir()? {
        let entry = entry?;
        let link = entry.path();
        let Ok(target) = link.read_link() else {
            continue;
        };
        let is_right = target == home.join(entry.file_name())
            && target.symlink_metadata().is_ok()
            && !is_kept_apart(&entry.file_name().to_string_lossy())
            && !is_of_another_database(slot, &entry.file_name().to_string_lossy());
        if !is_right {
            match std::fs::remove_file(&link) {
                // Another start was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}

/// The accounts, and whatever has credentials or locks in it, temporary files too.
fn is_kept_apart(name: &str) -> bool {
    name == "accounts"
        || name == EXEC_LOCK
        || name.starts_with("auth.")
        || name.starts_with(".auth.")
}

/// Returns whether it belongs to an `SQLite` database of the codex home while the slot has a
/// database of the same name, which it would ruin.
fn is_of_another_database(slot: &Path, name: &str) -> bool {
    let database = ["-wal", "-shm", "-journal"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix));
    database.is_some_and(|name| {
        let metadata = slot.join(name).symlink_metadata();
        metadata.is_ok_and(|metadata| !metadata.is_symlink())
    })
}

/// A shared lock on the slot; `None` while somebody moves the account.
fn share(slot: &Path) -> Result<Option<Lock>> {
    let path = slot.join(EXEC_LOCK);
    match Lock::attempt(&path, LockKind::Shared) {
        Ok(Attempt::Taken(lock)) => Ok(Some(lock)),
        Ok(Attempt::Held(_)) => Ok(None),
        // The folder is gone, and the account with it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_lock(&path, error)),
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| {
        Error::storage(format!("Could not find {}", path.display())).with_source(error)
    })
}
