//! The system calls of a save, one method each, so that a test can make any of them
//! fail or die there (threats 11 and 12).

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::{NamedTempFile, TempPath};

/// How temporary files of a save are named; leftovers of a killed process are found by it.
const TEMPORARY_PREFIX: &str = ".auth.json.";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// What a save asks of the file system, in this order.
pub trait Disk: Send + Sync {
    /// A new file, `O_EXCL` and 0600, in the folder of the file that it will replace.
    fn create(&self, folder: &Path) -> io::Result<NamedTempFile> {
        tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .suffix(TEMPORARY_SUFFIX)
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder)
    }

    /// All of the bytes.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Down to the medium, before the rename makes it the file.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// From here on readers see the new file.
    fn rename(&self, temporary: TempPath, target: &Path) -> io::Result<()> {
        temporary.persist(target).map_err(|failed| failed.error)
    }

    /// The folder's entry, so that the rename survives a power failure too.
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// The file system itself.
#[derive(Debug)]
pub struct RealDisk;

impl Disk for RealDisk {}

/// Removes what saves that were killed left behind. Only under the lock: a temporary
/// file that is there then belongs to nobody.
pub fn remove_leftovers(folder: &Path) {
    let Ok(entries) = folder.read_dir() else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX) {
            // Best effort: what cannot be removed costs a few hundred bytes.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
