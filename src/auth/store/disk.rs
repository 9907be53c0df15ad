//! The system calls that change files, one method each, so that a test can make any of them
//! fail, or kill the process there (threats 11, 12 and 26).

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

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
        let prefix = if folder == home {
            format!(".{file}.")
        } else {
            let digest = Sha256::digest(home.as_os_str().as_encoded_bytes());
            let owner = URL_SAFE_NO_PAD.encode(&digest[..6]);
            format!(".{file}.{owner}.")
        };
        Self { prefix }
    }

    /// Returns the files in `folder` that have such a name.
    pub fn files_in(&self, folder: &Path) -> Vec<PathBuf> {
        let entries = folder.read_dir().into_iter().flatten().flatten();
        let entries = entries.filter(|entry| self.matches(&entry.file_name().to_string_lossy()));
        entries.map(|entry| entry.path()).collect()
    }

    fn matches(&self, name: &str) -> bool {
        let random = name
            .strip_prefix(&self.prefix)
            .and_then(|rest| rest.strip_suffix(SUFFIX));
        // A dot means that the file is another home's.
        random.is_some_and(|random| !random.contains('.'))
    }
}

/// The system calls of a save, in this order, and then those that move accounts. Each fails if its
/// call fails.
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

    /// Syncs the file to the medium.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Moves a file, and replaces one at `to`: from here on readers see the new file.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    /// Returns whether something is mounted on this very path, so that no rename can replace it.
    fn is_mount_point(&self, path: &Path) -> bool {
        platform::is_mount_point(path)
    }

    /// Empties a file, before it is written in place.
    fn truncate(&self, file: &File) -> io::Result<()> {
        file.set_len(0)
    }

    /// Syncs the folder, so that a rename survives a power failure.
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
