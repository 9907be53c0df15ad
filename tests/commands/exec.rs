//! `exec`: a command that runs as one account, beside all others.

use std::os::unix::process::ExitStatusExt as _;

use chrono::{TimeDelta, Utc};
use rustix::process::Signal;
use serde_json::json;

use crate::accounts::{names, park, profile, refresh_token, with_accounts};
use crate::issuer::{Fault, Route};
use crate::program::{Program, Run, run};
use crate::stage::{self, PROGRAM, Stage};

fn slot(stage: &Stage, name: &str) -> std::path::PathBuf {
    let slot = stage.codex_home().join("accounts").join(name);
    slot.canonicalize().unwrap()
}

#[test]
fn the_command_has_the_accounts_folder_as_its_codex_home_and_its_own_arguments() {
    let stage = with_accounts(&["ada", "bob"]);
    let script =
        "echo \"$CODEX_HOME\"; echo \"${CODEX_ONBOARDING_ACCOUNT-unset}\"; echo \"$@\"; exit 7";
    for words in [
        &[
            "--account",
            "bob",
            "--",
            "sh",
            "-c",
            script,
            "x",
            "--json",
            "-v",
        ][..],
        &["--account", "bob", "sh", "-c", script, "x", "--json", "-v"],
        &["sh", "-c", script, "x", "--json", "-v"],
    ] {
        let exec = Run::exec(&stage, words).variable("CODEX_ONBOARDING_ACCOUNT", "bob");
        let ended = exec.ends().failed(7, "");
        let home = slot(&stage, "bob").display().to_string();
        assert_eq!(ended.stdout, format!("{home}\nunset\n--json -v\n"));
        assert_eq!(ended.stderr, "");
    }
    let active = Run::exec(
        &stage,
        &["--account", "ada", "--", "sh", "-c", "echo $CODEX_HOME"],
    );
    let home = stage.codex_home().canonicalize().unwrap();
    assert_eq!(
        active.ends().succeeded().stdout,
        format!("{}\n", home.display())
    );
}

#[test]
fn without_an_account_or_a_command_it_is_a_usage_error() {
    let stage = with_accounts(&["ada", "bob"]);
    Run::exec(&stage, &["true"])
        .ends()
        .failed(2, "--account NAME");
    Run::exec(&stage, &["--account", "bob"])
        .ends()
        .failed(2, "<COMMAND>");
    Run::exec(&stage, &["--account", "zoe", "true"])
        .ends()
        .failed(2, "There are: ada");
}

#[test]
fn a_command_that_is_missing_or_cannot_run_has_the_exit_codes_of_shells() {
    let stage = with_accounts(&["ada", "bob"]);
    let exec = |command: &str| Run::exec(&stage, &["--account", "bob", "--", command]).ends();
    exec("no-such-command").failed(127, "no-such-command was not found");
    exec("/no/such/command").failed(127, "was not found");
    exec("/").failed(126, "cannot be run");
    let file = stage.home().join("not executable");
    std::fs::write(&file, "x").unwrap();
    exec(&file.display().to_string()).failed(126, "cannot be run");
    exec("\u{1b}[2J").failed(127, "was not found");
}

/// Runs a script as the account, and waits until it says that it has started.
pub fn started(stage: &Stage, account: &str, script: &str) -> Program {
    let exec = ["--account", account, "--", "sh", "-c", script];
    let running = Run::exec(stage, &exec).listening().starts();
    running.stdout.hears("started");
    running
}

#[test]
fn a_signal_ends_the_command_itself() {
    let stage = with_accounts(&["ada", "bob"]);
    let running = started(&stage, "bob", "echo started; exec cat");
    running.signal(Signal::TERM);
    assert_eq!(running.ended().status.signal(), Some(15));
}

#[test]
fn while_a_command_runs_its_account_is_neither_used_nor_removed_and_others_are() {
    let stage = with_accounts(&["ada", "bob", "cid"]);
    let mut running = started(&stage, "bob", "echo started; cat; true");
    let pid = running.pid().as_raw_nonzero();
    for words in [["accounts", "use", "bob"], ["accounts", "remove", "bob"]] {
        let ended = run(&stage, &words).failed(1, "bob (bob@example.com) is in use");
        ended.says(&format!("sh (process {pid})"));
    }
    run(&stage, &["accounts", "use", "cid"]).succeeded();
    assert_eq!(names(&stage), ["cid*", "ada", "bob"]);
    running.hangs_up();
    running.ended().succeeded();
    run(&stage, &["accounts", "use", "bob"]).succeeded();
}

#[test]
fn two_accounts_refresh_side_by_side() {
    let stage = with_accounts(&["ada", "bob", "cid"]);
    let before = ["bob", "cid"].map(|name| refresh_token(&slot(&stage, name).join("auth.json")));
    let token = |name| {
        let words = [
            "--account",
            name,
            "--",
            PROGRAM,
            "--issuer",
            stage.issuer.url(),
        ];
        let words = [&words[..], &["token", "--force-refresh"]].concat();
        Run::exec(&stage, &words).starts()
    };
    let running = ["bob", "cid"].map(token);
    let tokens = running.map(|running| running.ended().succeeded().stdout);
    assert_ne!(tokens[0], tokens[1]);
    for (name, before) in ["bob", "cid"].iter().zip(before) {
        let after = refresh_token(&slot(&stage, name).join("auth.json"));
        assert_ne!(after, before);
        assert!(stage.issuer.accepts_refresh_token(&after));
    }
}

