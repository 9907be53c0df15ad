//! Disks that fail, or wait, and what a sign-in on them comes to (threat 12).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::Store;
use codex_onboarding::auth::internals::{Disk, TemporaryName};
use codex_onboarding::demo::Profile;
use codex_onboarding::sign_in::{SignIn, Status};
use rustix::io::Errno;
use tempfile::NamedTempFile;
use tokio::sync::Notify;

use super::support::*;

/// Full: nothing can be created.
pub struct FullDisk;

impl Disk for FullDisk {
    fn create(&self, _: &Path, _: &TemporaryName) -> io::Result<NamedTempFile> {
        Err(Errno::NOSPC.into())
    }
}

/// Everything works but the last step.
pub struct NoRename;

impl Disk for NoRename {
    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(Errno::IO.into())
    }
}

/// Fills up in the middle of the file.
struct FullMidway;

impl Disk for FullMidway {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(file, &bytes[..bytes.len() / 2])?;
        Err(Errno::NOSPC.into())
    }
}

/// Takes everything and cannot keep it.
struct NoSync;

impl Disk for NoSync {
    fn sync(&self, _file: &File) -> io::Result<()> {
        Err(Errno::IO.into())
    }
}

/// The file is there, but its folder cannot be synced.
struct NoFolderSync;

impl Disk for NoFolderSync {
    fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        Err(Errno::IO.into())
    }
}

/// Mounted read-only.
struct ReadOnly;

impl Disk for ReadOnly {
    fn create(&self, _: &Path, _: &TemporaryName) -> io::Result<NamedTempFile> {
        Err(Errno::ROFS.into())
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

/// Asserts what a failed save leaves behind: the old file, and nothing else.
fn assert_only(stage: &Stage, before: Option<&str>) {
    let now = fs::read_to_string(stage.file()).ok();
    assert_eq!(now.as_deref(), before);
    let entries = fs::read_dir(stage.file().parent().unwrap()).unwrap();
    for entry in entries {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = ["auth.json", "auth.lock", "auth.json.lock"].contains(&name.as_str());
        assert!(known, "{name} was left behind");
    }
}

#[tokio::test]
async fn whichever_step_of_the_save_fails_page_and_status_agree_and_nothing_is_torn() {
    let disks: [(Errno, Arc<dyn Disk>); 5] = [
        (Errno::NOSPC, Arc::new(FullDisk)),
        (Errno::NOSPC, Arc::new(FullMidway)),
        (Errno::IO, Arc::new(NoSync)),
        (Errno::IO, Arc::new(NoRename)),
        (Errno::ROFS, Arc::new(ReadOnly)),
    ];
    let old = r#"{"OPENAI_API_KEY": "sk-old"}"#;
    for (errno, disk) in disks {
        // Each C library has its own words.
        let cause = io::Error::from(errno).to_string();
        for before in [None, Some(old)] {
            let stage = Stage::on(Profile::default(), Arc::clone(&disk));
            if let Some(before) = before {
                fs::write(stage.file(), before).unwrap();
            }
            let mut running = stage.start();
            let callback = running.approve().await;
            let page = running.get(&callback).await;
            page.assert_says(500, "Unable to persist auth file");
            let error = running.end().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Storage);
            let file = stage.file().display().to_string();
            assert!(error.message().contains(&file), "{error}");
            assert!(unescaped(&page.body).contains(error.message()));
            assert!(error.causes()[0].contains(&cause), "{error:?}");
            assert!(error.hint().unwrap().contains("Nothing was changed"));
            // A reload says the same, and the attempt has said its last word.
            if let Some(again) = running.browser().try_get(&callback).await {
                assert_eq!(again.without_date(), page.without_date());
            }
            assert!(running.rest().await.is_empty());
            assert_only(&stage, before);
        }
    }
}

#[tokio::test]
async fn a_pasted_sign_in_that_cannot_be_saved_fails_the_same_way() {
    let stage = Stage::on(Profile::default(), Arc::new(NoRename));
    let mut running = stage.start();
    let callback = running.approve().await;
    running.paste(&callback);
    assert_eq!(running.end().await.unwrap_err().kind(), ErrorKind::Storage);
    assert_only(&stage, None);
}

#[tokio::test]
async fn a_folder_that_cannot_be_synced_is_a_warning_and_the_sign_in_counts() {
    let stage = Stage::on(Profile::default(), Arc::new(NoFolderSync));
    let mut running = stage.start();
    let callback = running.approve().await;
    assert_eq!(running.get(&callback).await.status, 302);
    assert!(matches!(running.next().await, Some(Status::Exchanging)));
    match running.next().await {
        Some(Status::Notice(warning)) => {
            assert!(
                warning.contains("a power failure now could undo it"),
                "{warning}"
            );
        }
        other => panic!("no warning: {other:?}"),
    }
    assert!(matches!(running.next().await, Some(Status::Completed(_))));
    assert_eq!(stage.saved().unwrap()["auth_mode"], "chatgpt");
    let saved = fs::read_to_string(stage.file()).unwrap();
    assert_only(&stage, Some(&saved));
}

#[tokio::test]
async fn a_codex_home_that_others_may_write_is_told_as_something_that_lasts() {
    let stage = Stage::new();
    let home = stage.file().parent().unwrap().to_owned();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
    let mut running = stage.start();
    let callback = running.approve().await;
    assert_eq!(running.get(&callback).await.status, 302);
    assert!(matches!(running.next().await, Some(Status::Exchanging)));
    match running.next().await {
        Some(Status::Notice(warning)) => assert!(warning.contains("other users"), "{warning}"),
        other => panic!("no warning: {other:?}"),
    }
    assert!(matches!(running.next().await, Some(Status::Completed(_))));
}

#[tokio::test]
async fn a_save_waits_for_a_program_that_is_writing() {
    let stage = Stage::new();
    let lock = File::create(stage.file().with_file_name("auth.json.lock")).unwrap();
    lock.lock().unwrap();
    let mut running = stage.start();
    let callback = running.approve().await;
    running.paste(&callback);
    assert!(matches!(running.next().await, Some(Status::Exchanging)));
    match running.next().await {
        Some(Status::Waiting(text)) => assert!(text.contains("auth.json.lock"), "{text}"),
        other => panic!("it did not wait: {other:?}"),
    }
    drop(lock);
    assert!(matches!(running.next().await, Some(Status::Completed(_))));
}

#[tokio::test]
async fn a_home_that_is_none_and_a_file_that_is_none_are_clear_errors() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let is_a_file = folder.path().join("file");
    fs::write(&is_a_file, "precious").unwrap();
    let holds_a_folder = folder.path().join("home");
    fs::create_dir_all(holds_a_folder.join("auth.json")).unwrap();
    for (home, says) in [
        (is_a_file.clone(), "is not a folder"),
        (is_a_file.join("below"), "cannot be used"),
        (holds_a_folder.clone(), "auth.json"),
    ] {
        let mut options = stage.options.clone();
        options.store = Store::new(&home);
        // Before a person is sent to a browser.
        let error = SignIn::start(options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.message().contains(says), "{error}");
        assert!(error.message().contains(home.to_str().unwrap()), "{error}");
        assert!(error.hint().is_some());
    }
    assert_eq!(fs::read_to_string(&is_a_file).unwrap(), "precious");
    let left = fs::read_dir(&holds_a_folder).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others: Vec<_> = names.filter(|name| !name.contains(".lock")).collect();
    assert_eq!(others, ["auth.json"]);
}
