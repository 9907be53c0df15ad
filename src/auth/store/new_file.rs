//! The one way in which a file is replaced: write and sync a temporary file beside it, rename it
//! over the old one, sync the folder.
//!
//! A file that is a mount point cannot be replaced by a rename (threat 36). Its new contents become
//! `auth.json.new` first, and are then copied into it. If the process is killed in between,
//! `auth.json.new` is whole: the next reader uses it, and the next holder of the lock finishes the
//! copy.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::{NamedTempFile, TempPath};

use super::disk::{Disk, TemporaryName};
use super::read::{Links, read_regular};
use super::reading::Contents;
use super::{Store, folder_of};
use crate::auth::file::auth_file::AuthFile;
use crate::error::{Error, Result};
use crate::platform::{
    Ownership, is_someone_elses, make_private, ownership, user_id, without_waiting_or_links,
};

/// A temporary file that is about to replace `target`. Dropping it removes it.
pub struct NewFile {
    disk: Arc<dyn Disk>,
    target: PathBuf,
    temporary: NamedTempFile,
}

/// A file or an entry of the keyring, after it was written.
#[derive(Debug, Default)]
pub struct Written {
    /// The warning about anything that may still undo the write, such as a power failure, or an
    /// older copy in the other place.
    pub warning: Option<String>,
    /// The credentials may not be where they belong, so another copy must not be removed yet.
    pub is_uncertain: bool,
}

impl NewFile {
    /// Creates the temporary file beside `target`.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage), as for every step here.
    pub fn create(disk: Arc<dyn Disk>, target: PathBuf, name: &TemporaryName) -> Result<Self> {
        let temporary = disk
            .create(folder_of(&target), name)
            .map_err(failed(&target, "create"))?;
        Ok(Self {
            disk,
            target,
            temporary,
        })
    }

    /// Makes sure that there is room for this many bytes. Some file systems report only with the
    /// sync that they are full.
    pub fn reserve(&mut self, size: usize) -> Result<()> {
        let file = self.temporary.as_file_mut();
        let written = self.disk.write(file, &vec![b' '; size]);
        written
            .and_then(|()| self.disk.sync(file))
            .and_then(|()| file.rewind())
            .map_err(failed(&self.target, "reserving space"))
    }

    /// Replaces the target.
    pub fn commit(mut self, bytes: &[u8]) -> Result<Written> {
        let file = self.temporary.as_file_mut();
        let written = self.disk.write(file, bytes);
        written
            // The reserved space is usually longer.
            .and_then(|()| file.set_len(bytes.len() as u64))
            .map_err(failed(&self.target, "write"))?;
        self.disk.sync(file).map_err(failed(&self.target, "sync"))?;
        let temporary = self.temporary.into_temp_path();
        let (disk, target) = (&*self.disk, &*self.target);
        if disk.is_mount_point(target) {
            return copy_into_mount(disk, target, temporary, bytes);
        }
        match disk.rename(&temporary, target) {
            // An old kernel does not say what a mount point is.
            Err(error) if is_mounted(&error) => {
                return copy_into_mount(disk, target, temporary, bytes);
            }
            renamed => renamed.map_err(failed(target, "rename"))?,
        }
        let _ = temporary.keep();
        let synced = disk.sync_folder(folder_of(target));
        let warning = synced.err().map(|error| {
            format!(
                "Saved, but the folder of {} could not be synced ({error}): a power failure now \
                 could undo it",
                target.display()
            )
        });
        Ok(Written {
            warning,
            is_uncertain: false,
        })
    }
}

/// Returns whether a rename failed because something is mounted on the target.
fn is_mounted(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, ResourceBusy};
    matches!(error.kind(), ResourceBusy | CrossesDevices)
}

/// Creates the error for a step that failed before the old file was touched.
fn failed(target: &Path, step: &str) -> impl FnOnce(io::Error) -> Error {
    move |source| {
        Error::storage(format!("Could not save {}", target.display()))
            .with_source(format!("{step} failed: {source}"))
            .with_hint("Nothing was changed. Check free space and permissions, then try again")
    }
}

/// Replaces a mount point by the temporary file, which holds `bytes` and is synced.
///
/// # Errors
/// The old file is untouched.
fn copy_into_mount(
    disk: &dyn Disk,
    target: &Path,
    temporary: TempPath,
    bytes: &[u8],
) -> Result<Written> {
    let unfinished = unfinished_of(target);
    let folder = folder_of(target);
    let file = open(target).and_then(closed_to_others);
    let file = file.map_err(failed(target, "open"))?;
    disk.rename(&temporary, &unfinished)
        .map_err(failed(target, "rename"))?;
    let _ = temporary.keep();
    if let Err(error) = disk.sync_folder(folder) {
        // The target must not be emptied before the new contents are safe.
        let _ = disk.remove_file(&unfinished);
        return Err(failed(target, "sync")(error));
    }
    if let Err(error) = overwrite(disk, file, bytes) {
        let (unfinished, target) = (unfinished.display(), target.display());
        let warning = format!(
            "Saved in {unfinished}, but {target} could not be written ({error}): the next command \
             tries again"
        );
        return Ok(Written {
            warning: Some(warning),
            is_uncertain: true,
        });
    }
    // If the copy stays, it is older than the file and harmless.
    if disk.remove_file(&unfinished).is_ok() {
        let _ = disk.sync_folder(folder);
    }
    Ok(Written::default())
}

