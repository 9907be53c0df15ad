//! A slot: the folder of one parked account, laid out like a small codex home.

use std::io;
use std::path::Path;

use super::running::RunningPrograms;
use super::shared::is_of_process;
use super::{Accounts, EXEC_LOCK, StoredAccount};
use crate::auth::store::lock::{Attempt, Lock, LockKind, cannot_lock};
use crate::auth::store::{Store, StoreLock, WAITING_LOCK};
use crate::error::Result;

/// The number of attempts at a new slot.
const TRIES: usize = 5;

/// An empty slot for a sign-in. Removed on drop unless it has been filled.
#[derive(Debug)]
pub struct NewSlot {
    store: Store,
    /// Distinguishes the slot from one that a killed sign-in has left behind.
    waiting: Option<Lock>,
}

/// The place that a sign-in saves to.
#[derive(Debug)]
pub enum Target {
    /// The codex home: the active account is replaced.
    Replace(Store),
    /// A slot beside the active account, to be parked once the sign-in is saved.
    Beside(NewSlot),
}

impl Target {
    /// Returns the store for the sign-in.
    pub fn store(&self) -> &Store {
        match self {
            Self::Replace(store) => store,
            Self::Beside(slot) => slot.store(),
        }
    }
}

impl NewSlot {
    /// Returns the store for the sign-in.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Releases the lock of an empty slot, once the sign-in is in it.
    pub(super) fn stop_waiting(&mut self) {
        if self.waiting.take().is_some() {
            let path = self.store.home().join(WAITING_LOCK);
            let _ = self.store.disk().remove_file(&path);
        }
    }
}

impl Drop for NewSlot {
    fn drop(&mut self) {
        if self.store.is_vacant() {
            remove_folder(&self.store);
        }
    }
}

impl Accounts {
    /// Makes an empty slot: sign in to its store, then [`Accounts::park`] it.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when no folder can be made.
    pub fn new_slot(&self) -> Result<NewSlot> {
        // A sign-in is parked under the lock of the codex home.
        self.store.check_changeable()?;
        for _ in 0..TRIES {
            let store = self.store.at(self.store.create_slot()?);
            let path = store.home().join(WAITING_LOCK);
            match Lock::attempt(&path, LockKind::Exclusive) {
                Ok(Attempt::Taken(waiting)) if path.exists() => {
                    let waiting = Some(waiting);
                    return Ok(NewSlot { store, waiting });
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(cannot_lock(&path, error));
                }
                // Another process removed the empty slot before we took the lock.
                _ => {}
            }
        }
        let path = self.store.home().join(WAITING_LOCK);
        Err(cannot_lock(&path, io::ErrorKind::WouldBlock.into()))
    }
}

/// The exclusive right to a slot.
pub struct SlotAccess {
    pub store: Store,
    pub lock: StoreLock,
    _no_commands: Option<Lock>,
}

impl SlotAccess {
    /// Takes the slot's locks.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a refresh holds the slot for too
    /// long, or a command runs as the account.
    pub async fn take(account: &StoredAccount) -> Result<Self> {
        let store = account.store.clone();
        let lock = store.lock().await?;
        let no_commands = lock_out_commands(&store, false, || account.description()).await?;
        Ok(Self {
            store,
            lock,
            _no_commands: no_commands,
        })
    }

    /// As [`SlotAccess::take`] without waiting; `None` when another program uses the slot.
    pub async fn try_take(store: &Store) -> Option<Self> {
        let lock = store.at_once().lock().await.ok()?;
        let no_commands = lock_out_commands(store, false, String::new).await.ok()?;
        Some(Self {
            store: store.clone(),
            lock,
            _no_commands: no_commands,
        })
    }

    /// Removes the credentials, which are saved elsewhere by now, and the folder.
    pub fn empty(self) -> Result<()> {
        self.store.remove_file(&self.store.path())?;
        self.tidy();
        Ok(())
    }

    /// Removes the folder of a slot that is empty now. It stays if a command has left files of its
    /// own in it.
    pub fn tidy(self) {
        if self.store.is_vacant() {
            if self.lock.is_real() {
                self.store.clear_vacant();
            }
            remove_folder(&self.store);
        }
    }
}

/// Takes the lock that commands share while they run as the account in `store`. Programs that run
/// without the lock do not stop the active account from being moved: a warning names them. `None`
/// if no command has ever run, or if only processes without a session hold the lock, such as
/// Codex's updater.
///
/// # Errors
/// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a command runs as the account.
pub async fn lock_out_commands(
    store: &Store,
    is_active: bool,
    description: impl FnOnce() -> String,
) -> Result<Option<Lock>> {
    let path = store.home().join(EXEC_LOCK);
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let (lock, is_held) = match Lock::attempt(&path, LockKind::Exclusive) {
        Ok(Attempt::Taken(lock)) => (Some(lock), false),
        Ok(Attempt::Held(_)) => (None, true),
        Err(error) => return Err(cannot_lock(&path, error)),
    };
    if is_active && !is_held {
        return Ok(lock);
    }
    let mut programs = RunningPrograms::look(store).await;
    if is_active {
        programs.programs.retain(|program| program.holds_account);
    }
    if programs.is_empty() && (!is_held || programs.only_idle) {
        return Ok(lock);
    }
    Err(programs.in_use(&description()))
}

/// Removes links, locks and the files of processes that have ended, then the folder if nothing is
/// left in it. Best effort: an empty slot is no account.
fn remove_folder(store: &Store) {
    let (folder, disk) = (store.home(), store.disk());
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let (locks, others): (Vec<_>, Vec<_>) = paths.partition(|path| is_lock(store, path));
    let mut is_empty = true;
    for path in others {
        let is_of_process = is_of_process(store, &path);
        is_empty &= if path.is_symlink() || (is_of_process && !path.is_dir()) {
            disk.remove_file(&path).is_ok()
        } else {
            is_of_process && std::fs::remove_dir_all(&path).is_ok()
        };
    }
    if is_empty {
        for lock in locks {
            let _ = disk.remove_file(&lock);
        }
        let _ = disk.remove_folder(folder);
    }
}

/// Returns whether it is one of a slot's lock files.
fn is_lock(store: &Store, path: &Path) -> bool {
    let names = store.lock_names();
    let names = names.iter().map(String::as_str);
    let mut names = names.chain([EXEC_LOCK, WAITING_LOCK]);
    names.any(|name| path.file_name() == Some(name.as_ref()))
}
