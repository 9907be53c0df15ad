//! The save where `auth.json` is a mount of a single file, which no rename can replace (threat
//! 36): the new contents are synced beside it, in `auth.json.new`, before they are written into
//! it. Whoever dies midway leaves them there for the next reader, and for the next lock.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, Kept, not_saved};
use super::file_names::FileNames;
use super::home::Links;
use super::read::read_regular;
use super::reading::Contents;
use super::{Store, folder_of};
use crate::auth::file::auth_file::AuthFile;
use crate::error::{Error, Result};
use crate::platform::{
    Ownership, is_someone_elses, make_private, ownership, user_id, without_waiting_or_links,
};
use tempfile::TempPath;

/// A file that is written in place.
pub struct InPlace {
    pub disk: Arc<dyn Disk>,
    pub target: PathBuf,
}

impl InPlace {
    /// Takes `temporary`, which holds `bytes` and is synced, and writes them to the target. The
    /// text is a warning: they are kept, but not yet where other programs read.
    ///
    /// # Errors
    /// The step that failed; the target is untouched.
    pub fn save(
        &self,
        temporary: TempPath,
        bytes: &[u8],
    ) -> Result<Kept, (&'static str, io::Error)> {
        let pending = FileNames::pending(&self.target);
        let folder = folder_of(&self.target);
        let file = open_private(&self.target).map_err(|error| ("open", error))?;
        self.disk
            .rename(temporary, &pending)
            .map_err(|error| ("rename", error))?;
        if let Err(error) = self.disk.sync_folder(folder) {
            // The target must not be emptied before the new contents are safe.
            let _ = self.disk.remove_file(&pending);
            return Err(("sync", error));
        }
        if let Err(error) = self.fill(file, bytes) {
            let (pending, target) = (pending.display(), self.target.display());
            return Ok(Kept::uncertain(format!(
                "Saved in {pending}, but {target} could not be written ({error}): the next command \
                 tries again"
            )));
        }
        self.settle(&pending);
        Ok(Kept::with(None))
    }

    /// Half of the new contents before half of the old ones could pass for whole: it is emptied
    /// first.
    fn fill(&self, mut file: File, bytes: &[u8]) -> io::Result<()> {
        self.disk.truncate(&file)?;
        self.disk.write(&mut file, bytes)?;
        self.disk.sync(&file)
    }

    /// The copy has done its work. One that stays is older than the file, and does no harm.
    fn settle(&self, pending: &Path) {
        if self.disk.remove_file(pending).is_ok() {
            let _ = self.disk.sync_folder(folder_of(pending));
        }
    }

    /// Empties the file, which cannot be removed.
    pub fn empty(&self) -> io::Result<()> {
        let file = open(&self.target)?;
        self.disk.truncate(&file)?;
        self.disk.sync(&file)
    }
}

fn open(target: &Path) -> io::Result<File> {
    let file = without_waiting_or_links(&mut OpenOptions::new())
        .write(true)
        .open(target)?;
    let _ = make_private(&file);
    Ok(file)
}

/// As [`open`], for a secret: a file of another user that stays open to others gets none.
fn open_private(target: &Path) -> io::Result<File> {
    let file = open(target)?;
    if is_open_to_others(&file.metadata()?) {
        return Err(open_to_others());
    }
    Ok(file)
}

/// Checks that a file can be written in place. Changes nothing.
pub fn check(target: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let file = without_waiting_or_links(&mut options)
        .write(true)
        .open(target)?;
    // Root can close it.
    if user_id() != Some(0) && is_open_to_others(&file.metadata()?) {
        return Err(open_to_others());
    }
    let pending = FileNames::pending(target);
    if pending
        .symlink_metadata()
        .is_ok_and(|found| found.is_dir() || is_fixed(&found, target))
    {
        let why = format!("{} is in the way: remove it", pending.display());
        return Err(io::Error::other(why));
    }
    Ok(())
}

/// Returns whether a file beside the target may be one that this user cannot replace: another
/// user's, in a folder of another user, who may have made it sticky.
fn is_fixed(found: &Metadata, target: &Path) -> bool {
    let folder = folder_of(target).metadata();
    user_id() != Some(0) && is_someone_elses(found) && folder.is_ok_and(|it| is_someone_elses(&it))
}

/// Returns whether others may read or write a file that is not this user's to close.
fn is_open_to_others(found: &Metadata) -> bool {
    ownership(found).is_some_and(|found| stays_open(found, user_id()))
}

fn stays_open(found: Ownership, us: Option<u32>) -> bool {
    Some(found.user) != us && found.mode & 0o077 != 0
}

fn open_to_others() -> io::Error {
    io::Error::other("it belongs to another user, and others may read it")
}

impl Store {
    /// Returns the unfinished save, if there is one, by its path.
    fn pending(&self) -> Option<PathBuf> {
        // Where a link is not followed, or leads nowhere, there is none.
        let pending = FileNames::pending(&self.target().ok()?);
        let found = pending.symlink_metadata().ok()?;
        // A save of ours leaves a file of ours: another user may have made any other, to have
        // another session used, or this one replaced.
        (!is_someone_elses(&found)).then_some(pending)
    }

    /// Returns whether the credentials are in a file that is a mount point.
    pub(in crate::auth) fn is_mount(&self) -> bool {
        let target = self.target();
        target.is_ok_and(|target| self.disk.is_mount_point(&target))
    }

    /// Returns the contents of an unfinished save, when they count and not what is in the file:
    /// whole ones do where the file is not whole, and where they are newer.
    pub(super) fn unfinished(&self, found: &Contents) -> Option<AuthFile> {
        let pending = self.pending()?;
        let bytes = read_regular(&pending, Links::Refuse).ok().flatten()?;
        let new = AuthFile::parse(&bytes).ok()?;
        match found {
            Contents::File(file) if file.last_refresh >= new.last_refresh => None,
            // Without a time in it, as with an API key, the file's own decides.
            Contents::File(file) if file.last_refresh.is_none() && self.is_newer_than(&pending) => {
                None
            }
            _ => Some(new),
        }
    }

    fn is_newer_than(&self, pending: &Path) -> bool {
        let modified = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
        modified(&self.path()) > modified(pending)
    }

    /// Finishes the save that a killed process has begun. Under the lock of the codex home.
    pub(super) async fn finish_save(&self) -> Result<()> {
        if self.pending().is_none() {
            return Ok(());
        }
        let _write_lock = self.write_lock().await?;
        let Some(pending) = self.pending() else {
            return Ok(());
        };
        let target = self.target()?;
        let failed = |error: io::Error| not_saved(&target, "write", &error);
        if let Some(new) = self.unfinished(&self.contents_of_file()?) {
            let bytes = new
                .to_bytes()
                .map_err(|error| Error::storage("Encoding failed").with_source(error))?;
            if !self.disk.is_mount_point(&target) {
                // It is no mount any more.
                self.disk.move_file(&pending, &target).map_err(failed)?;
                let _ = self.disk.sync_folder(folder_of(&target));
                return Ok(());
            }
            let file = open_private(&target).map_err(failed)?;
            self.in_place(&target).fill(file, &bytes).map_err(failed)?;
        }
        self.in_place(&target).settle(&pending);
        Ok(())
    }

    /// Removes an unfinished save, with the credentials that it would bring back.
    pub(super) fn remove_pending(&self) -> Result<()> {
        match self.pending() {
            Some(pending) => self.remove_file(&pending).map(drop),
            None => Ok(()),
        }
    }

    pub(super) fn in_place(&self, target: &Path) -> InPlace {
        InPlace {
            disk: Arc::clone(&self.disk),
            target: target.to_owned(),
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
