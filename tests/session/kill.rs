//! A refresh that is killed at every step of its save: the old file or the new one, whole.
//!
//! The victim is this test binary again, running [`victim`] alone.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::Session;
use codex_onboarding::demo::Person;
use codex_onboarding::sign_in::{Port, SignIn, SignInOptions, Status};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::json;

use super::support::disk::{HookedDisk, Step};
use super::support::*;

const VICTIM: &str = "kill::victim";
const HOME: &str = "TEST_VICTIM_HOME";
const ISSUER: &str = "TEST_VICTIM_ISSUER";
const STEP: &str = "TEST_VICTIM_STEP";
const MOUNT: &str = "TEST_VICTIM_MOUNT";

/// This test binary again, running one victim, which is killed before a step of its save.
fn child(victim: &str, step: usize, stage: &Stage) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", victim, "--ignored"])
        .env(HOME, stage.home.path())
        .env(ISSUER, stage.issuer.url())
        .env(STEP, step.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn kill_at(step: usize, stage: &Stage) -> ExitStatus {
    child(VICTIM, step, stage).status().unwrap()
}

#[tokio::test]
#[ignore = "a program that other tests start and kill"]
async fn victim() {
    let [home, issuer, step] = [HOME, ISSUER, STEP].map(|name| std::env::var(name).unwrap());
    let step: usize = step.parse().unwrap();
    let kill = move |count, _| {
        if count == step {
            kill_process(getpid(), Signal::KILL)?;
        }
        Ok(())
    };
    let disk = match std::env::var_os(MOUNT) {
        Some(mount) => HookedDisk::with_mount(mount.into(), kill),
        None => HookedDisk::new(kill),
    };
    let options = options(Path::new(&home), &issuer, Arc::clone(&disk) as _);
    let session = Session::load(&options).unwrap().unwrap();
    session.bearer().await.unwrap();
}

#[tokio::test]
async fn killed_at_any_step_the_file_is_the_old_one_or_the_new_one() {
    for (number, step) in Step::REFRESH.into_iter().enumerate() {
        let stage = Stage::due();
        stage.home.session(); // It can be loaded.
        let old = stage.home.json();
        std::fs::set_permissions(stage.home.file(), private()).unwrap();
        assert_eq!(kill_at(number, &stage).signal(), Some(9), "{step:?}");

        let is_new = number > Step::REFRESH.len() - 3;
        let was_asked = number >= Step::BEFORE_REQUEST;
        assert_eq!(stage.home.json() != old, is_new, "{number} {step:?}");
        assert_eq!(stage.home.mode(), 0o600);
        assert_eq!(stage.token_requests(), usize::from(was_asked));

        let outcome = stage.home.session().bearer().await;
        if was_asked && !is_new {
            // The window that is left: rotated, and not yet saved.
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Expired);
        } else {
            outcome.unwrap();
            assert!(stage.is_alive());
        }
        if !is_new {
            assert_eq!(stage.home.files(), ["auth.json"], "the next save cleans up");
        }
        assert_eq!(stage.home.json()["from_the_future"], json!("kept"));
    }
}

/// The refresh on a file that is a mount point, in the order of its steps.
const IN_PLACE: [Step; 17] = [
    Step::Create,
    Step::Write,
    Step::HalfWritten,
    Step::Sync,
    Step::Write,
    Step::HalfWritten,
    Step::Sync,
    Step::Rename,
    Step::SyncFolder,
    Step::Done,
    Step::Truncate,
    Step::Write,
    Step::HalfWritten,
    Step::Sync,
    Step::RemoveFile,
    Step::SyncFolder,
    Step::Done,
];

