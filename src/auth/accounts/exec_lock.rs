//! The lock on an account's folder: shared by the commands that run there, and exclusive to
//! whoever moves the account.

use std::io;

use super::EXEC_LOCK;
use super::running::RunningPrograms;
use crate::auth::store::Store;
use crate::auth::store::lock::{Attempt, Lock, LockKind, cannot_lock};
use crate::error::Error;

/// As long as this is held, no command runs as the account.
#[derive(Debug)]
pub struct ExecLock {
    /// None where no command has ever run, and where only processes without a session hold it:
    /// Codex leaves its updater running.
    _lock: Option<Lock>,
}

/// The reason why the lock could not be taken.
pub enum InUse {
    Programs(Box<RunningPrograms>),
    Unusable(io::Error),
}

impl ExecLock {
    /// Takes the lock of a slot, in which no program may run, with the lock or without.
    pub async fn of_slot(slot: &Store) -> Result<Self, InUse> {
        let Some((lock, is_held)) = attempt(slot)? else {
            return Ok(Self { _lock: None });
        };
        let programs = RunningPrograms::look(slot).await;
        Self::unless_in_use(lock, is_held, programs)
    }

    /// Takes the lock of the codex home. A program without it may run: it is warned of.
    pub async fn of_home(home: &Store) -> Result<Self, InUse> {
        match attempt(home)? {
            Some((lock, true)) => {
                let programs = RunningPrograms::look(home).await.holders();
                Self::unless_in_use(lock, true, programs)
            }
            Some((lock, false)) => Ok(Self { _lock: lock }),
            None => Ok(Self { _lock: None }),
        }
    }

    fn unless_in_use(
        lock: Option<Lock>,
        is_held: bool,
        programs: RunningPrograms,
    ) -> Result<Self, InUse> {
        if programs.is_empty() && (!is_held || programs.only_idle) {
            Ok(Self { _lock: lock })
        } else {
            Err(InUse::Programs(Box::new(programs)))
        }
    }
}

/// Returns the lock, and whether others hold it; `None` where no command has ever run.
fn attempt(store: &Store) -> Result<Option<(Option<Lock>, bool)>, InUse> {
    let path = store.home().join(EXEC_LOCK);
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    match Lock::attempt(&path, LockKind::Exclusive) {
        Ok(Attempt::Taken(lock)) => Ok(Some((Some(lock), false))),
        Ok(Attempt::Held(_)) => Ok(Some((None, true))),
        Err(error) => Err(InUse::Unusable(error)),
    }
}

impl InUse {
    /// The error of a change of the account.
    pub fn refuse(self, store: &Store, account: &str) -> Error {
        match self {
            Self::Programs(programs) => programs.refuse(account),
            Self::Unusable(error) => cannot_lock(&store.home().join(EXEC_LOCK), error),
        }
    }
}