#[test]
#[cfg(target_os = "linux")] // Nothing else tells what is ignored.
fn a_signal_that_is_ignored_stays_so_for_the_command_after_a_renewal_too() {
    let stage = with_bobs_token_lasting(1);
    let look = "grep SigIgn /proc/self/status";
    let words = ["--account", "bob", "--", "sh", "-c", look];
    let ended = Run::exec(&stage, &words)
        .after("trap '' HUP INT")
        .ends()
        .succeeded();
    assert_eq!(stage.issuer.count(Route::Token), 1);
    let mask = ended.stdout.trim().rsplit('\t').next().unwrap();
    let mask = u64::from_str_radix(mask, 16).unwrap();
    assert_eq!(mask & 0b11, 0b11, "{ended:?}");
}

#[test]
fn a_file_that_hides_the_codex_homes_own_is_named() {
    let stage = with_accounts(&["ada", "bob"]);
    std::fs::write(stage.codex_home().join("config.toml"), "").unwrap();
    std::fs::write(slot(&stage, "bob").join("config.toml"), "").unwrap();
    let ended = Run::exec(&stage, &["--account", "bob", "true"])
        .ends()
        .succeeded();
    ended.says("the codex home's: config.toml");
}

#[test]
fn where_codex_keeps_credentials_elsewhere_it_refuses_and_says_what_to_set() {
    let stage = with_accounts(&["ada", "bob"]);
    for setting in ["keyring", "auto", "ephemeral"] {
        let text = format!("cli_auth_credentials_store = \"{setting}\"\n");
        std::fs::write(stage.codex_home().join("config.toml"), text).unwrap();
        let ended = Run::exec(&stage, &["--account", "bob", "true"]).ends();
        let ended = ended.failed(1, "cli_auth_credentials_store");
        ended.says("Set it to \"file\"");
    }
}

#[test]
fn a_history_that_is_a_link_makes_no_file_elsewhere() {
    let stage = with_accounts(&["ada", "bob"]);
    let elsewhere = stage.home().join("elsewhere");
    let history = stage.codex_home().join("history.jsonl");
    std::os::unix::fs::symlink(&elsewhere, &history).unwrap();
    Run::exec(&stage, &["--account", "bob", "--", "true"]).ends();
    assert!(!elsewhere.exists(), "the link was followed");
}

/// What `bob`'s session is given: a token of this lifetime.
fn with_bobs_token_lasting(minutes: i64) -> Stage {
    let stage = with_accounts(&["ada"]);
    stage
        .issuer
        .set_profile(profile("bob").access_token_lifetime(TimeDelta::minutes(minutes)));
    let mut file = stage::auth_json(&stage.issuer.issue_tokens(), &Utc::now().to_rfc3339());
    file["tokens"]["account_id"] = json!("acct-bob");
    park(&stage, "bob", &file.to_string());
    stage
        .issuer
        .edit_profile(|profile| profile.access_token_lifetime(TimeDelta::days(10)));
    stage
}

const SHOW_FILE: &[&str] = &[
    "--account",
    "bob",
    "--",
    "sh",
    "-c",
    "cat \"$CODEX_HOME/auth.json\"",
];

#[test]
fn a_token_that_ends_within_ten_minutes_is_renewed_once_before_the_commands_start() {
    let stage = with_bobs_token_lasting(9);
    let running: Vec<_> = (0..4)
        .map(|_| Run::exec(&stage, SHOW_FILE).starts())
        .collect();
    let seen: Vec<_> = running
        .into_iter()
        .map(|it| it.ended().succeeded())
        .collect();
    assert_eq!(stage.issuer.count(Route::Token), 1);
    for ended in seen {
        assert_eq!(ended.stderr, "");
        let token = ended.json()["tokens"]["refresh_token"].clone();
        assert!(stage.issuer.accepts_refresh_token(token.as_str().unwrap()));
    }
}

#[test]
fn a_token_that_lasts_longer_than_ten_minutes_is_left_to_the_command() {
    let stage = with_bobs_token_lasting(11);
    Run::exec(&stage, SHOW_FILE).ends().succeeded();
    assert_eq!(stage.issuer.count(Route::Token), 0);
}

#[test]
fn a_command_runs_although_its_token_could_not_be_renewed() {
    let stage = with_bobs_token_lasting(9);
    stage.issuer.fault_always(Route::Token, Fault::Reset);
    let ended = Run::exec(&stage, SHOW_FILE).ends().succeeded();
    ended.says("warning: Could not renew");
}

#[test]
fn a_signal_while_the_token_is_renewed_keeps_it_and_starts_no_command() {
    let stage = with_bobs_token_lasting(9);
    let gate = stage.issuer.hold(Route::Token);
    let exec = Run::exec(&stage, SHOW_FILE).starts();
    stage::await_request(&gate);
    exec.signal(Signal::TERM);
    gate.release();
    let ended = exec.ended();
    assert_eq!((ended.code(), ended.stdout.as_str()), (143, ""));
    let token = refresh_token(&slot(&stage, "bob").join("auth.json"));
    assert!(stage.issuer.accepts_refresh_token(&token));
}
