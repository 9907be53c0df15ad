//! Inside `exec --account work -- bash` the codex home is one account's folder: commands about a
//! session are about that account's, and commands about accounts are about all of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::accounts::{names, park, profile, refresh_token, with_accounts};
use crate::issuer::Route;
use crate::program::{Exited, Run, run};
use crate::stage::{PROGRAM, Stage};

/// A run whose `CODEX_HOME` this is.
fn in_home(stage: &Stage, home: impl Into<OsString>, words: &[&str]) -> Run {
    let issuer = ["--issuer", stage.issuer.url(), "--port", "0"];
    let run = Run::bare(&[&issuer[..], words].concat());
    let run = stage
        .environment()
        .into_iter()
        .fold(run, |run, (name, value)| run.variable(&name, value));
    run.variable("CODEX_HOME", home.into())
}

fn in_slot(stage: &Stage, name: &str, words: &[&str]) -> Exited {
    in_home(stage, slot(stage, name), words).ends()
}

fn slot(stage: &Stage, name: &str) -> PathBuf {
    stage.codex_home().join("accounts").join(name)
}

fn sign_in(stage: &Stage, home: &Path, name: &str, words: &[&str]) -> Exited {
    stage.issuer.set_profile(profile(name));
    let mut login = in_home(stage, home, words).listening().starts();
    let callback = stage.approve(&login.link());
    login.types(format!("{callback}\n"));
    login.ended()
}

/// No account has accounts of its own.
fn nothing_is_in_the_slot(stage: &Stage, name: &str) {
    let slot = slot(stage, name);
    assert!(!slot.join("accounts").exists());
    assert!(!slot.join("pending-sign-in.json").exists());
}

#[test]
fn accounts_are_those_of_the_codex_home_whichever_way_a_slot_is_named() {
    let stage = with_accounts(&["ada", "bob"]);
    let link = stage.home().join("link");
    std::os::unix::fs::symlink(slot(&stage, "bob"), &link).unwrap();
    let outer = run(&stage, &["accounts", "--json"]).succeeded().stdout;
    let by = |home: PathBuf| in_home(&stage, home, &["accounts", "--json"]).ends();
    let bob = slot(&stage, "bob");
    for home in [
        bob.clone(),
        bob.join(""),
        bob.join("."),
        link,
        slot(&stage, "gone"),
    ] {
        assert_eq!(by(home.clone()).succeeded().stdout, outer, "{home:?}");
    }
    let flag = bob.display().to_string();
    let listed = Run::bare(&["accounts", "--json", "--codex-home", &flag]).ends();
    assert_eq!(listed.succeeded().stdout, outer);
    let text = in_slot(&stage, "bob", &["accounts"]).succeeded();
    text.says("CODEX_HOME names one account's folder");
}

#[test]
fn a_folder_that_is_only_called_like_a_slot_is_a_home_of_its_own() {
    let stage = Stage::new();
    let home = slot(&stage, "x");
    std::fs::create_dir_all(&home).unwrap();
    let file = crate::accounts::auth_json(&stage, "ada").to_string();
    std::fs::write(home.join("auth.json"), file).unwrap();
    let status = in_slot(&stage, "x", &["status", "--json"])
        .succeeded()
        .json();
    assert_eq!(status["path"], json!(home.join("auth.json")));
    in_slot(&stage, "x", &["logout"]).succeeded();
    assert!(!home.join("auth.json").exists());
}

