//! The small differences between operating systems: each system has a file with the same functions,
//! and no other module checks which system it runs on. Terminals (`crate::terminal`) and signals
//! ([`crate::signals`]) have their own files for each system.
//!
//! Public for the program of this crate alone.

use std::fs::Metadata;
use std::io;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

/// Checks that a thread can be started, which tokio takes for granted.
///
/// # Errors
/// The system's refusal.
pub fn check_threads() -> io::Result<()> {
    let ended = std::thread::Builder::new().spawn(|| ())?.join();
    ended.map_err(|_| io::Error::other("it panicked"))
}

/// The owner of a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The owner's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
    /// Its permissions, as `chmod` writes them.
    pub mode: u32,
    /// The number of its names (hard links).
    pub names: u64,
}

/// Returns whether a file belongs to another user than the one who runs the program.
pub fn is_someone_elses(metadata: &Metadata) -> bool {
    ownership(metadata).is_some_and(|found| Some(found.user) != user_id())
}

/// Creates a temporary folder with a new name for this user alone (0700), whatever the umask. Never
/// uses a file or link that another user has put into the folder of temporary files.
///
/// # Errors
/// The system's.
pub fn temporary_folder(prefix: &str) -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    let folder = private_folder(&mut builder).prefix(prefix).tempdir()?;
    // A umask can also remove this user's own permissions.
    make_folder_private(folder.path())?;
    Ok(folder)
}

/// The space that is left on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeSpace {
    /// For this user.
    pub bytes: u64,
    /// A disk may be out of files before it is out of bytes.
    pub has_room_for_a_file: bool,
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_temporary_folder_is_for_its_user_alone() {
        let folder = temporary_folder("test-").unwrap();
        let mode = folder.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
    }
}
