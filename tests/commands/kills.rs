//! SIGKILL before every system call of a sign-in and of a removal, against an issuer: between its
//! answer and the save, too.
//!
//! The victim is this test binary again, running [`victim`] alone.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use codex_onboarding::auth::accounts::Accounts;
use codex_onboarding::auth::{Issuer, IssuerUrl, Store};
use codex_onboarding::demo::{CLIENT_ID, Person};
use codex_onboarding::sign_in::{Port, SignIn, SignInOptions, Status};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;

use crate::accounts::{names, profile, refresh_token, with_accounts};
use crate::disk::HookedDisk;
use crate::issuer::Route;
use crate::program::run;
use crate::stage::Stage;

const HOME: &str = "TEST_VICTIM_HOME";
const ISSUER: &str = "TEST_VICTIM_ISSUER";
const OPERATION: &str = "TEST_VICTIM_OPERATION";
const STEP: &str = "TEST_VICTIM_STEP";

#[tokio::test]
#[ignore = "a program that other tests start and kill"]
async fn victim() {
    let variables = [HOME, ISSUER, OPERATION, STEP].map(|name| std::env::var(name).unwrap());
    let [home, issuer, operation, step] = variables;
    let step: usize = step.parse().unwrap();
    let disk = HookedDisk::new(move |count, _| {
        if count == step {
            kill_process(getpid(), Signal::KILL)?;
        }
        Ok(())
    });
    let store = Store::new(home).with_disk(disk);
    let accounts = Accounts::new(store.clone());
    match operation.as_str() {
        "login" => sign_in(&issuer, store).await,
        "remove" => {
            let bob = accounts.find("bob").unwrap();
            let issuer = issuer_at(&issuer);
            let never = std::future::pending();
            let removed = accounts.remove(&bob, Some(&issuer), never).await;
            removed.unwrap();
        }
        _ => {
            let slot = accounts.new_slot().unwrap();
            sign_in(&issuer, slot.store().clone()).await;
            let added = accounts.park(slot, None).await.unwrap();
            if operation == "login --keep" {
                accounts.activate(&added.account).await.unwrap();
            }
        }
    }
}

fn issuer_at(url: &str) -> Issuer {
    Issuer::new(IssuerUrl::parse(url).unwrap(), CLIENT_ID, None)
}

async fn sign_in(issuer: &str, store: Store) {
    let mut options = SignInOptions::new(issuer_at(issuer), store);
    options.port = Port::Exactly(0);
    let mut sign_in = SignIn::start(options).unwrap();
    let person = Person::at(issuer).unwrap();
    let callback = person.approve(&sign_in.link().authorization_url).await;
    sign_in.submit(callback.unwrap().as_str()).unwrap();
    while let Some(status) = sign_in.next().await {
        if let Status::Completed(_) = status {
            return;
        }
    }
    panic!("it did not sign in");
}