#[test]
fn status_token_and_lend_are_about_the_slots_account_unless_another_is_named() {
    let stage = with_accounts(&["ada", "bob"]);
    let who = |words: &[&str]| {
        let status = in_slot(&stage, "bob", words).succeeded().json();
        status["email"].as_str().unwrap().to_owned()
    };
    assert_eq!(who(&["status", "--json"]), "bob@example.com");
    assert_eq!(
        who(&["status", "--json", "--account", "ada"]),
        "ada@example.com"
    );
    let variable = in_home(&stage, slot(&stage, "bob"), &["status", "--json"]);
    let variable = variable.variable("CODEX_ONBOARDING_ACCOUNT", "ada").ends();
    assert_eq!(variable.succeeded().json()["email"], "ada@example.com");

    let token = |words: &[&str]| in_slot(&stage, "bob", words).succeeded().stdout;
    let bobs = run(&stage, &["token", "--account", "bob"])
        .succeeded()
        .stdout;
    assert_eq!(token(&["token"]), bobs);
    let before = refresh_token(&slot(&stage, "bob").join("auth.json"));
    let renewed = token(&["token", "--force-refresh"]);
    assert_ne!(renewed, bobs);
    assert_ne!(
        refresh_token(&slot(&stage, "bob").join("auth.json")),
        before
    );
    assert!(token(&["lend"]).contains(renewed.trim()));
    in_slot(
        &stage,
        "bob",
        &["lend", "--to", &slot(&stage, "new").display().to_string()],
    )
    .failed(1, "holds the accounts of this machine");
    nothing_is_in_the_slot(&stage, "bob");
}

#[test]
fn accounts_are_added_used_renamed_and_removed_in_the_codex_home() {
    let stage = with_accounts(&["ada", "bob"]);
    let bob = slot(&stage, "bob");
    sign_in(&stage, &bob, "cid", &["accounts", "add"]).succeeded();
    assert_eq!(names(&stage), ["ada*", "bob", "cid"]);
    in_slot(&stage, "bob", &["accounts", "rename", "cid", "work"]).succeeded();
    in_slot(&stage, "bob", &["accounts", "use", "work"]).succeeded();
    assert_eq!(names(&stage), ["work*", "ada", "bob"]);
    in_slot(&stage, "bob", &["accounts", "remove", "ada"]).succeeded();
    assert_eq!(names(&stage), ["work*", "bob"]);
    sign_in(&stage, &bob, "dan", &["login", "--keep"]).succeeded();
    assert_eq!(names(&stage), ["dan*", "bob", "work"]);
    nothing_is_in_the_slot(&stage, "bob");
}

#[test]
fn login_renews_the_slots_account_and_parks_anybody_else() {
    let stage = with_accounts(&["ada", "bob"]);
    let bob = slot(&stage, "bob");
    let [ada_before, bob_before] =
        [stage.auth_file(), bob.join("auth.json")].map(|file| refresh_token(&file));
    sign_in(&stage, &bob, "bob", &["login"]).succeeded();
    assert_ne!(refresh_token(&bob.join("auth.json")), bob_before);
    sign_in(&stage, &bob, "cid", &["login"]).succeeded();
    assert_eq!(names(&stage), ["ada*", "bob", "cid"]);
    assert_eq!(refresh_token(&stage.auth_file()), ada_before);
    let key = in_home(&stage, &bob, &["login", "--with-api-key"]);
    key.takes(b"sk-test-1\n").succeeded();
    assert_eq!(names(&stage), ["ada*", "api-key", "bob", "cid"]);
    nothing_is_in_the_slot(&stage, "bob");
}

#[test]
fn login_renews_the_account_of_the_command_that_it_runs_in() {
    let stage = with_accounts(&["ada", "bob"]);
    std::fs::remove_file(stage.auth_file()).unwrap();
    std::fs::write(stage.codex_home().join("accounts/names.json"), "{}").unwrap();
    let script = format!("{PROGRAM} --issuer {} --port 0 login", stage.issuer.url());
    let before = refresh_token(&slot(&stage, "bob").join("auth.json"));
    stage.issuer.set_profile(profile("bob"));
    let exec = ["--account", "bob", "--", "sh", "-c", &script];
    let mut login = Run::exec(&stage, &exec).listening().starts();
    let callback = stage.approve(&login.link());
    login.types(format!("{callback}\n"));
    let ended = login.ended().succeeded();
    ended.never_says("error:");
    assert_ne!(
        refresh_token(&slot(&stage, "bob").join("auth.json")),
        before
    );
    assert_eq!(names(&stage), ["bob"]);
}

#[test]
fn a_sign_in_that_is_left_in_a_slot_is_finished_in_the_codex_home() {
    let stage = with_accounts(&["ada", "bob"]);
    let left = in_slot(&stage, "bob", &["login", "--no-wait", "--json"]).succeeded();
    assert!(stage.codex_home().join("pending-sign-in.json").exists());
    nothing_is_in_the_slot(&stage, "bob");
    stage.issuer.set_profile(profile("cid"));
    let link = left.events()[0]["url"].as_str().unwrap().to_owned();
    let callback = stage.approve(&link);
    run(&stage, &["login", "--resume", &callback]).succeeded();
    assert_eq!(names(&stage), ["ada*", "bob", "cid"]);
}