/// Empties a mount point, which cannot be removed.
pub fn empty_mount(disk: &dyn Disk, target: &Path) -> io::Result<()> {
    overwrite(disk, open(target)?, b"")
}

/// Overwrites the file after emptying it: half of the new contents followed by half of the old ones
/// could pass for a whole file.
fn overwrite(disk: &dyn Disk, mut file: File, bytes: &[u8]) -> io::Result<()> {
    disk.truncate(&file)?;
    disk.write(&mut file, bytes)?;
    disk.sync(&file)
}

/// Returns the path of the new contents of a mount point until they are in it: `auth.json.new`.
pub fn unfinished_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    target.with_file_name(name)
}

fn open(target: &Path) -> io::Result<File> {
    without_waiting_or_links(&mut OpenOptions::new())
        .write(true)
        .open(target)
        .inspect(|file| {
            let _ = make_private(file);
        })
}

/// Checks that a mount point can be written. Changes nothing.
pub fn check_mount(target: &Path) -> io::Result<()> {
    let file = without_waiting_or_links(&mut OpenOptions::new())
        .write(true)
        .open(target)?;
    // Root may make the file private.
    if user_id() != Some(0) {
        closed_to_others(file)?;
    }
    let unfinished = unfinished_of(target);
    // In a sticky folder, another user's file cannot be replaced.
    if let Ok(found) = unfinished.symlink_metadata()
        && (found.is_dir() || is_someone_elses(&found))
    {
        let why = format!("{} is in the way: remove it", unfinished.display());
        return Err(io::Error::other(why));
    }
    Ok(())
}

/// Refuses a file that others may open and that this user cannot make private.
fn closed_to_others(file: File) -> io::Result<File> {
    match ownership(&file.metadata()?) {
        Some(found) if stays_open(found, user_id()) => Err(io::Error::other(
            "it belongs to another user, and others may read it",
        )),
        _ => Ok(file),
    }
}

fn stays_open(found: Ownership, us: Option<u32>) -> bool {
    Some(found.user) != us && found.mode & 0o077 != 0
}

impl Store {
    /// Returns the path of an unfinished save, if there is one.
    fn unfinished_path(&self) -> Option<PathBuf> {
        // A link that is not followed, or is dangling, has no unfinished save.
        let path = unfinished_of(&self.target().ok()?);
        let found = path.symlink_metadata().ok()?;
        // Our saves leave files that we own. A file of another user may be an attempt to plant a
        // session.
        (!is_someone_elses(&found)).then_some(path)
    }

    /// Returns whether the credentials are in a file that is a mount point.
    pub(in crate::auth) fn is_mount(&self) -> bool {
        let target = self.target();
        target.is_ok_and(|target| self.disk.is_mount_point(&target))
    }

    /// Returns the contents of an unfinished save if they count instead of those `found` in the
    /// file: because the file is not whole, or because they are newer.
    pub(super) fn unfinished(&self, found: &Contents) -> Option<AuthFile> {
        let path = self.unfinished_path()?;
        let bytes = read_regular(&path, Links::Refuse).ok().flatten()?;
        let new = AuthFile::parse(&bytes).ok()?;
        match found {
            Contents::File(file) if file.last_refresh >= new.last_refresh => None,
            // An API key has no time in it, so the times of the files decide.
            Contents::File(file) if file.last_refresh.is_none() && self.is_newer_than(&path) => {
                None
            }
            _ => Some(new),
        }
    }

    fn is_newer_than(&self, unfinished: &Path) -> bool {
        let modified = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
        modified(&self.path()) > modified(unfinished)
    }

    /// Finishes the save that a killed process began. Only under the lock of the codex home.
    pub(super) async fn finish_save(&self) -> Result<()> {
        if self.unfinished_path().is_none() {
            return Ok(());
        }
        let _write_lock = self.write_lock().await?;
        let Some(path) = self.unfinished_path() else {
            return Ok(());
        };
        if let Some(new) = self.unfinished(&self.contents_of_file()?) {
            let target = self.target()?;
            self.put_in_place(&path, &target, &new.to_bytes()?)
                .map_err(failed(&target, "write"))?;
        }
        // If it stays, it is older than the file and harmless.
        let _ = self.disk.remove_file(&path);
        Ok(())
    }

    /// Until the target holds these contents, the unfinished save may be their only copy: it is
    /// moved, or stays.
    fn put_in_place(&self, unfinished: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
        if !self.disk.is_mount_point(target) {
            // It is no mount any more.
            match self.disk.rename(unfinished, target) {
                Err(error) if is_mounted(&error) => {}
                renamed => {
                    let _ = self.disk.sync_folder(folder_of(target));
                    return renamed;
                }
            }
        }
        let file = open(target).and_then(closed_to_others)?;
        overwrite(&*self.disk, file, bytes)
    }

    /// Removes an unfinished save: it would bring the credentials back.
    pub(super) fn remove_unfinished(&self) -> Result<()> {
        match self.unfinished_path() {
            Some(path) => self.remove_file(&path).map(drop),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_user_that_others_may_read_gets_no_secret() {
        let file = |user, mode| Ownership {
            user,
            group: 1,
            mode,
            names: 1,
        };
        let stays_open = |user, mode| stays_open(file(user, mode), Some(1000));
        assert!(stays_open(1001, 0o666) && stays_open(0, 0o620) && stays_open(1001, 0o604));
        assert!(!stays_open(1001, 0o600), "as in a container");
        assert!(!stays_open(1000, 0o644), "it can be closed");
    }
}
