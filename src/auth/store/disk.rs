//! The system calls of a save and of moving accounts, one method each, so that a test can make
//! any of them fail or die there (threats 11, 12 and 26).

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempPath};

use crate::error::Error;
use crate::platform;

const SUFFIX: &str = ".tmp";

/// The name pattern of one codex home's temporary files in one folder. It finds the leftovers
/// of a killed process, but never a file in use by another home: dotfile managers may keep the
/// link targets of several homes in one folder.
#[derive(Clone, Debug)]
pub struct TemporaryName {
    prefix: String,
}

impl TemporaryName {
    /// Creates the pattern in `folder`, for `file` in the codex home `home`.
    pub fn new(folder: &Path, home: &Path, file: &str) -> Self {
        let path = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (folder, home) = (path(folder), path(home));
        if folder == home {
            return Self {
                prefix: format!(".{file}."),
            };
        }
        let digest = Sha256::digest(home.as_os_str().as_encoded_bytes());
        let owner = URL_SAFE_NO_PAD.encode(&digest[..6]);
        Self {
            prefix: format!(".{file}.{owner}."),
        }
    }

    fn is_of(&self, name: &str) -> bool {
        let random = name
            .strip_prefix(&self.prefix)
            .and_then(|rest| rest.strip_suffix(SUFFIX));
        // A dot in it means that it is another home's.
        random.is_some_and(|random| !random.contains('.'))
    }
}

/// The system calls of a save, in this order, and then those of moving accounts. Each fails as
/// its call does.
#[allow(clippy::missing_errors_doc)]
pub trait Disk: Send + Sync {
    /// Creates a file, `O_EXCL` and 0600, in the folder of the file that it will replace.
    fn create(&self, folder: &Path, name: &TemporaryName) -> io::Result<NamedTempFile> {
        platform::private_file(&mut tempfile::Builder::new())
            .prefix(&name.prefix)
            .suffix(SUFFIX)
            .tempfile_in(folder)
    }

    /// Writes all of the bytes.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Syncs the file to the medium, before the rename.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Replaces `target`: from here on readers see the new file.
    fn rename(&self, temporary: TempPath, target: &Path) -> io::Result<()> {
        temporary.persist(target).map_err(|failed| failed.error)
    }

    /// Returns whether something is mounted on this very path, which no rename can replace then.
    fn is_mount_point(&self, path: &Path) -> bool {
        platform::is_mount_point(path)
    }

    /// Empties a file, before it is written anew in place.
    fn truncate(&self, file: &File) -> io::Result<()> {
        file.set_len(0)
    }

    /// Syncs the folder, so that the rename survives a power failure.
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        platform::sync_folder(folder)
    }

    /// Creates a folder (0700), unless it exists.
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        platform::create_private_folder(folder)
    }

    /// Swaps two files in one step; [`io::ErrorKind::Unsupported`] where the system or the
    /// file system cannot.
    fn swap(&self, one: &Path, other: &Path) -> io::Result<()> {
        platform::swap(one, other)
    }

    /// Moves a file, replacing one at `to`.
    fn move_file(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    /// Removes an empty folder.
    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::remove_dir(folder)
    }
}

/// The file system itself.
#[derive(Debug)]
pub struct RealDisk;

impl Disk for RealDisk {}

/// Removes what saves that were killed left behind. Only under the lock: a temporary
/// file that is there then belongs to nobody.
pub fn remove_leftovers(folder: &Path, name: &TemporaryName) {
    for leftover in leftovers(folder, name) {
        // Best effort: what cannot be removed costs a few hundred bytes.
        let _ = std::fs::remove_file(leftover);
    }
}

/// The temporary files that are there.
pub fn leftovers(folder: &Path, name: &TemporaryName) -> Vec<PathBuf> {
    let Ok(entries) = folder.read_dir() else {
        return Vec::new();
    };
    let entries = entries.flatten();
    let entries = entries.filter(|entry| name.is_of(&entry.file_name().to_string_lossy()));
    entries.map(|entry| entry.path()).collect()
}

/// Writes and syncs a temporary file.
pub fn fill(
    disk: &dyn Disk,
    temporary: &mut NamedTempFile,
    bytes: &[u8],
) -> Result<(), (&'static str, io::Error)> {
    let file = temporary.as_file_mut();
    disk.write(file, bytes).map_err(|error| ("write", error))?;
    // The reserved space is usually longer.
    file.set_len(bytes.len() as u64)
        .map_err(|error| ("write", error))?;
    disk.sync(file).map_err(|error| ("sync", error))
}

/// Returns whether a rename failed because something is mounted on the target.
pub fn is_mounted(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, ResourceBusy};
    matches!(error.kind(), ResourceBusy | CrossesDevices)
}

/// A save that has succeeded.
pub struct Kept {
    pub warning: Option<String>,
    /// Nobody can tell whether the credentials are where they belong: another copy must stay.
    pub is_uncertain: bool,
}

impl Kept {
    pub fn with(warning: Option<String>) -> Self {
        Self {
            warning,
            is_uncertain: false,
        }
    }

    pub fn uncertain(warning: String) -> Self {
        Self {
            warning: Some(warning),
            is_uncertain: true,
        }
    }
}

/// The error of a save that has failed: the old credentials are untouched.
pub fn not_saved(target: &Path, step: &str, source: &io::Error) -> Error {
    Error::storage(format!("Could not save {}", target.display()))
        .with_source(format!("{step} failed: {source}"))
        .with_hint("Nothing was changed. Check free space and permissions, then try again")
}
