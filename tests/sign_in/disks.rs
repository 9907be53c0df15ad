//! Disks that fail, or wait.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};

use codex_onboarding::auth::Disk;
use rustix::io::Errno;
use tempfile::{NamedTempFile, TempPath};
use tokio::sync::Notify;

/// Full: nothing can be created.
pub struct FullDisk;

impl Disk for FullDisk {
    fn create(&self, _folder: &Path) -> io::Result<NamedTempFile> {
        Err(Errno::NOSPC.into())
    }
}

/// Everything works but the last step.
pub struct NoRename;

impl Disk for NoRename {
    fn rename(&self, _temporary: TempPath, _target: &Path) -> io::Result<()> {
        Err(Errno::IO.into())
    }
}

/// A disk whose `fsync` waits until it is told to go on.
pub struct HeldDisk {
    arrived: Arc<Notify>,
    release: Mutex<mpsc::Receiver<io::Result<()>>>,
}

/// The other end of a [`HeldDisk`].
pub struct DiskGate {
    arrived: Arc<Notify>,
    release: mpsc::Sender<io::Result<()>>,
}

pub fn held_disk() -> (Arc<HeldDisk>, DiskGate) {
    let (release, released) = mpsc::channel();
    let arrived = Arc::new(Notify::new());
    let disk = HeldDisk {
        arrived: Arc::clone(&arrived),
        release: Mutex::new(released),
    };
    (Arc::new(disk), DiskGate { arrived, release })
}

impl Disk for HeldDisk {
    fn sync(&self, file: &File) -> io::Result<()> {
        self.arrived.notify_one();
        let outcome = self.release.lock().unwrap().recv();
        outcome.unwrap_or(Err(Errno::IO.into()))?;
        file.sync_all()
    }
}

impl DiskGate {
    /// A save stands at the gate: it can no longer be taken back.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub fn release(self) {
        self.release.send(Ok(())).unwrap();
    }

    pub fn fail(self) {
        self.release.send(Err(Errno::NOSPC.into())).unwrap();
    }
}
