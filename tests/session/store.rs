//! Whatever stands at `auth.json`, and whatever the disk does.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::internals::{AuthFile, Disk, RealDisk};
use codex_onboarding::auth::{Notify, Revocation, sign_out};
use codex_onboarding::demo::Profile;
use rustix::io::Errno;
use serde_json::json;

use super::support::disk::{HookedDisk, Step, leave_half_a_save};
use super::support::*;

const ERRNOS: [Errno; 4] = [Errno::NOSPC, Errno::IO, Errno::ROFS, Errno::ACCESS];

/// Saves a key as a sign-in does at its end.
async fn save(home: &Home, key: &str) -> codex_onboarding::Result<Option<String>> {
    let store = &home.options.store;
    let access = store.lock().await?;
    let save = store.prepare(&access).await?;
    let written = save.commit(&AuthFile::with_api_key(key.into()))?;
    Ok(written.warning)
}

/// Remembers how much was written each time.
#[derive(Default)]
struct MeasuringDisk(Mutex<Vec<usize>>);

impl Disk for MeasuringDisk {
    fn write(&self, file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
        self.0.lock().unwrap().push(bytes.len());
        RealDisk.write(file, bytes)
    }
}

#[tokio::test]
async fn a_refresh_has_more_space_than_it_needs_before_it_asks() {
    let disk = Arc::new(MeasuringDisk::default());
    let stage = Stage::on(Profile::default(), disk.clone());
    stage.home.session().bearer().await.unwrap();
    let written = disk.0.lock().unwrap();
    assert!(written[0] > 4 * written[1], "{written:?}");
}

#[tokio::test]
async fn a_save_that_fails_at_any_step_leaves_the_old_file_and_nothing_else() {
    let steps = [
        Step::Create,
        Step::Write,
        Step::HalfWritten,
        Step::Sync,
        Step::Rename,
    ];
    for (number, step) in steps.into_iter().enumerate() {
        for errno in ERRNOS {
            let home = Home::at("http://127.0.0.1:9", HookedDisk::failing_at(number, errno));
            home.write(&json!({"OPENAI_API_KEY": "old"}));
            let error = save(&home, "new").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Storage, "{step:?}");
            assert!(error.message().contains("auth.json"), "{error}");
            let cause = std::io::Error::from(errno).to_string();
            assert!(error.causes()[0].ends_with(&cause), "{error:?}");
            assert!(error.hint().is_some());
            assert_eq!(home.json(), json!({"OPENAI_API_KEY": "old"}), "{step:?}");
            assert_eq!(home.files(), ["auth.json"], "{step:?}");
            save(&home, "new").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_synced_is_a_warning_because_the_file_is_there() {
    let home = Home::at("http://127.0.0.1:9", HookedDisk::failing_at(5, Errno::IO));
    let warning = save(&home, "new").await.unwrap().unwrap();
    assert!(warning.contains("could not be synced"), "{warning}");
    assert_eq!(home.json()["OPENAI_API_KEY"], "new");
    assert_eq!(home.files(), ["auth.json"]);
}

#[tokio::test]
async fn a_disk_that_is_full_or_read_only_is_met_before_the_token_is_spent() {
    for number in 0..Step::BEFORE_REQUEST {
        for errno in ERRNOS {
            let disk = HookedDisk::failing_at(number, errno);
            let stage = Stage::on(Profile::default(), disk);
            let before = stage.home.json();
            let error = stage.home.session().bearer().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Storage);
            assert_eq!(stage.token_requests(), 0);
            assert_eq!(stage.home.json(), before);
            assert_eq!(stage.home.files(), ["auth.json"]);
            assert!(stage.is_alive());
        }
    }
}

#[tokio::test]
async fn tokens_that_could_not_be_saved_stay_usable_and_are_saved_the_next_time() {
    let rename = Step::REFRESH.iter().position(|step| *step == Step::Rename);
    for number in Step::BEFORE_REQUEST..=rename.unwrap() {
        let disk = HookedDisk::failing_at(number, Errno::NOSPC);
        let stage = Stage::on(Profile::default(), disk);
        let before = stage.home.json();
        let session = stage.home.session();
        let error = session.bearer().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert_eq!(stage.home.json(), before);
        assert_eq!(stage.home.files(), ["auth.json"]);

        let bearer = text(&session.bearer().await.unwrap());
        assert_eq!(stage.token_requests(), 1);
        session.refresh().await.unwrap();
        assert_ne!(text(&session.bearer().await.unwrap()), bearer);
        assert_eq!(stage.token_requests(), 2);
        assert!(stage.is_alive());
    }
}

#[tokio::test]
async fn unsaved_tokens_win_over_an_old_access_token_in_the_file_that_is_not_due() {
    let rename = Step::REFRESH.iter().position(|step| *step == Step::Rename);
    let disk = HookedDisk::failing_at(rename.unwrap(), Errno::NOSPC);
    let stage = Stage::on(Profile::default(), disk);
    stage.home.write(&auth_json(&stage.issuer.issue_tokens()));
    let session = stage.home.session();
    session.refresh().await.unwrap_err();
    session.refresh().await.unwrap();
    assert_eq!(stage.token_requests(), 2);
    assert!(stage.is_alive());
}

#[tokio::test]
async fn a_sign_in_after_tokens_that_could_not_be_saved_is_adopted() {
    let rename = Step::REFRESH.iter().position(|step| *step == Step::Rename);
    let disk = HookedDisk::failing_at(rename.unwrap(), Errno::NOSPC);
    let stage = Stage::on(Profile::default(), disk);
    let session = stage.home.session();
    session.refresh().await.unwrap_err();
    let newer = auth_json(&stage.issuer.issue_tokens());
    stage.home.write(&newer);
    session.refresh().await.unwrap();
    assert_eq!(stage.home.json(), newer);
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn a_refresh_whose_folder_cannot_be_synced_is_saved_and_said() {
    let sync_folder = Step::REFRESH
        .iter()
        .position(|step| *step == Step::SyncFolder);
    let disk = HookedDisk::failing_at(sync_folder.unwrap(), Errno::IO);
    let mut stage = Stage::on(Profile::default(), disk);
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = Arc::clone(&told);
    let notify = Notify::new(move |note| notes.lock().unwrap().push(note));
    stage.home.options.store = stage.home.options.store.notifying(&notify);
    stage.home.session().bearer().await.unwrap();
    assert!(stage.is_alive());
    assert!(told.lock().unwrap()[0].contains("could not be synced"));
}

/// Puts something odd at `auth.json`.
type Odd = fn(&Home);

const ODD: [(&str, Odd); 5] = [
    ("100 MB", |home| {
        let file = File::create(home.file()).unwrap();
        file.set_len(100 * 1024 * 1024).unwrap();
    }),
    ("a folder", |home| fs::create_dir(home.file()).unwrap()),
    ("a FIFO", |home| {
        let made = Command::new("mkfifo").arg(home.file()).status().unwrap();
        assert!(made.success());
    }),
    ("a dangling link", |home| {
        symlink("nowhere", home.file()).unwrap();
    }),
    ("a loop", |home| symlink("auth.json", home.file()).unwrap()),
];

/// Fails where `test` blocks its thread for ever, as opening a FIFO can.
fn without_a_hang(test: impl Future<Output = ()> + Send + 'static) {
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.build().unwrap().block_on(test);
        }));
        ended.send(panicked).unwrap();
    });
    let ended = end.recv_timeout(Duration::from_secs(20));
    assert!(ended.is_ok(), "it hangs");
    if let Ok(Err(panic)) = ended {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn what_is_no_credentials_file_is_a_clear_error_and_not_a_hang() {
    without_a_hang(async {
        for (what, put) in ODD {
            let home = Home::new();
            put(&home);
            let error = home.refusal();
            assert_eq!(error.kind(), ErrorKind::Storage, "{what}");
            assert!(error.message().contains("auth.json"), "{error}");
            assert!(error.hint().unwrap().contains("sign in again"), "{error}");
            if what != "100 MB" {
                assert!(save(&home, "new").await.is_err(), "{what} is not replaced");
            }
        }
    });
}

/// The sentences that are told, as they come.
fn listening(home: &mut Home) -> Arc<Mutex<Vec<String>>> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&told);
    let notify = Notify::new(move |note| notes.lock().unwrap().push(note));
    home.options.store = home.options.store.notifying(&notify);
    told
}