#[test]
fn logout_signs_out_the_slots_account_alone_and_nobody_where_it_has_gone() {
    let stage = with_accounts(&["ada", "bob", "cid"]);
    in_slot(&stage, "bob", &["logout"]).succeeded();
    assert_eq!(names(&stage), ["ada*", "cid"]);
    assert_eq!(stage.issuer.count(Route::Revoke), 1);
    for words in [&["logout"][..], &["logout", "--local"]] {
        let again = in_slot(&stage, "bob", words).succeeded();
        again.says("Not logged in");
    }
    in_slot(&stage, "bob", &["status"]).failed(1, "");
    in_slot(&stage, "bob", &["token"]).failed(1, "Not logged in");
    in_slot(&stage, "bob", &["lend"]).failed(1, "Not logged in");
    in_slot(&stage, "bob", &["exec", "--", "true"]).failed(2, "--account NAME");
    assert_eq!(names(&stage), ["ada*", "cid"]);
    in_slot(&stage, "cid", &["logout", "--all"]).succeeded();
    assert_eq!(names(&stage), [""; 0]);
    assert!(!stage.auth_file().exists());
}

#[test]
fn logout_within_a_command_names_that_command_and_not_itself() {
    let stage = with_accounts(&["ada", "bob"]);
    let script = format!("{PROGRAM} --issuer {} logout; true", stage.issuer.url());
    let exec = ["--account", "bob", "--", "sh", "-c", &script];
    let refused = Run::exec(&stage, &exec).ends().succeeded();
    let who = "bob (bob@example.com) is in use by sh (process ";
    refused.says(who);
    assert!(!refused.stderr.contains("), "), "{refused:?}");
    assert_eq!(names(&stage), ["ada*", "bob"]);
    let alone = ["--account", "bob", "--", PROGRAM, "logout", "--local"];
    Run::exec(&stage, &alone).ends().failed(1, "in use by");
}

#[test]
fn a_command_within_a_command_runs_as_its_account_or_as_another() {
    let stage = with_accounts(&["ada", "bob"]);
    let home = |words: &[&str]| {
        let exec = in_home(&stage, slot(&stage, "bob"), words)
            .ends()
            .succeeded();
        PathBuf::from(exec.stdout.trim())
    };
    let print = ["sh", "-c", "echo $CODEX_HOME"];
    let same = home(&[&["exec", "--"][..], &print].concat());
    assert_eq!(same, slot(&stage, "bob").canonicalize().unwrap());
    let other = home(&[&["exec", "--account", "ada", "--"][..], &print].concat());
    assert_eq!(other, stage.codex_home().canonicalize().unwrap());
    nothing_is_in_the_slot(&stage, "bob");
}

#[test]
fn if_needed_asks_whether_the_slots_account_is_signed_in() {
    let stage = with_accounts(&["ada", "bob"]);
    in_slot(&stage, "bob", &["--if-needed"]).succeeded();
    in_slot(&stage, "gone", &["--if-needed"]).failed(2, "needs a terminal");
    std::fs::remove_file(stage.auth_file()).unwrap();
    std::fs::write(slot(&stage, "names.json"), "{}").unwrap();
    in_slot(&stage, "bob", &["--if-needed"]).succeeded();
}

#[test]
fn doctor_examines_the_codex_home_and_says_how_it_was_named() {
    let stage = with_accounts(&["ada", "bob"]);
    let report = in_slot(&stage, "bob", &["doctor", "--offline", "--json"]).json();
    let details = &report["checks"]["home.folder"]["details"];
    assert_eq!(
        details["namedBy"],
        "CODEX_HOME, which is one account's folder"
    );
    assert_eq!(details["path"], "~/codex");
    park(&stage, "dan", "{damaged");
    let report = in_slot(&stage, "bob", &["doctor", "--offline", "--json"]).json();
    assert_ne!(report["checks"]["credentials.accounts"]["status"], "ok");
}
