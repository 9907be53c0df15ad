//! Looks whether the credentials can be changed here, before anything is asked of a person or an
//! issuer. The hints come from what is found.

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
    /// The part of the home that it is about.
    pub part: Part,
    /// The file or folder that is in the way.
    pub path: PathBuf,
    /// What is wrong, with what to do next.
    pub error: Error,
}

/// A part of the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The folder.
    Home,
    /// A lock file.
    Lock,
    /// The file with the credentials, or its folder where it is a link.
    Credentials,
}

impl Store {
    /// Checks that credentials can be saved here, as far as can be told without trying: the
    /// setting allows it, the folder and the lock files can be used, and what is at `auth.json`
    /// can be replaced. Takes no lock and changes nothing.
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

    /// As [`Store::check_savable`], for a change that may also remove what is there.
    ///
    /// # Errors
    /// As [`Store::check_savable`].
    pub fn check_changeable(&self) -> Result<()> {
        self.obstacle()
            .map_or(Ok(()), |obstacle| Err(obstacle.error))
    }

    /// Returns the first thing that is in the way.
    pub(crate) fn obstacle(&self) -> Option<Obstacle> {
        self.at_the_home()
            .or_else(|| self.at_the_locks())
            .or_else(|| self.at_the_file())
    }

    fn at_the_home(&self) -> Option<Obstacle> {
        let home = self.home.as_path();
        let error = match home.metadata() {
            Ok(found) if !found.is_dir() => self.elsewhere(self.sentence("is not a folder")),
            Ok(_) => self.not_writable(home)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.missing()?,
            Err(error) => {
                let error = Error::storage(self.sentence("cannot be used")).with_source(error);
                self.with_another_folder(error)
            }
        };
        Some(Obstacle {
            part: Part::Home,
            path: home.to_owned(),
            error,
        })
    }

    /// The first save makes it, where the folder above allows that.
    fn missing(&self) -> Option<Error> {
        let home = self.home.as_path();
        let above = home
            .ancestors()
            .find(|folder| folder.symlink_metadata().is_ok());
        // A relative path that does not exist yet is in the working directory.
        let above = above
            .filter(|folder| *folder != Path::new(""))
            .unwrap_or(Path::new("."));
        if let Ok(target) = above.read_link()
            && !above.exists()
        {
            let target = folder_of(above).join(target);
            let shown = target.display();
            let error = Error::storage(if above == home {
                self.sentence(&format!("is a link to {shown}, which does not exist"))
            } else {
                let link = above.display();
                self.sentence(&format!(
                    "is below {link}, a link to {shown}, which does not exist"
                ))
            });
            let make = users::command("mkdir -p", &[&target]);
            let remove = users::command("rm", &[above]);
            return Some(error.with_hint(format!(
                "Make the folder that the link leads to: {make}; or remove the link: {remove}"
            )));
        }
        if !above.is_dir() {
            let shown = above.display();
            return Some(
                self.elsewhere(
                    self.sentence(&format!("cannot be created: {shown} is not a folder")),
                ),
            );
        }
        if is_writable(above) && !is_read_only(above) {
            return None;
        }
        let shown = above.display();
        Some(self.elsewhere(self.sentence(&format!("cannot be created: {shown} is not writable"))))
    }

    /// Returns the reason why no file can be made in a folder.
    fn not_writable(&self, folder: &Path) -> Option<Error> {
        let is_home = folder == self.home;
        let sentence = |what: &str| {
            if is_home {
                self.sentence(what)
            } else {
                format!("The folder {} {what}", folder.display())
            }
        };
        if is_read_only(folder) {
            let error = Error::storage(sentence("is read-only"));
            return Some(error.with_hint(format!(
                "Mount it writable, or choose another folder{}",
                self.by_variable()
            )));
        }
        if is_writable(folder) {
            return None;
        }
        let owner = folder
            .metadata()
            .ok()
            .and_then(|found| users::other_owner(&found));
        Some(match owner {
            Some(owner) => {
                let error =
                    Error::storage(sentence(&format!("belongs to {owner} and is not writable")));
                error.with_hint(format!(
                    "Make it yours: {}; or choose another folder{}",
                    users::take_back(&[folder]),
                    self.by_variable()
                ))
            }
            None => Error::storage(sentence("is not writable")).with_hint(format!(
                "Make it writable: {}",
                users::command("chmod u+rwx", &[folder])
            )),
        })
    }

    fn at_the_locks(&self) -> Option<Obstacle> {
        self.lock_names().into_iter().find_map(|name| {
            let path = self.home.join(name);
            let error = lock::check(&path).err()?;
            Some(Obstacle {
                part: Part::Lock,
                path,
                error,
            })
        })
    }

    /// What is no regular file is left to the save, which replaces or names it.
    fn at_the_file(&self) -> Option<Obstacle> {
        let Ok(None) = self.asked_vault() else {
            return None;
        };
        let target = self.target().ok()?;
        let at = |error| {
            Some(Obstacle {
                part: Part::Credentials,
                path: target.clone(),
                error,
            })
        };
        if self.disk.is_mount_point(&target)
            && let Err(source) = check_mount(&target)
        {
            let shown = target.display();
            let error = Error::storage(format!("Could not write {shown}, a mount point"));
            return at(error
                .with_source(source)
                .with_hint("Mount the file writable, or mount its folder instead"));
        }
        let folder = folder_of(&target);
        if self.path() == target || !folder.is_dir() {
            return None;
        }
        self.not_writable(folder).and_then(at)
    }

    fn sentence(&self, what: &str) -> String {
        format!("The {} {} {what}", self.product.home, self.home.display())
    }

    fn elsewhere(&self, sentence: String) -> Error {
        self.with_another_folder(Error::storage(sentence))
    }

    pub(super) fn with_another_folder(&self, error: Error) -> Error {
        error.with_hint(format!("Choose another folder{}", self.by_variable()))
    }

    fn by_variable(&self) -> String {
        match &self.product.home_variable {
            Some(variable) => format!(", for example with {variable}"),
            None => String::new(),
        }
    }
}
