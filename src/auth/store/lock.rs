//! Advisory locks between processes: the same two files that the Codex CLI locks.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::notify::Notify;
use crate::error::{Error, Result};
#[cfg(feature = "cli")]
use crate::platform::without_waiting;
use crate::platform::{
    Ownership, has_no_locks, inode, make_private, ownership, private, user_id,
    without_waiting_or_links,
};
use crate::text::clean_short;
use crate::users;

/// The time after which the person is told about the wait.
const QUIET_WAIT: Duration = Duration::from_millis(500);

/// The longest pause between two polls, which start at 1 ms and double: a lock is usually held
/// for a few milliseconds, and a thread blocked in `flock` could not be called back.
const SLOWEST_POLL: Duration = Duration::from_millis(25);

const IN_USE: &str =
    "Another program is using the credentials: wait for it or end it, then try again";

/// The longest note that is read; ours are shorter.
const LONGEST_NOTE: u64 = 4096;

/// A held lock, released on drop. `None` where the file system has no locks.
#[derive(Debug)]
pub struct Lock(Option<File>);

impl Lock {
    /// Takes `flock(LOCK_EX)` on `path`, and creates the file (0600) when it is missing. After half
    /// a second, `notify` receives the reason for the wait.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the lock is still held at `deadline`.
    pub async fn acquire(path: &Path, deadline: Instant, notify: &Notify) -> Result<Self> {
        let cannot = |source| cannot_lock(path, source);
        let mut attempt = Self::attempt(path, LockKind::Exclusive).map_err(cannot)?;
        let started = Instant::now();
        let mut pause = Duration::from_millis(1);
        let mut told = false;
        loop {
            let file = match attempt {
                Attempt::Taken(lock) => return Ok(lock),
                Attempt::Held(file) => file,
            };
            if Instant::now() >= deadline {
                let message = format!("Gave up waiting for {}", described(path, &file));
                return Err(Error::storage(message).with_hint(IN_USE));
            }
            if !told && started.elapsed() >= QUIET_WAIT {
                told = true;
                notify.tell_wait(format!("Waiting for {}", described(path, &file)));
            }
            tokio::time::sleep_until((Instant::now() + pause).min(deadline)).await;
            pause = (pause * 2).min(SLOWEST_POLL);
            // This retries the same file, even if another one has taken its path.
            let tried = file.try_lock();
            attempt = verdict(file, tried, path).map_err(cannot)?;
        }
    }

    /// Tries once to take `flock` on `path`, and creates the file (0600) when it is missing.
    ///
    /// # Errors
    /// The file is a link, or cannot be opened or locked: see [`cannot_lock`].
    pub fn attempt(path: &Path, kind: LockKind) -> io::Result<Attempt> {
        let file = open_to_lock(path)?;
        let tried = match kind {
            LockKind::Exclusive => file.try_lock(),
            LockKind::Shared => file.try_lock_shared(),
        };
        verdict(file, tried, path)
    }

    /// Returns whether the lock keeps others out.
    pub fn is_real(&self) -> bool {
        self.0.is_some()
    }

    /// Reads the note that the last holder left in the file. Best effort: it may be empty.
    pub fn read_note(&self) -> Vec<u8> {
        self.file_of_ours().map(note_in).unwrap_or_default()
    }

    /// Leaves a short note in the file for the next holder. Best effort: it may be lost.
    pub fn write_note(&self, note: &[u8]) {
        let Some(mut file) = self.file_of_ours() else {
            return;
        };
        let written = (file.set_len(0))
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(note));
        if let Err(error) = written {
            tracing::warn!(%error, "the lock file took no note");
        }
    }

    /// Returns the locked file, unless it is another user's or a hard link to a file that must not
    /// be overwritten.
    fn file_of_ours(&self) -> Option<&File> {
        let file = self.0.as_ref()?;
        let found = ownership(&file.metadata().ok()?);
        found.is_none_or(is_ours_alone).then_some(file)
    }

    /// Returns the locked file, for a command that inherits it; `None` where the file system has
    /// no locks.
    pub fn into_file(self) -> Option<File> {
        self.0
    }
}

