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
const MOUNTED: &str = "TEST_VICTIM_MOUNTED";

/// Where the files are moved.
#[derive(Clone, Copy, PartialEq)]
enum On {
    /// A file system that swaps two files at once.
    Swapping,
    /// One that takes two renames for it.
    Renaming,
    /// The active file is a mount point.
    Mount,
}

/// This test binary again, to be killed before a step.
fn kill_at(step: usize, home: &Path, operation: &str, on: On) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "kill::victim", "--test-threads=1", "--ignored"])
        .env(HOME, home)
        .env(OPERATION, operation)
        .env(STEP, step.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match on {
        On::Swapping => {}
        On::Renaming => _ = command.env(IN_TWO, ""),
        On::Mount => _ = command.env(MOUNTED, ""),
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
    let kill = move |count, at| {
        if count == step {
            kill_process(getpid(), Signal::KILL)?;
        }
        match at {
            Step::Swap if in_two => Err(io::ErrorKind::Unsupported.into()),
            _ => Ok(()),
        }
    };
    let disk = match std::env::var_os(MOUNTED) {
        Some(_) => HookedDisk::with_mount(Path::new(&home).join("auth.json"), kill),
        None => HookedDisk::new(kill),
    };
    let accounts = accounts(Path::new(&home), disk);
    match operation.as_str() {
        "use" => use_account(&accounts, "bob").await.unwrap(),
        "add" => drop(add(&accounts, "cid", 1).await.unwrap()),
        "add again" => drop(add(&accounts, "ada", 2).await.unwrap()),
        _ => remove(&accounts, "bob").await.unwrap(),
    }
}

/// Kills at each step until one run survives; returns how many died.
fn kill_everywhere(operation: &str, on: On, grants: &[&str]) -> usize {
    for step in 0.. {
        let home = Home::with(&["ada", "bob"]);
        let status = kill_at(step, home.path(), operation, on);
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
    assert!(kill_everywhere("use", On::Swapping, &["ada-1", "bob-1"]) >= 5);
    assert!(kill_everywhere("use", On::Renaming, &["ada-1", "bob-1"]) >= 8);
}

#[test]
fn killed_at_any_step_of_an_add_every_grant_is_in_one_file_and_listed() {
    assert!(kill_everywhere("add", On::Swapping, &["ada-1", "bob-1"]) >= 10);
    // One grant of ada's, the older or the newer, besides bob's.
    assert!(kill_everywhere("add again", On::Swapping, &["bob-1"]) >= 10);
}

#[test]
fn killed_at_any_step_of_a_remove_every_other_grant_is_in_one_file_and_listed() {
    assert!(kill_everywhere("remove", On::Swapping, &["ada-1"]) >= 3);
}

#[tokio::test]
async fn killed_at_any_step_of_a_use_on_a_mount_point_every_grant_is_listed_and_soon_once() {
    for step in 0.. {
        let home = Home::with(&["ada", "bob"]);
        let status = kill_at(step, home.path(), "use", On::Mount);
        let mounted = HookedDisk::with_mount(home.active_file(), |_, _| Ok(()));
        let accounts = accounts(home.path(), mounted);
        let names = || {
            let listed = accounts.list().unwrap().into_iter();
            let mut names: Vec<_> = listed.map(|account| account.name).collect();
            names.sort();
            names
        };
        assert_eq!(names(), ["ada", "bob"], "{step}");
        // The next change, whatever it is.
        let ada = accounts.find("ada").unwrap();
        accounts.rename(&ada, "ada").await.unwrap();
        assert_eq!(names(), ["ada", "bob"], "{step}");
        let seen = home.grants();
        let mut all: Vec<_> = seen.active.iter().chain(&seen.parked).cloned().collect();
        all.sort();
        assert_eq!(all, ["ada-1", "bob-1"], "{step}");
        if status.success() {
            assert_eq!(seen.active.as_deref(), Some("bob-1"));
            assert!(step >= 15, "{step}");
            return;
        }
        assert_eq!(status.signal(), Some(9), "{step}");
    }
}
