//! Everything in a slot but credentials, accounts and the files of one running process is shared: it
//! is in the codex home, and the slot has links to it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::EXEC_LOCK;
use crate::auth::store::Store;
use crate::platform::{create_new_private_folder, is_socket_or_pipe, move_new, private, symlink};
use crate::product::Text;

/// The suffixes of the files that `SQLite` puts beside a database and finds by name alone.
const DATABASE_SUFFIXES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A slot and the codex home that it shares files with.
pub struct Shared<'a> {
    /// The slot.
    pub slot: &'a Store,
    /// The codex home, as an absolute path.
    pub home: &'a Path,
}

impl Shared<'_> {
    fn in_slot(&self, name: impl AsRef<Path>) -> PathBuf {
        self.slot.home().join(name)
    }

    /// Returns the names of the slot's own files that should be shared.
    fn own(&self) -> io::Result<Vec<OsString>> {
        let mut own = Vec::new();
        for entry in self.slot.home().read_dir()? {
            let entry = entry?;
            if !entry.file_type()?.is_symlink() && !is_kept_apart(self.slot, &entry.path()) {
                own.push(entry.file_name());
            }
        }
        own.sort();
        Ok(own)
    }

    /// Returns the slot's own files that can be moved to the codex home, grouped by database. A log
    /// without its database stays, and so does a whole group if the codex home already has one of
    /// its files.
    pub fn strays(&self) -> io::Result<Vec<Vec<OsString>>> {
        let mut families = BTreeMap::<_, Vec<_>>::new();
        for name in self.own()? {
            families.entry(database_of(&name)).or_default().push(name);
        }
        families.retain(|database, family| {
            // The database comes last: a program that opens it must find its log.
            family.reverse();
            family.contains(database) && !family.iter().any(|name| exists(&self.home.join(name)))
        });
        Ok(families.into_values().collect())
    }

    /// Moves these files into the codex home. Call only while nothing runs in the slot.
    pub fn gather(&self, strays: Vec<Vec<OsString>>) -> io::Result<()> {
        for family in strays {
            for name in family {
                let (from, to) = (self.in_slot(&name), self.home.join(&name));
                if let Err(error) = move_new(&from, &to) {
                    // Another process was faster, or the file is on another disk: it stays.
                    tracing::warn!(%error, path = %from.display(), "not moved");
                    break;
                }
                symlink(&to, &from)?;
                redirect_links(&to, self.slot.home(), self.home)?;
            }
        }
        Ok(())
    }

    /// Creates the shared files that a command would create in the slot. A file that exists is left
    /// as it is; a link or a FIFO is neither followed nor opened.
    pub fn make(&self) -> io::Result<()> {
        let Some(program) = self.slot.program() else {
            return Ok(());
        };
        let is_own = |name: &Text| {
            let own = self.in_slot(name.as_ref()).symlink_metadata();
            own.is_ok_and(|own| !own.is_symlink())
        };
        for name in program.shared_folders.iter().filter(|name| !is_own(name)) {
            let made = create_new_private_folder(&self.home.join(name.as_ref()));
            ignore(ErrorKind::AlreadyExists, made)?;
        }
        for name in program.shared_files.iter().filter(|name| !is_own(name)) {
            let made = private(&mut OpenOptions::new())
                .write(true)
                .create_new(true)
                .open(self.home.join(name.as_ref()));
            ignore(ErrorKind::AlreadyExists, made.map(drop))?;
        }
        Ok(())
    }

    /// Links every shared file into the slot, and repairs links.
    pub fn link(&self) -> io::Result<()> {
        self.remove_stale_links()?;
        for entry in self.home.read_dir()? {
            let name = entry?.file_name();
            if self.is_linked(&name) {
                // The link exists already, or the slot has a file of its own that hides the codex
                // home's.
                let linked = symlink(&self.home.join(&name), &self.in_slot(&name));
                ignore(ErrorKind::AlreadyExists, linked)?;
            }
        }
        Ok(())
    }

    /// Returns the slot's own files that hide the codex home's.
    pub fn hiding(&self) -> io::Result<Vec<PathBuf>> {
        let names = self.own()?.into_iter();
        let hiding = names.filter(|name| exists(&self.home.join(name)));
        Ok(hiding.map(|name| self.in_slot(name)).collect())
    }

    /// Removes links that do not lead into the codex home, or lead to a file that is missing or not
    /// shared.
    fn remove_stale_links(&self) -> io::Result<()> {
        for entry in self.slot.home().read_dir()? {
            let entry = entry?;
            let (link, name) = (entry.path(), entry.file_name());
            let Ok(target) = link.read_link() else {
                continue;
            };
            if target != self.home.join(&name) || !exists(&target) || !self.is_linked(&name) {
                // Another process may have removed the link already.
                ignore(ErrorKind::NotFound, std::fs::remove_file(&link))?;
            }
        }
        Ok(())
    }

    /// Returns whether a file of the codex home is linked into the slot. A linked log would ruin a
    /// database of the same name that belongs to the slot.
    fn is_linked(&self, name: &OsStr) -> bool {
        let database = database_of(name);
        let own = self.in_slot(&database).symlink_metadata();
        let is_of_another = database != name && own.is_ok_and(|own| !own.is_symlink());
        !is_of_another && !is_kept_apart(self.slot, &self.home.join(name))
    }
}

/// Returns whether a file is the codex home's or the slot's own: accounts, credentials, locks, a
/// sign-in that was left, and the files of a running process.
fn is_kept_apart(store: &Store, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let visible = name.strip_prefix('.').unwrap_or(&name);
    name == "accounts"
        || name == EXEC_LOCK
        || store.product().is_secret(&name)
        || visible.starts_with("pending-sign-in.")
        || is_of_process(store, path)
}

/// Returns whether a file of a codex home or a slot belongs to a running process.
pub fn is_of_process(store: &Store, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefixes = store.program().map(|program| &program.process_files);
    let mut prefixes = prefixes.into_iter().flatten();
    let mut extensions = name.split('.').skip(1);
    prefixes.any(|prefix| name.starts_with(prefix.as_ref()))
        || extensions.any(|it| ["pid", "sock", "socket"].contains(&it))
        // A link is followed: a socket often has a short path elsewhere.
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

/// Redirects the links in a folder that was moved out of the slot to its new place: an installation
/// links to itself by its whole path, and would break when the slot is removed.
fn redirect_links(moved: &Path, slot: &Path, home: &Path) -> io::Result<()> {
    if !moved.symlink_metadata()?.is_dir() {
        return Ok(());
    }
    for entry in moved.read_dir()? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            redirect_links(&path, slot, home)?;
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

fn ignore(kind: ErrorKind, result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        result => result,
    }
}