fn kill_at(step: usize, stage: &Stage, operation: &str) -> ExitStatus {
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim
        .args(["--exact", "kills::victim", "--ignored"])
        .env(HOME, stage.codex_home())
        .env(ISSUER, stage.issuer.url())
        .env(OPERATION, operation)
        .env(STEP, step.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    victim.status().unwrap()
}

/// What a kill has left.
struct Left {
    stage: Stage,
    /// The refresh tokens by the beginning of the address, before and after.
    before: BTreeMap<String, String>,
    after: BTreeMap<String, String>,
    /// The issuer has answered the request that the operation is about.
    answered: bool,
}

/// Kills the operation, which makes this request, at each step until one run survives.
fn kill_everywhere(operation: &str, route: Route, judge: impl Fn(usize, &Left)) {
    let mut lost = 0;
    for step in 0.. {
        let stage = with_accounts(&["ada", "bob"]);
        let before = grants(&stage);
        stage.issuer.set_profile(profile("cid"));
        let ended = kill_at(step, &stage, operation);
        let left = Left {
            before,
            after: grants(&stage),
            answered: stage.issuer.count(route) == 1,
            stage,
        };
        judge(step, &left);
        is_named_and_cleared(&left.stage);
        if ended.success() {
            assert!(step >= 5 && lost >= 1, "{operation}: {step}, {lost}");
            return;
        }
        assert_eq!(ended.signal(), Some(9), "{operation} {step}");
        lost += usize::from(left.answered && left.after == left.before);
    }
}

/// Each `auth.json` is whole, and for its owner alone where this program wrote it; each account is
/// in one of them, and listed.
fn grants(stage: &Stage) -> BTreeMap<String, String> {
    let mut grants = BTreeMap::new();
    for file in files_below(&stage.codex_home()) {
        if !file.ends_with("auth.json") {
            continue;
        }
        let text = fs::read(&file).unwrap();
        let whole: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(whole["auth_mode"], "chatgpt");
        let account = whole["tokens"]["account_id"].as_str().unwrap();
        let name = account.strip_prefix("acct-").unwrap().to_owned();
        if name == "cid" {
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let earlier = grants.insert(name, refresh_token(&file));
        assert_eq!(earlier, None, "{account} is in two files");
    }
    let mut listed: Vec<_> = names(stage)
        .iter()
        .map(|name| name.trim_end_matches('*').to_owned())
        .collect();
    listed.sort();
    assert!(listed.iter().eq(grants.keys()), "{listed:?} {grants:?}");
    grants
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let below = paths.flat_map(|path| {
        if path.is_dir() {
            files_below(&path)
        } else {
            vec![path]
        }
    });
    below.collect()
}

/// Temporary files, and slots without an account.
fn leftovers(stage: &Stage) -> Vec<PathBuf> {
    let home = stage.codex_home();
    let known = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        path.extension().is_some_and(|it| it == "lock")
            || name == "auth.json"
            || name == "names.json"
    };
    let files = files_below(&home);
    let mut left: Vec<_> = files.into_iter().filter(|path| !known(path)).collect();
    let slots = fs::read_dir(home.join("accounts")).into_iter().flatten();
    let slots = slots.map(|entry| entry.unwrap().path());
    let is_left = |slot: &PathBuf| {
        let is_named = left.iter().any(|path| path.starts_with(slot));
        slot.is_dir() && !slot.join("auth.json").exists() && !is_named
    };
    let slots: Vec<_> = slots.filter(is_left).collect();
    left.extend(slots);
    left
}

fn is_named_and_cleared(stage: &Stage) {
    let report = || {
        let doctor = run(stage, &["doctor", "--offline", "--json"]).json();
        doctor["checks"]["home.leftovers"].clone()
    };
    let left = leftovers(stage);
    if left.is_empty() {
        return;
    }
    let named = report();
    assert_eq!(named["status"], "warning", "{left:?}");
    let named = named["details"]["files"].to_string();
    for path in left {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(named.contains(name), "{name}: {named}");
    }
    // The next change, whatever it is.
    let name = names(stage)[0].trim_end_matches('*').to_owned();
    run(stage, &["accounts", "rename", &name, "other"]).succeeded();
    let left = leftovers(stage);
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(report()["status"], "ok");
}

/// These accounts have the session that they had, and the issuer knows it.
fn have_stayed(step: usize, left: &Left, names: &[&str]) {
    for name in names {
        let token = &left.after[*name];
        assert_eq!(token, &left.before[*name], "{step}");
        assert!(left.stage.issuer.accepts_refresh_token(token), "{step}");
    }
}

/// The new session is a whole one, where it was saved.
fn is_new_or_missing(left: &Left) {
    if let Some(token) = left.after.get("cid") {
        assert!(left.stage.issuer.accepts_refresh_token(token));
    }
}

#[test]
fn killed_anywhere_in_a_login_the_earlier_session_or_the_new_one_is_there() {
    kill_everywhere("login", Route::Token, |step, left| {
        let is_new = left.after.contains_key("cid");
        assert_eq!(is_new, !left.after.contains_key("ada"), "{step}");
        let stayed: &[_] = if is_new { &["bob"] } else { &["ada", "bob"] };
        have_stayed(step, left, stayed);
        is_new_or_missing(left);
    });
}

#[test]
fn killed_anywhere_in_an_add_every_earlier_session_is_there_and_the_new_one_or_none() {
    kill_everywhere("accounts add", Route::Token, |step, left| {
        have_stayed(step, left, &["ada", "bob"]);
        assert_eq!(names(&left.stage)[0], "ada*");
        is_new_or_missing(left);
    });
}

#[test]
fn killed_anywhere_in_a_login_that_keeps_every_earlier_session_is_there() {
    kill_everywhere("login --keep", Route::Token, |step, left| {
        have_stayed(step, left, &["ada", "bob"]);
        is_new_or_missing(left);
    });
}

#[test]
fn killed_anywhere_in_a_remove_the_others_are_there_and_it_can_be_done_again() {
    kill_everywhere("remove", Route::Revoke, |step, left| {
        have_stayed(step, left, &["ada"]);
        if let Some(token) = left.after.get("bob") {
            let is_alive = left.stage.issuer.accepts_refresh_token(token);
            assert_eq!(is_alive, !left.answered, "{step}");
            run(&left.stage, &["accounts", "remove", "bob"]).succeeded();
            assert_eq!(names(&left.stage), ["ada*"]);
        }
    });
}
