//! What a killed process leaves of a save into a mount point: whole new contents in
//! `auth.json.new`, and a file that may be empty or half written.

use std::path::{Path, PathBuf};

use super::Store;
use super::home::Links;
use super::new_file::unfinished_of;
use super::read::read_regular;
use super::reading::Contents;
use crate::auth::file::auth_file::AuthFile;
use crate::error::{Error, Result};
use crate::platform::is_someone_elses;

impl Store {
    /// Returns the path of an unfinished save, if there is one.
    fn unfinished_path(&self) -> Option<PathBuf> {
        // A link that is not followed, or leads nowhere, has none.
        let path = unfinished_of(&self.target().ok()?);
        let found = path.symlink_metadata().ok()?;
        // Our saves leave files of ours. Another user may have made any other, to smuggle in a
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
        if let Some(new) = self.unfinished(&self.contents_of_file()?) {
            let new_file = self.new_file(self.target()?)?;
            let written = new_file.commit(&new.to_bytes()?)?;
            if let Some(warning) = written.warning.filter(|_| written.is_uncertain) {
                return Err(Error::storage(warning));
            }
        }
        if let Some(path) = self.unfinished_path() {
            // Should it stay, it is older than the file and harmless.
            let _ = self.disk.remove_file(&path);
        }
        Ok(())
    }

    /// Removes an unfinished save: it would bring the credentials back.
    pub(super) fn remove_unfinished(&self) -> Result<()> {
        match self.unfinished_path() {
            Some(path) => self.remove_file(&path).map(drop),
            None => Ok(()),
        }
    }
}
