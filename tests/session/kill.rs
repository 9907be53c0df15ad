//! A refresh that is killed at every step of its save: the old file or the new one, whole.
//!
//! The victim is this test binary again, running [`victim`] alone.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::Session;
use rustix::process::{Signal, getpid, kill_process};
use serde_json::json;

use super::support::disk::{HookedDisk, Step};
use super::support::*;

const HOME: &str = "TEST_VICTIM_HOME";
const ISSUER: &str = "TEST_VICTIM_ISSUER";
const STEP: &str = "TEST_VICTIM_STEP";

/// This test binary again, to be killed before a step of its save.
fn child(step: usize, stage: &Stage) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "kill::victim", "--ignored"])
        .env(HOME, stage.home.path())
        .env(ISSUER, stage.issuer.url())
        .env(STEP, step.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn kill_at(step: usize, stage: &Stage) -> ExitStatus {
    child(step, stage).status().unwrap()
}

#[tokio::test]
#[ignore = "a program that other tests start and kill"]
async fn victim() {
    let [home, issuer, step] = [HOME, ISSUER, STEP].map(|name| std::env::var(name).unwrap());
    let step: usize = step.parse().unwrap();
    let disk = HookedDisk::new(move |count, _| {
        if count == step {
            kill_process(getpid(), Signal::KILL)?;
        }
        Ok(())
    });
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
        .map(|_| child(usize::MAX, &stage).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(stage.token_requests(), 1);
    assert!(stage.is_alive());
    assert_eq!(stage.home.files(), ["auth.json"]);
}