#[tokio::test]
async fn in_a_codex_home_that_others_may_write_no_link_is_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("auth.json");
    let theirs = r#"{"OPENAI_API_KEY":"sk-theirs"}"#;
    fs::write(&target, theirs).unwrap();
    let mut home = Home::new();
    symlink(&target, home.file()).unwrap();
    assert!(
        home.load().unwrap().is_some(),
        "in one's own home, a link is"
    );
    fs::set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();

    let error = home.refusal();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.causes()[0].contains("it is a link"), "{error:?}");
    save(&home, "new").await.unwrap_err();
    assert_eq!(fs::read_to_string(&target).unwrap(), theirs);

    let told = listening(&mut home);
    let options = &home.options;
    let left = sign_out(&options.store, Some(&options.issuer)).await;
    assert!(left.unwrap().removed && home.files().is_empty());
    assert_eq!(fs::read_to_string(&target).unwrap(), theirs);
    let told = told.lock().unwrap();
    assert!(told[0].contains("other users may write"), "{told:?}");
    assert!(told[1].contains("was not deleted"), "{told:?}");
}

#[tokio::test]
async fn signing_out_deletes_the_target_of_a_link_only_when_it_holds_credentials() {
    for text in ["ssh-ed25519 AAAA", r#"{"name":"package"}"#, "{\"tokens\": "] {
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("authorized_keys");
        fs::write(&target, text).unwrap();
        let mut home = Home::new();
        symlink(&target, home.file()).unwrap();
        let told = listening(&mut home);
        let options = &home.options;
        let left = sign_out(&options.store, Some(&options.issuer)).await;
        assert!(left.unwrap().removed && home.files().is_empty());
        assert_eq!(fs::read_to_string(&target).unwrap(), text);
        assert!(told.lock().unwrap()[0].contains("was not deleted"));
    }
}

