//! The files that a slot shares with the codex home: everything but credentials, accounts and
//! what belongs to one running process. They are in the codex home, and links in the slot.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::EXEC_LOCK;
use crate::auth::store::Store;
use crate::platform::{create_new_private_folder, is_socket_or_pipe, move_new, private, symlink};
use crate::product::Text;

/// What `SQLite` puts beside a database, and finds again by the name alone.
const DATABASE_SUFFIXES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A slot and the codex home that it shares files with.
pub struct Shared<'a> {
    /// The slot.
    pub slot: &'a Store,
    /// The codex home, as an absolute path.
    pub home: &'a Path,
}

impl Shared<'_> {
    fn folder(&self) -> &Path {
        self.slot.home()
    }

    /// Returns the files that are the slot's own although they should be shared, by the name
    /// of their database if they belong to one.
    fn own(&self) -> io::Result<BTreeMap<OsString, Vec<OsString>>> {
        let mut own = BTreeMap::<_, Vec<_>>::new();
        for entry in self.folder().read_dir()? {
            let entry = entry?;
            if !entry.file_type()?.is_symlink() && !is_kept_apart(self.slot, &entry.path()) {
                let name = entry.file_name();
                own.entry(database_of(&name)).or_default().push(name);
            }
        }
        Ok(own)
    }

    /// Returns whether the slot has files that belong into the codex home, and would fit.
    pub fn has_strays(&self) -> io::Result<bool> {
        Ok(self.own()?.values().any(|family| self.fits(family)))
    }

    /// Moves them there. Only while nothing runs in the slot.
    pub fn gather(&self) -> io::Result<()> {
        for (database, mut family) in self.own()? {
            if !self.fits(&family) {
                continue;
            }
            // The database last: whoever opens it must find what belongs to it.
            family.sort_by_key(|name| *name == database);
            for name in family {
                let (from, to) = (self.folder().join(&name), self.home.join(&name));
                match move_new(&from, &to) {
                    Ok(()) => {
                        symlink(&to, &from)?;
                        lead_home(&to, self.folder(), self.home)?;
                    }
                    // Another start was faster, or it is on another disk: it stays.
                    Err(error) => {
                        tracing::warn!(%error, path = %from.display(), "not moved");
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// A log without its database stays, and a family of which one is there already.
    fn fits(&self, family: &[OsString]) -> bool {
        let is_whole = family.iter().any(|name| *name == database_of(name));
        is_whole && family.iter().all(|name| !exists(&self.home.join(name)))
    }

    /// Makes what a command would otherwise be the first to make, in the slot. What is there
    /// already is left as it is, a link or a FIFO too: it is neither followed nor opened.
    pub fn make(&self) -> io::Result<()> {
        let Some(program) = self.slot.program() else {
            return Ok(());
        };
        let is_missing = |name: &&Text| {
            let own = self.folder().join(name.as_ref()).symlink_metadata();
            !own.is_ok_and(|found| !found.is_symlink())
        };
        for name in program.shared_folders.iter().filter(is_missing) {
            unless_there(create_new_private_folder(&self.home.join(name.as_ref())))?;
        }
        for name in program.shared_files.iter().filter(is_missing) {
            let made = private(&mut OpenOptions::new())
                .write(true)
                .create_new(true)
                .open(self.home.join(name.as_ref()));
            unless_there(made.map(drop))?;
        }
        Ok(())
    }

    /// Links every shared file into the slot, and repairs links. Returns what is a file there
    /// and hides the codex home's own.
    pub fn link(&self) -> io::Result<Vec<PathBuf>> {
        self.remove_stale_links()?;
        for entry in self.home.read_dir()? {
            let name = entry?.file_name();
            if !self.is_linked(&name) {
                continue;
            }
            match symlink(&self.home.join(&name), &self.folder().join(&name)) {
                // Our own link, for those that led elsewhere are gone, or a file that hides it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                linked => linked?,
            }
        }
        self.hiding()
    }

    /// Returns what is a file in the slot and hides the codex home's own.
    pub fn hiding(&self) -> io::Result<Vec<PathBuf>> {
        let names = self.own()?.into_values().flatten();
        let hiding = names.filter(|name| exists(&self.home.join(name)));
        let mut hiding: Vec<_> = hiding.map(|name| self.folder().join(name)).collect();
        hiding.sort();
        Ok(hiding)
    }

    /// Removes links that lead elsewhere than into the codex home, or nowhere, or to what is
    /// not shared.
    fn remove_stale_links(&self) -> io::Result<()> {
        for entry in self.folder().read_dir()? {
            let entry = entry?;
            let link = entry.path();
            let Ok(target) = link.read_link() else {
                continue;
            };
            let name = entry.file_name();
            let is_right =
                target == self.home.join(&name) && exists(&target) && self.is_linked(&name);
            if !is_right {
                match std::fs::remove_file(&link) {
                    // Another start was faster.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    removed => removed?,
                }
            }
        }
        Ok(())
    }

    /// Returns whether a file of the codex home is linked into the slot. A log of the codex
    /// home would ruin a database of the same name that is the slot's own.
    fn is_linked(&self, name: &OsStr) -> bool {
        let database = database_of(name);
        let own = self.folder().join(&database).symlink_metadata();
        let is_of_another = database != name && own.is_ok_and(|own| !own.is_symlink());
        !is_of_another && !is_kept_apart(self.slot, &self.home.join(name))
    }
}

/// Returns whether a file of a codex home or a slot is its own: the accounts, whatever has
/// credentials or locks in it, a sign-in that waits, and what belongs to a running process.
fn is_kept_apart(store: &Store, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let visible = name.strip_prefix('.').unwrap_or(&name);
    name == "accounts"
        || name == EXEC_LOCK
        || store.product().is_secret(&name)
        || visible.starts_with("pending-sign-in.")
        || is_of_process(store, path, &name)
}

/// Returns whether a file of a codex home or a slot belongs to a running process.
pub fn is_of_process(store: &Store, path: &Path, name: &str) -> bool {
    let prefixes = store.program().map(|program| &program.process_files);
    let mut prefixes = prefixes.into_iter().flatten();
    let mut extensions = name.split('.').skip(1);
    prefixes.any(|prefix| name.starts_with(prefix.as_ref()))
        || extensions.any(|it| ["pid", "sock", "socket"].contains(&it))
        // The end of a link counts: a socket often has a short path elsewhere.
        || path.metadata().is_ok_and(|found| is_socket_or_pipe(&found))
}

/// Returns the database that a file belongs to by its name, or else the name itself.
fn database_of(name: &OsStr) -> OsString {
    let Some(text) = name.to_str() else {
        return name.to_owned();
    };
    let mut suffixes = DATABASE_SUFFIXES.iter();
    let database = suffixes.find_map(|suffix| text.strip_suffix(suffix));
    database.unwrap_or(text).into()
}

/// Turns links in a folder that came from the slot to the folder's new place: an installation
/// links to itself by its whole path, and would be broken when the slot goes.
fn lead_home(moved: &Path, slot: &Path, home: &Path) -> io::Result<()> {
    if !moved.symlink_metadata()?.is_dir() {
        return Ok(());
    }
    for entry in moved.read_dir()? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            lead_home(&path, slot, home)?;
        } else if kind.is_symlink()
            && let Ok(rest) = path.read_link()?.strip_prefix(slot)
        {
            let target = home.join(rest);
            std::fs::remove_file(&path)?;
            symlink(&target, &path)?;
        }
    }
    Ok(())
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn unless_there(made: io::Result<()>) -> io::Result<()> {
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}