#[tokio::test]
async fn killed_at_any_step_of_a_save_in_place_the_old_session_or_the_new_one_is_found() {
    for (number, step) in IN_PLACE.into_iter().enumerate() {
        let mut stage = Stage::due();
        std::fs::set_permissions(stage.home.file(), private()).unwrap();
        let old = stage.home.json();
        let mut victim = child(VICTIM, number, &stage);
        victim.env(MOUNT, stage.home.file());
        let ended = victim.status().unwrap();
        assert_eq!(ended.signal(), Some(9), "{number} {step:?}");

        let mounted = HookedDisk::with_mount(stage.home.file(), |_, _| Ok(()));
        let store = stage.home.options.store.clone();
        stage.home.options.store = store.with_disk(mounted);
        let is_new = number > 7;
        let found = stage.home.options.store.load().unwrap().unwrap();
        let found = text(&found.tokens.unwrap().refresh_token.unwrap());
        let before = old["tokens"]["refresh_token"].as_str().unwrap();
        assert_eq!(found != before, is_new, "{number} {step:?}");
        if is_new {
            assert!(stage.issuer.accepts_refresh_token(&found), "{step:?}");
        }

        // The next command that takes the lock finishes it.
        let store = &stage.home.options.store;
        store.lock().await.unwrap();
        let now = stage.home.json();
        assert_eq!(
            now["tokens"]["refresh_token"],
            json!(found),
            "{number} {step:?}"
        );
        assert_eq!(now["from_the_future"], json!("kept"));
        assert!(
            !stage.home.path().join("auth.json.new").exists(),
            "{number} {step:?}"
        );
        assert_eq!(stage.home.mode(), 0o600);
    }
}

#[tokio::test]
#[ignore = "a program that another test starts and kills"]
async fn victim_that_signs_in() {
    let [home, issuer, step] = [HOME, ISSUER, STEP].map(|name| std::env::var(name).unwrap());
    let step: usize = step.parse().unwrap();
    let disk = HookedDisk::new(move |count, _| {
        if count == step {
            kill_process(getpid(), Signal::KILL)?;
        }
        Ok(())
    });
    let session = options(Path::new(&home), &issuer, disk);
    let mut options = SignInOptions::new(session.issuer, session.store);
    options.port = Port::Exactly(0);
    let mut sign_in = SignIn::start(options).unwrap();
    let person = Person::at(&issuer).unwrap();
    let link = sign_in.link().authorization_url.clone();
    let callback = person.approve(&link).await.unwrap();
    tokio::spawn(async move { person.browse(callback.as_str()).await });
    while let Some(status) = sign_in.next().await {
        if let Status::Completed(_) = status {
            return;
        }
    }
    panic!("it did not sign in");
}

#[tokio::test]
async fn killed_at_any_step_of_a_login_the_file_is_the_old_one_or_the_new_one() {
    for (number, step) in Step::SAVE.into_iter().enumerate() {
        let stage = Stage::due();
        std::fs::set_permissions(stage.home.file(), private()).unwrap();
        let old = stage.home.json();
        let ended = child("kill::victim_that_signs_in", number, &stage).status();
        assert_eq!(ended.unwrap().signal(), Some(9), "{step:?}");
        // Its token request has been answered: before the rename nobody holds the new session.
        assert_eq!(stage.token_requests(), 1, "{step:?}");
        assert_eq!(stage.home.json() != old, number > 4, "{step:?}");
        assert_eq!(stage.home.mode(), 0o600);
        assert!(stage.is_alive(), "{step:?}");
        let before_the_next = stage.home.files().len();
        let has_left_one = (1..5).contains(&number);
        assert_eq!(
            before_the_next,
            if has_left_one { 2 } else { 1 },
            "{step:?}"
        );
        stage.home.session().refresh().await.unwrap();
        assert_eq!(stage.home.files(), ["auth.json"], "the next save cleans up");
    }
}

#[test]
fn without_a_kill_the_victim_survives() {
    let stage = Stage::due();
    assert!(kill_at(usize::MAX, &stage).success());
    assert!(stage.is_alive());
}

fn private() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o600)
}

#[test]
fn two_hundred_processes_make_one_request_and_get_the_same_session() {
    let stage = Stage::due();
    let children: Vec<_> = (0..200)
        .map(|_| child(VICTIM, usize::MAX, &stage).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(stage.token_requests(), 1);
    assert!(stage.is_alive());
    assert_eq!(stage.home.files(), ["auth.json"]);
}
