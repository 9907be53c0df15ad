//! Prepares an account's folder to be a command's `CODEX_HOME`.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::EXEC_LOCK;
use super::shared::Shared;
use super::slot::lock_out_commands;
use super::{Accounts, StoredAccount};
use crate::auth::store::lock::{Attempt, Lock, LockKind, cannot_lock};
use crate::auth::store::{LOCK_TIMEOUT, Store, StoreSetting};
use crate::error::{Error, Result};
use crate::platform::is_read_only;
use crate::product::codex;

/// The pause between two looks at a slot that another process is moving.
const POLL: Duration = Duration::from_millis(20);

/// The time limit for a program that is renewing the account's tokens.
const REFRESH_TIMEOUT: Duration = Duration::from_mins(1);

/// The home of a command that runs as an account.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExecHome {
    /// The command's `CODEX_HOME`.
    pub path: PathBuf,
    /// Keeps the account in its place for as long as this file, or a copy that a command inherited,
    /// is open. `None` if the file system has no locks.
    pub lock: Option<File>,
    /// Files in the slot that hide the codex home's own.
    pub hiding: Vec<PathBuf>,
}

impl Accounts {
    /// Prepares the folder in which a command runs as `account`: the codex home itself for the
    /// active one, else its slot, with its own credentials and links to everything else.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the account's file is damaged,
    /// or the folder cannot be prepared; [`ErrorKind::NotSignedIn`](crate::ErrorKind::NotSignedIn)
    /// when the account has been signed out.
    pub async fn exec_home(&self, account: &StoredAccount) -> Result<ExecHome> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            let account = self.snapshot()?.look_up(account)?.clone();
            account.credentials()?;
            if !account.active {
                self.check_codex_reads_files()?;
            }
            if let Some(home) = self.try_exec_home(&account).await? {
                return Ok(home);
            }
            if Instant::now() >= deadline {
                let message = format!("The account {} is being moved", account.description());
                return Err(Error::storage(message).with_hint("Try again in a moment"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// As [`Accounts::exec_home`]; `None` while another process moves the account.
    async fn try_exec_home(&self, account: &StoredAccount) -> Result<Option<ExecHome>> {
        let store = &account.store;
        let Ok(path) = store.home().canonicalize() else {
            return Ok(None);
        };
        if account.active && is_read_only(&path) {
            // Without locks, accounts are never moved.
            return Ok(Some(ExecHome {
                path,
                lock: None,
                hiding: Vec::new(),
            }));
        }
        // A process that moves an account holds this lock, so no command begins meanwhile.
        let _moving = store.file_lock(Instant::now() + REFRESH_TIMEOUT).await?;
        let failed = |error: io::Error| {
            Error::storage(format!("Could not prepare {}", path.display()))
                .with_source(error)
                .with_hint("Check free space and permissions, then try again")
        };
        let shared = Shared {
            slot: &self.store.at(&path),
            home: &self.store.home().canonicalize().map_err(failed)?,
        };
        if !account.active {
            let strays = shared.strays().map_err(failed)?;
            if !strays.is_empty()
                && let Ok(_no_commands) = lock_out_commands(shared.slot, false, String::new).await
            {
                shared.gather(strays).map_err(failed)?;
            }
        }
        let Some(lock) = share(store)? else {
            return Ok(None);
        };
        // Another process may have moved the account before we took the lock.
        if account.check_in_place().is_err() {
            return Ok(None);
        }
        let mut hiding = Vec::new();
        if !account.active {
            shared.make().map_err(failed)?;
            shared.link().map_err(failed)?;
            hiding = shared.hiding().map_err(failed)?;
        }
        Ok(Some(ExecHome {
            path,
            lock: lock.into_file(),
            hiding,
        }))
    }

    /// Returns the files in slots that hide the codex home's own: settings and history would
    /// differ from account to account.
    #[cfg(feature = "cli")]
    pub(crate) fn hiding(&self) -> Vec<PathBuf> {
        let slots = self.slots().unwrap_or_default();
        let hiding = slots.iter().filter_map(|slot| {
            let home = self.store.home();
            Shared { slot, home }.hiding().ok()
        });
        hiding.flatten().collect()
    }

    /// Checks that the Codex CLI reads credentials from a file: a slot has no other place for them.
    fn check_codex_reads_files(&self) -> Result<()> {
        if self.store.setting() == StoreSetting::File {
            return Ok(());
        }
        Err(codex::looks_elsewhere())
    }
}

/// Takes a shared lock on the slot; `None` while another process moves the account.
fn share(store: &Store) -> Result<Option<Lock>> {
    let path = store.home().join(EXEC_LOCK);
    match Lock::attempt(&path, LockKind::Shared) {
        Ok(Attempt::Taken(lock)) => Ok(Some(lock)),
        Ok(Attempt::Held(_)) => Ok(None),
        // The folder is gone, and the account with it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_lock(&path, error)),
    }
}
