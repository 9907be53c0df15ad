//! A disk that does what a test wants at any step of a save.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use codex_onboarding::auth::internals::{Disk, RealDisk, TemporaryName};
use rustix::io::Errno;
use tempfile::NamedTempFile;

/// Before which system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Create,
    Write,
    /// The first half is written.
    HalfWritten,
    Sync,
    Rename,
    /// The new file is in place.
    SyncFolder,
    Done,
    /// The old contents of a mounted file are there until here.
    Truncate,
    CreateFolder,
    Swap,
    RemoveFile,
    RemoveFolder,
}

type Act = Box<dyn FnMut(usize, Step) -> io::Result<()> + Send>;

/// Calls a closure before every step, with the number of steps before it.
pub struct HookedDisk {
    hook: Mutex<(usize, Act)>,
    /// A file that is a mount point.
    mount: Option<PathBuf>,
}

impl HookedDisk {
    pub fn new(act: impl FnMut(usize, Step) -> io::Result<()> + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            hook: Mutex::new((0, Box::new(act))),
            mount: None,
        })
    }

    #[allow(dead_code)] // Not every test file mounts anything.
    /// As [`HookedDisk::new`], where something is mounted on this file.
    pub fn with_mount(
        mount: PathBuf,
        act: impl FnMut(usize, Step) -> io::Result<()> + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            hook: Mutex::new((0, Box::new(act))),
            mount: Some(mount),
        })
    }

    /// Fails as the system does for a mount point that is renamed over, moved or removed.
    fn not_mounted(&self, path: &Path) -> io::Result<()> {
        match &self.mount {
            Some(mount) if mount == path => Err(Errno::BUSY.into()),
            _ => Ok(()),
        }
    }

    #[allow(dead_code)]
    /// Returns a disk that fails nowhere, and the steps that it takes.
    pub fn recording() -> (Arc<Self>, Arc<Mutex<Vec<Step>>>) {
        let steps = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&steps);
        let disk = Self::new(move |_, step| {
            seen.lock().unwrap().push(step);
            Ok(())
        });
        (disk, steps)
    }

    fn before(&self, step: Step) -> io::Result<()> {
        let mut guard = self.hook.lock().unwrap();
        let (count, act) = &mut *guard;
        let number = *count;
        *count += 1;
        act(number, step)
    }
}

#[allow(dead_code)]
/// The file that a save for this home leaves in this folder when it is killed.
pub fn leave_half_a_save(folder: &Path, home: &Path) -> PathBuf {
    let name = TemporaryName::new(folder, home, "auth.json");
    let file = RealDisk.create(folder, &name).unwrap();
    file.into_temp_path().keep().unwrap()
}

impl Disk for HookedDisk {
    fn create(&self, folder: &Path, name: &TemporaryName) -> io::Result<NamedTempFile> {
        self.before(Step::Create)?;
        RealDisk.create(folder, name)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        self.before(Step::Write)?;
        let (first, second) = bytes.split_at(bytes.len() / 2);
        file.write_all(first)?;
        self.before(Step::HalfWritten)?;
        file.write_all(second)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.before(Step::Sync)?;
        RealDisk.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.before(Step::Rename)?;
        self.not_mounted(from)?;
        self.not_mounted(to)?;
        RealDisk.rename(from, to)
    }

    fn is_mount_point(&self, path: &Path) -> bool {
        self.mount.as_deref() == Some(path)
    }

    fn truncate(&self, file: &File) -> io::Result<()> {
        self.before(Step::Truncate)?;
        RealDisk.truncate(file)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.before(Step::SyncFolder)?;
        RealDisk.sync_folder(folder)?;
        self.before(Step::Done)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.before(Step::CreateFolder)?;
        RealDisk.create_folder(folder)
    }

    fn swap(&self, one: &Path, other: &Path) -> io::Result<()> {
        self.before(Step::Swap)?;
        self.not_mounted(one)?;
        self.not_mounted(other)?;
        RealDisk.swap(one, other)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.before(Step::RemoveFile)?;
        self.not_mounted(path)?;
        RealDisk.remove_file(path)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        self.before(Step::RemoveFolder)?;
        RealDisk.remove_folder(folder)
    }
}
