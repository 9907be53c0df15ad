//! Checks that the credentials can be changed here, before anything is asked of a person or an
//! issuer. Each hint fits what was found.

use std::io;
use std::path::{Path, PathBuf};

use super::lock;
use super::new_file::check_mount;
use super::{Store, folder_of};
use crate::error::{Error, Result};
use crate::platform::{is_read_only, is_writable};
use crate::users;

/// The reason why the credentials cannot be changed.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "for `doctor`"))]
pub struct Obstacle {
    /// The file or folder that is in the way.
    pub path: PathBuf,
    /// The problem, with what to do next.
    pub error: Error,
}

impl Store {
    /// Checks, as far as possible without trying, that credentials can be saved here: the setting
    /// allows it, the folder and the lock files can be used, and `auth.json` can be replaced.
    /// Takes no lock and changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) with what is in the way, and what to do.
    pub fn check_savable(&self) -> Result<()> {
        self.setting.check_usable()?;
        self.check_changeable()?;
        if self.home.is_dir() && self.asked_vault()?.is_none() {
            self.target()?;
        }
        Ok(())
    }

    /// As [`Store::check_savable`], for a change that may also remove the stored credentials.
    ///
    /// # Errors
    /// As [`Store::check_savable`].
    pub fn check_changeable(&self) -> Result<()> {
        self.obstacle()
            .map_or(Ok(()), |obstacle| Err(obstacle.error))
    }

    /// Returns the first thing that is in the way.
    pub(crate) fn obstacle(&self) -> Option<Obstacle> {
        if let Some(error) = self.problem_with_home() {
            let path = self.home.clone();
            return Some(Obstacle { path, error });
        }
        for name in self.lock_names() {
            let path = self.home.join(name);
            if let Err(error) = lock::check(&path) {
                return Some(Obstacle { path, error });
            }
        }
        // Saving handles anything else that is not a regular file, by replacing it or naming it in
        // an error.
        let path = self.target().ok()?;
        let error = self.problem_with_file(&path)?;
        Some(Obstacle { path, error })
    }

    fn problem_with_home(&self) -> Option<Error> {
        match self.home.metadata() {
            Ok(found) if !found.is_dir() => Some(self.unusable("is not a folder")),
            Ok(_) => self.not_writable(&self.home),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.cannot_be_created(),
            Err(error) => Some(self.unusable("cannot be used").with_source(error)),
        }
    }

    /// Returns the reason why the first save could not create the home.
    fn cannot_be_created(&self) -> Option<Error> {
        let mut ancestors = self.home.ancestors();
        let above = ancestors.find(|folder| folder.symlink_metadata().is_ok());
        // A relative path that does not exist yet is in the working directory.
        let above = above
            .filter(|folder| *folder != Path::new(""))
            .unwrap_or(Path::new("."));
        if let Ok(target) = above.read_link()
            && !above.exists()
        {
            return Some(self.leads_nowhere(above, &folder_of(above).join(target)));
        }
        let why = if !above.is_dir() {
            "is not a folder"
        } else if is_writable(above) && !is_read_only(above) {
            return None;
        } else {
            "is not writable"
        };
        let shown = above.display();
        Some(self.unusable(&format!("cannot be created: {shown} {why}")))
    }

    fn leads_nowhere(&self, link: &Path, target: &Path) -> Error {
        let shown = target.display();
        let what = if link == self.home {
            format!("is a link to {shown}, which does not exist")
        } else {
            let link = link.display();
            format!("is below {link}, a link to {shown}, which does not exist")
        };
        let make = users::command("mkdir -p", &[target]);
        let remove = users::command("rm", &[link]);
        self.unusable(&what).with_hint(format!(
            "Make the folder that the link leads to: {make}; or remove the link: {remove}"
        ))
    }

    /// Returns the reason why no file can be created in a folder.
    fn not_writable(&self, folder: &Path) -> Option<Error> {
        let error = |what: &str| {
            if folder == self.home {
                self.unusable(what)
            } else {
                Error::storage(format!("The folder {} {what}", folder.display()))
            }
        };
        let variable = self.by_variable();
        if is_read_only(folder) {
            let hint = format!("Mount it writable, or choose another folder{variable}");
            return Some(error("is read-only").with_hint(hint));
        }
        if is_writable(folder) {
            return None;
        }
        let metadata = folder.metadata().ok();
        let owner = metadata.and_then(|found| users::other_owner(&found));
        let Some(owner) = owner else {
            let make_writable = users::command("chmod u+rwx", &[folder]);
            let hint = format!("Make it writable: {make_writable}");
            return Some(error("is not writable").with_hint(hint));
        };
        let take_back = users::take_back(&[folder]);
        let error = error(&format!("belongs to {owner} and is not writable"));
        Some(error.with_hint(format!(
            "Make it yours: {take_back}; or choose another folder{variable}"
        )))
    }

    fn problem_with_file(&self, target: &Path) -> Option<Error> {
        if !matches!(self.asked_vault(), Ok(None)) {
            return None;
        }
        if self.disk.is_mount_point(target)
            && let Err(source) = check_mount(target)
        {
            let shown = target.display();
            let error = Error::storage(format!("Could not write {shown}, a mount point"));
            return Some(
                error
                    .with_source(source)
                    .with_hint("Mount the file writable, or mount its folder instead"),
            );
        }
        let folder = folder_of(target);
        if self.path() == target || !folder.is_dir() {
            return None;
        }
        self.not_writable(folder)
    }

    /// Makes the error for a home that cannot be used.
    pub(super) fn unusable(&self, what: &str) -> Error {
        let (name, path) = (&self.product.home, self.home.display());
        Error::storage(format!("The {name} {path} {what}")).with_hint(self.choose_another())
    }

    pub(super) fn choose_another(&self) -> String {
        format!("Choose another folder{}", self.by_variable())
    }

    fn by_variable(&self) -> String {
        match &self.product.home_variable {
            Some(variable) => format!(", for example with {variable}"),
            None => String::new(),
        }
    }
}