/// As [`Lock::read_note`], without taking the lock. Empty while another process holds it: the
/// holder may be about to replace the note.
pub fn peek_note(path: &Path) -> Vec<u8> {
    let file = without_waiting_or_links(OpenOptions::new().read(true)).open(path);
    let is_held = |file: &File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let file = file.ok().filter(|file| !is_held(file));
    file.as_ref().map(note_in).unwrap_or_default()
}

fn note_in(mut file: &File) -> Vec<u8> {
    let mut note = Vec::new();
    // Half a note is treated as no note.
    let _ = file
        .rewind()
        .and_then(|()| file.take(LONGEST_NOTE).read_to_end(&mut note));
    note
}

/// The number of processes that may hold a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    Exclusive,
    Shared,
}

/// The result of [`Lock::attempt`].
#[derive(Debug)]
pub enum Attempt {
    Taken(Lock),
    /// Another process holds the lock on this file.
    Held(File),
}

/// Judges an attempt at a lock. Only a file system that has no locks lets us go on without one:
/// ignoring any other failure would silently drop the protection.
fn verdict(file: File, tried: Result<(), TryLockError>, path: &Path) -> io::Result<Attempt> {
    match tried {
        Ok(()) => Ok(Attempt::Taken(Lock(Some(file)))),
        Err(TryLockError::WouldBlock) => Ok(Attempt::Held(file)),
        Err(TryLockError::Error(error)) if has_no_locks(&error) => {
            tracing::warn!(path = %path.display(), "the file system has no locks, going on without");
            Ok(Attempt::Taken(Lock(None)))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Checks that a lock file can be opened, or is missing. Changes nothing.
///
/// # Errors
/// As [`Lock::acquire`], without the wait.
pub fn check(path: &Path) -> Result<()> {
    match open(path, false) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot_lock(path, error)),
        _ => Ok(()),
    }
}

fn open_to_lock(path: &Path) -> io::Result<File> {
    let file = open(path, true)?;
    tighten(&file);
    Ok(file)
}

fn open(path: &Path, create: bool) -> io::Result<File> {
    without_waiting_or_links(private(&mut OpenOptions::new()))
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .open(path)
}

/// Keeps other users from opening, and so from holding, a lock file of ours: the Codex CLI
/// creates it readable for all.
fn tighten(file: &File) {
    let found = file.metadata().ok().and_then(|found| ownership(&found));
    let is_loose = found.is_some_and(|found| is_ours_alone(found) && found.mode & 0o077 != 0);
    if is_loose && let Err(error) = make_private(file) {
        tracing::warn!(%error, "the lock file stays open to others");
    }
}

/// Returns whether a file is this user's and has no other name.
fn is_ours_alone(found: Ownership) -> bool {
    Some(found.user) == user_id() && found.names == 1
}

/// Makes the error for a lock file that cannot be opened or locked. The hint fits what is found:
/// after a run with sudo, for example, the file belongs to root.
pub fn cannot_lock(path: &Path, source: io::Error) -> Error {
    let error = Error::storage(format!("Could not use the lock file {}", path.display()));
    let Ok(found) = path.symlink_metadata() else {
        let hint = "Check that its folder exists, belongs to you and is writable";
        return error.with_source(source).with_hint(hint);
    };
    if found.is_symlink() {
        let hint = users::command("Remove the link: rm", &[path]);
        return error.with_source("it is a link").with_hint(hint);
    }
    if let Some(owner) = users::other_owner(&found) {
        let hint = format!("Make it yours: {}", users::take_back(&[path]));
        return error
            .with_source(format!("it belongs to {owner}"))
            .with_hint(hint);
    }
    let command = if found.is_file() {
        "Make it writable: chmod u+rw"
    } else {
        "Move away what is there: ls -ld"
    };
    error
        .with_source(source)
        .with_hint(users::command(command, &[path]))
}

/// Describes the lock and, if the system tells, its holder.
pub fn described(path: &Path, file: &File) -> String {
    match holder(file) {
        Some(holder) => format!("{}, held by {holder}", path.display()),
        None => path.display().to_string(),
    }
}

/// Returns the holder of a lock on `file`, by `/proc/locks` (Linux only), as
/// `codex (process 4711)`; the user is named when it is another one.
fn holder(file: &File) -> Option<String> {
    let pid = holder_pid(file)?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    let name = name.map(|name| clean_short(&name, 30));
    let process = std::fs::metadata(format!("/proc/{pid}")).ok();
    let owner = process.and_then(|process| ownership(&process));
    Some(holder_named(pid, name, owner.map(|owner| owner.user)))
}

fn holder_named(pid: u32, name: Option<String>, owner: Option<u32>) -> String {
    let of_user = owner.filter(|uid| Some(*uid) != user_id()).map(|uid| {
        let user = users::name_of(uid).unwrap_or_else(|| uid.to_string());
        format!(" of user {}", clean_short(&user, 30))
    });
    let process = format!("process {pid}{}", of_user.unwrap_or_default());
    match name {
        Some(name) => format!("{name} ({process})"),
        None => process,
    }
}

fn holder_pid(file: &File) -> Option<u32> {
    let inode = inode(&file.metadata().ok()?)?;
    holder_in(&std::fs::read_to_string("/proc/locks").ok()?, inode)
}

/// The process that holds a lock, where the system tells.
#[cfg(feature = "cli")]
#[derive(Debug)]
pub struct LockHolder {
    /// As `codex (process 4711)`.
    pub name: Option<String>,
    /// The age of the process.
    pub running_for: Option<Duration>,
}

/// Returns the holder of the lock on `path`; `None` when it is free. Creates no file and takes the
/// lock for an instant only.
///
/// # Errors
/// The file cannot be opened or locked.
#[cfg(feature = "cli")]
pub fn lock_holder(path: &Path) -> io::Result<Option<LockHolder>> {
    let opened = without_waiting(OpenOptions::new().read(true)).open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let tried = file.try_lock_shared();
    Ok(match verdict(file, tried, path)? {
        Attempt::Held(file) => Some(LockHolder {
            name: holder(&file),
            running_for: holder_pid(&file).and_then(running_for),
        }),
        // On a file system without locks, no process holds one.
        Attempt::Taken(_) => None,
    })
}

/// Returns the age of a process, by its folder in `/proc`.
#[cfg(feature = "cli")]
fn running_for(pid: u32) -> Option<Duration> {
    let process = std::fs::metadata(format!("/proc/{pid}")).ok()?;
    process.modified().ok()?.elapsed().ok()
}

/// Finds the holder among lines like `3: FLOCK  ADVISORY  WRITE 4711 fd:01:131 0 EOF`. The device
/// number is not compared: overlay and btrfs show another one than `stat` does.
fn holder_in(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, place, ..] = fields[..] else {
            return None;
        };
        let (_, locked_inode) = place.rsplit_once(':')?;
        (locked_inode.parse() == Ok(inode)).then(|| pid.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::{Arc, Mutex};

    use rustix::io::Errno;

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn the_holder_is_found_by_inode_and_waiters_are_not_mistaken_for_it() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 fd:01:131 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 22 fd:01:132 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 33 fd:01:131 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 44 fd:01:131 0 EOF\n";
        assert_eq!(holder_in(locks, 131), Some(44));
        assert_eq!(holder_in(locks, 999), None);
        assert_eq!(holder_in("garbage\n", 131), None);
    }

    #[test]
    fn a_holder_of_another_user_is_named_with_the_user() {
        let us = user_id().unwrap();
        let named = |owner| holder_named(7, Some("codex".to_owned()), Some(owner));
        assert_eq!(named(us), "codex (process 7)");
        assert_eq!(
            named(us + 4_000_000),
            format!("codex (process 7 of user {})", us + 4_000_000)
        );
        assert_eq!(holder_named(7, None, None), "process 7");
    }

    #[test]
    fn only_a_file_system_without_locks_is_gone_on_without_one() {
        let tried = |errno| {
            let failed = TryLockError::Error(io::Error::from_raw_os_error(errno));
            verdict(tempfile::tempfile().unwrap(), Err(failed), Path::new("l"))
        };
        for errno in [Errno::NOSYS, Errno::NOTSUP, Errno::NOLCK] {
            let Ok(Attempt::Taken(lock)) = tried(errno.raw_os_error()) else {
                panic!("{errno:?} is no reason to stop");
            };
            assert!(!lock.is_real() && lock.into_file().is_none());
        }
        for errno in [Errno::IO, Errno::ACCESS, Errno::BADF, Errno::INVAL] {
            let error = tried(errno.raw_os_error()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(errno.raw_os_error()));
        }
    }

    #[test]
    fn several_may_hold_a_shared_lock_and_nobody_an_exclusive_one_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exec.lock");
        let taken = |kind| matches!(Lock::attempt(&path, kind).unwrap(), Attempt::Taken(_));
        let shared = Lock::attempt(&path, LockKind::Shared).unwrap();
        assert!(taken(LockKind::Shared));
        assert!(!taken(LockKind::Exclusive));
        drop(shared);
        assert!(taken(LockKind::Exclusive));
    }

    fn at_once() -> (Instant, Notify) {
        (Instant::now(), Notify::default())
    }

    #[tokio::test]
    async fn a_lock_file_that_others_could_open_is_tightened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.lock");
        std::fs::write(&path, "").unwrap();
        let loose = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&path, loose).unwrap();
        let (deadline, notify) = at_once();
        Lock::acquire(&path, deadline, &notify).await.unwrap();
        assert_eq!(
            ownership(&path.metadata().unwrap()).unwrap().mode & 0o777,
            0o600
        );
    }

    #[tokio::test]
    async fn a_note_overwrites_no_file_that_has_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("auth.lock"), folder.path().join("other"));
        std::fs::write(&other, "precious").unwrap();
        std::fs::hard_link(&other, &path).unwrap();
        let (deadline, notify) = at_once();
        let lock = Lock::acquire(&path, deadline, &notify).await.unwrap();
        lock.write_note(b"note");
        assert_eq!(lock.read_note(), b"");
        assert_eq!(std::fs::read(&other).unwrap(), b"precious");
        std::fs::remove_file(&other).unwrap();
        lock.write_note(b"note");
        assert_eq!(lock.read_note(), b"note");
    }

    #[tokio::test]
    async fn a_lock_file_is_never_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.lock");
        let elsewhere = folder.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        let (deadline, notify) = at_once();
        let error = Lock::acquire(&path, deadline, &notify).await.unwrap_err();
        assert_eq!(error.causes(), ["it is a link"]);
        assert!(!elsewhere.exists());
    }

    #[tokio::test(start_paused = true)]
    async fn a_taken_lock_is_announced_once_and_given_up_at_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.lock");
        let deadline = || Instant::now() + Duration::from_secs(10);
        let held = Lock::acquire(&path, deadline(), &Notify::default())
            .await
            .unwrap();
        let notices = Arc::new(Mutex::new(Vec::new()));
        let notify = Notify::new({
            let notices = Arc::clone(&notices);
            move |sentence| notices.lock().unwrap().push(sentence)
        });
        let error = Lock::acquire(&path, deadline(), &notify).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert_eq!(notices.lock().unwrap().len(), 1);
        assert!(notices.lock().unwrap()[0].contains("auth.lock"));
        drop(held);
        assert!(
            Lock::acquire(&path, deadline(), &Notify::default())
                .await
                .is_ok()
        );
    }
}
