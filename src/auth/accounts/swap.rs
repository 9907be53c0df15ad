//! Swaps two credential files, so that each is in exactly one place at every instant.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::auth::store::disk::Disk;
use crate::auth::store::folder_of;
use crate::error::{Error, Result};
use crate::platform::make_file_private;

/// A swap of the active file and a parked one.
pub struct Swap {
    pub disk: Arc<dyn Disk>,
    /// The codex home's `auth.json`, or what it links to.
    pub active: PathBuf,
    /// A slot's `auth.json`.
    pub parked: PathBuf,
    /// A slot that does not exist yet, for where two files cannot change places at once.
    pub spare: PathBuf,
}

impl Swap {
    /// Makes the parked file the active one; an active one, if there is any, is parked.
    /// Blocking. The text is a warning: a folder could not be synced.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage); everything is where it was, or, where
    /// two renames were needed and the second could not be undone, both are parked.
    pub fn run(&self) -> Result<Option<String>> {
        let moved = match self.active.symlink_metadata() {
            Ok(_) => self.both(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.disk.rename(&self.parked, &self.active)
            }
            // There may be an account that a move would destroy.
            Err(error) => Err(error),
        };
        moved.map_err(|error| self.failed(error))?;
        Ok(self.sync_folders())
    }

    fn both(&self) -> io::Result<()> {
        // What is parked next to others must be ours alone, whatever its mode was.
        let _ = make_file_private(&self.active);
        // The renames are synced below, and must not arrive before what they move.
        for file in [&self.active, &self.parked] {
            self.disk.sync(&File::open(file)?)?;
        }
        match self.disk.swap(&self.active, &self.parked) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.in_two_steps(),
            swapped => swapped,
        }
    }

    /// Through a slot of its own: between the two renames both files are parked, and found
    /// there by whoever looks.
    fn in_two_steps(&self) -> io::Result<()> {
        self.disk.create_folder(&self.spare)?;
        let aside = self.spare.join(self.parked.file_name().unwrap_or_default());
        if let Err(error) = self.disk.rename(&self.active, &aside) {
            let _ = self.disk.remove_folder(&self.spare);
            return Err(error);
        }
        // The second rename must not reach the disk before the first.
        for folder in [
            self.spare.as_path(),
            folder_of(&self.spare),
            folder_of(&self.active),
        ] {
            let _ = self.disk.sync_folder(folder);
        }
        self.disk
            .rename(&self.parked, &self.active)
            .inspect_err(|_| {
                if self.disk.rename(&aside, &self.active).is_ok() {
                    let _ = self.disk.remove_folder(&self.spare);
                }
            })
    }

    fn sync_folders(&self) -> Option<String> {
        let folders = [folder_of(&self.active), folder_of(&self.parked)];
        let mut synced = folders.iter().map(|folder| self.disk.sync_folder(folder));
        synced.find_map(Result::err).map(|error| {
            format!(
                "Done, but could not sync a folder ({error}): a power failure now could undo it"
            )
        })
    }

    fn failed(&self, error: io::Error) -> Error {
        let hint = match error.kind() {
            io::ErrorKind::CrossesDevices => {
                "It links to another file system: replace it with a regular file"
            }
            _ => "Check free space and permissions, then try again",
        };
        let message = format!("Could not replace {}", self.active.display());
        Error::storage(message).with_source(error).with_hint(hint)
    }
}
