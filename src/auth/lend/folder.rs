//! The folder of a lent session: another machine's codex home.

use std::path::{Path, PathBuf};

use crate::auth::session::Lent;
use crate::auth::store::{Contents, Store, resolved};
use crate::error::{Error, Result};
use crate::platform::file_id;

/// A folder that holds a lent session or nothing, never a real session.
#[derive(Clone, Debug)]
pub struct LentFolder {
    store: Store,
}

impl LentFolder {
    /// Checks that `folder` may hold a session lent from `source`. It need not exist yet.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](crate::ErrorKind::Denied) when it is the home of `source` or a
    /// folder of its parked accounts, or holds a session that is not a lent one;
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when its contents cannot be read.
    pub fn new(folder: &Path, source: &Store) -> Result<Self> {
        let folder = resolved(folder)?;
        let home = resolved(source.home())?;
        let mut folders = folder.ancestors();
        let is_in_slot = folders.any(|folder| source.home_of_slot(folder).is_some());
        if folder == home
            || folder.starts_with(home.join("accounts"))
            || is_in_slot
            || is_reached_by_another_path(&folder, &home)
        {
            let message = format!(
                "{} holds the accounts of this machine: a lent session there would replace one",
                folder.display()
            );
            return Err(Error::denied(message).with_hint("Choose a folder of its own"));
        }
        let lent = Self {
            store: source.at(folder),
        };
        lent.check_replaceable()?;
        Ok(lent)
    }

    /// Returns the absolute path of the file.
    pub fn path(&self) -> PathBuf {
        self.store.path()
    }

    /// Writes the lent session (0600, atomically), in place of an earlier one.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](crate::ErrorKind::Denied) when a real session was saved there
    /// in the meantime; [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it cannot be written.
    pub async fn write(&self, lent: &Lent) -> Result<()> {
        let lock = self.store.lock().await?;
        let save = self.store.prepare(&lock).await?;
        // Under both locks: Codex takes the second one alone to save a sign-in.
        self.check_replaceable()?;
        save.commit(&lent.file)?;
        Ok(())
    }

    /// Removes the lent session, and leaves a real one alone.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it cannot be removed.
    pub async fn remove(&self) -> Result<()> {
        let lock = self.store.lock().await?;
        let _write_lock = self.store.write_lock().await?;
        if self.check_replaceable().is_ok() {
            self.store.remove(&lock).await?;
        }
        Ok(())
    }

    /// Checks that nothing but a lent session is there.
    fn check_replaceable(&self) -> Result<()> {
        let path = self.path();
        if path.is_symlink() {
            return Err(not_ours(&path, "is a link"));
        }
        match self.store.contents()? {
            Contents::Missing => Ok(()),
            Contents::File(file) if file.is_lent() || file.is_empty() => Ok(()),
            Contents::File(_) => Err(not_ours(&path, "holds a session of its own")),
            Contents::Damaged(..) => Err(not_ours(&path, "is not a lent session")),
        }
    }
}

fn not_ours(path: &Path, why: &str) -> Error {
    Error::denied(format!("{} {why}, and was left alone", path.display()))
        .with_hint("Choose another folder, or move that file away")
}

/// Returns whether `folder` is the home, or inside one of its slots, under another path, such as a
/// bind mount or a different letter case.
fn is_reached_by_another_path(folder: &Path, home: &Path) -> bool {
    let id = |path: &Path| file_id(&path.metadata().ok()?);
    let accounts = home.join("accounts");
    let slots = accounts.read_dir().into_iter().flatten().flatten();
    let slots = slots.filter_map(|slot| id(&slot.path()));
    let taken: Vec<_> = id(&accounts).into_iter().chain(slots).collect();
    let mut found = folder.ancestors().filter_map(id);
    (id(folder).is_some() && id(folder) == id(home)) || found.any(|found| taken.contains(&found))
}