#[tokio::test]
async fn a_save_syncs_the_file_before_it_takes_its_place_and_the_folder_afterwards() {
    let (disk, steps) = HookedDisk::recording();
    let stage = Stage::on(Profile::default(), disk);
    stage.home.session().bearer().await.unwrap();
    assert_eq!(steps.lock().unwrap().split_off(0), Step::REFRESH);
    save(&stage.home, "new").await.unwrap();
    assert_eq!(*steps.lock().unwrap(), Step::SAVE);
}

#[tokio::test]
async fn what_became_no_credentials_file_is_an_error_of_the_refresh_before_its_request() {
    for (what, put) in ODD {
        let stage = Stage::due();
        let session = stage.home.session();
        fs::remove_file(stage.home.file()).unwrap();
        put(&stage.home);
        let error = session.bearer().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage, "{what}");
        assert_eq!(stage.token_requests(), 0, "{what}");
    }
}

#[tokio::test]
async fn signing_out_removes_whatever_can_be_removed() {
    for (what, put) in ODD {
        let home = Home::new();
        put(&home);
        let options = &home.options;
        let outcome = sign_out(&options.store, Some(&options.issuer)).await;
        if what == "a folder" {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Storage);
            continue;
        }
        let outcome = outcome.unwrap();
        assert!(outcome.removed && outcome.damaged.is_some(), "{what}");
        assert!(matches!(outcome.revocation, Revocation::NotNeeded));
        assert!(home.files().is_empty(), "{what}");
    }
}

#[tokio::test]
async fn a_link_stays_and_its_target_is_replaced_in_its_own_folder() {
    let stage = Stage::due();
    let dotfiles = tempfile::tempdir().unwrap();
    let target = dotfiles.path().join("codex-auth");
    fs::rename(stage.home.file(), &target).unwrap();
    symlink(&target, stage.home.file()).unwrap();
    leave_half_a_save(dotfiles.path(), stage.home.path());
    leave_half_a_save(stage.home.path(), stage.home.path());
    stage.home.session().bearer().await.unwrap();
    assert_eq!(fs::read_link(stage.home.file()).unwrap(), target);
    assert!(target.symlink_metadata().unwrap().is_file());
    assert!(stage.is_alive());
    assert_eq!(names(dotfiles.path()), ["codex-auth"]);
    assert_eq!(stage.home.files(), ["auth.json"]);
}

#[tokio::test]
async fn a_looser_mode_is_tightened_and_a_new_home_is_private() {
    let stage = Stage::due();
    fs::set_permissions(stage.home.file(), Permissions::from_mode(0o666)).unwrap();
    stage.home.session().bearer().await.unwrap();
    assert_eq!(stage.home.mode(), 0o600);

    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("deep/home");
    let options = options(&new, "http://127.0.0.1:9", Arc::new(RealDisk));
    drop(options.store.lock().await.unwrap());
    let mode = fs::metadata(&new).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn another_homes_save_in_the_same_folder_is_left_alone() {
    let (home, dotfiles) = (Home::new(), Home::new());
    symlink(dotfiles.path().join("auth"), home.file()).unwrap();
    fs::write(dotfiles.path().join("auth"), "{}").unwrap();
    let other = tempfile::tempdir().unwrap();
    let theirs = leave_half_a_save(dotfiles.path(), other.path());
    save(&home, "new").await.unwrap();
    assert!(theirs.exists());
    // The folder may be a home itself.
    save(&dotfiles, "new").await.unwrap();
    assert!(theirs.exists());
}

#[tokio::test]
async fn signing_out_leaves_no_tokens_of_a_killed_save() {
    let stage = Stage::fresh();
    let dotfiles = tempfile::tempdir().unwrap();
    let target = dotfiles.path().join("auth");
    fs::rename(stage.home.file(), &target).unwrap();
    symlink(&target, stage.home.file()).unwrap();
    leave_half_a_save(dotfiles.path(), stage.home.path());
    let options = &stage.home.options;
    let leave = async || sign_out(&options.store, Some(&options.issuer)).await;
    assert!(leave().await.unwrap().removed);
    assert!(names(dotfiles.path()).is_empty());
    // And where the first save was killed, so that nobody is signed in.
    leave_half_a_save(stage.home.path(), stage.home.path());
    assert!(!leave().await.unwrap().removed);
    assert!(stage.home.files().is_empty());
}

#[tokio::test]
async fn saves_that_were_killed_leave_nothing_that_stays() {
    let home = Home::new();
    for number in 0..3 {
        let leftover = home.path().join(format!(".auth.json.{number}.tmp"));
        fs::write(leftover, "half").unwrap();
    }
    fs::write(home.path().join(".auth.json.mine"), "not ours").unwrap();
    save(&home, "new").await.unwrap();
    assert_eq!(home.files(), [".auth.json.mine", "auth.json"]);
}
