//! SIGKILL before every system call of `use`, `add` and `remove`: every grant is in one file,
//! and is listed.
//!
//! The victim is this test binary again, running [`victim`] alone.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::{Signal, getpid, kill_process};

use super::disk::{HookedDisk, Step};
use super::support::*;

const HOME: &str = "TEST_VICTIM_HOME";
const OPERATION: &str = "TEST_VICTIM_OPERATION";
const STEP: &str = "TEST_VICTIM_STEP";
const IN_TWO: &str = "TEST_VICTIM_IN_TWO";

/// This test binary again, to be killed before a step.
fn kill_at(step: usize, home: &Path, operation: &str, in_two: bool) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "kill::victim", "--test-threads=1", "--ignored"])
        .env(HOME, home)
        .env(OPERATION, operation)
        .env(STEP, step.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if in_two {
        command.env(IN_TWO, "");
    }
    command.status().unwrap()
}

#[tokio::test]
#[ignore = "the victim of the tests below"]
async fn victim() {
    let (Ok(home), Ok(operation), Ok(step)) = (
        std::env::var(HOME),
        std::env::var(OPERATION),
        std::env::var(STEP),
    ) else {
        return;
    };
    let step: usize = step.parse().unwrap();
    let in_two = std::env::var_os(IN_TWO).is_some();
    let disk = HookedDisk::new(move |count, at| {
        if count == step {
            kill_process(getpid(), Signal::KILL)?;
        }
        match at {
            Step::Swap if in_two => Err(io::ErrorKind::Unsupported.into()),
            _ => Ok(()),
        }
    });
    let accounts = accounts(Path::new(&home), disk);
    match operation.as_str() {
        "use" => use_account(&accounts, "bob").await.unwrap(),
        "add" => drop(add(&accounts, "cid", 1).await.unwrap()),
        "add again" => drop(add(&accounts, "ada", 2).await.unwrap()),
        _ => remove(&accounts, "bob").await.unwrap(),
    }
}

/// Kills at each step until one run survives; returns how many died.
fn kill_everywhere(operation: &str, in_two: bool, grants: &[&str]) -> usize {
    for step in 0.. {
        let home = Home::with(&["ada", "bob"]);
        let status = kill_at(step, home.path(), operation, in_two);
        if status.success() {
            return step;
        }
        assert_eq!(status.signal(), Some(9), "{operation} {step}");
        let seen = home.grants();
        let mut all: Vec<_> = seen.active.iter().chain(&seen.parked).cloned().collect();
        all.sort();
        let mut once = all.clone();
        once.dedup();
        assert_eq!(all, once, "{operation} {step}");
        for grant in grants {
            assert!(
                all.iter().any(|it| it == grant),
                "{operation} {step}: {all:?}"
            );
        }
        let names = home.names();
        for grant in &all {
            let (name, _) = grant.split_once('-').unwrap();
            let is_it = |listed: &String| listed.trim_end_matches('*') == name;
            assert!(names.iter().any(is_it), "{operation} {step}: {names:?}");
        }
    }
    unreachable!()
}

#[test]
fn killed_at_any_step_of_a_use_every_grant_is_in_one_file_and_listed() {
    assert!(kill_everywhere("use", false, &["ada-1", "bob-1"]) >= 5);
    assert!(kill_everywhere("use", true, &["ada-1", "bob-1"]) >= 8);
}

#[test]
fn killed_at_any_step_of_an_add_every_grant_is_in_one_file_and_listed() {
    assert!(kill_everywhere("add", false, &["ada-1", "bob-1"]) >= 10);
    // One grant of ada's, the older or the newer, besides bob's.
    assert!(kill_everywhere("add again", false, &["bob-1"]) >= 10);
}

#[test]
fn killed_at_any_step_of_a_remove_every_other_grant_is_in_one_file_and_listed() {
    assert!(kill_everywhere("remove", false, &["ada-1"]) >= 3);
}
