//! Several accounts in one conversation: used, added, kept and removed.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use codex_onboarding::demo::Profile;
use codex_onboarding::onboarding::Ended;
use serde_json::{Value, json};

use crate::executable;
use crate::issuer::Route;
use crate::stage::{Stage, auth_json};
use crate::talk::Talk;

const OPEN: &str = "open the following link to authenticate:";

pub fn profile(name: &str) -> Profile {
    Profile::default()
        .email(format!("{name}@example.com"))
        .account_id(format!("acct-{name}"))
}

fn file_of(stage: &Stage, name: &str) -> Value {
    stage.issuer.set_profile(profile(name));
    let now = chrono::Utc::now().to_rfc3339();
    let mut file = auth_json(&stage.issuer.issue_tokens(), &now);
    file["tokens"]["account_id"] = json!(format!("acct-{name}"));
    file
}

/// The first one active, the others parked in slots of their names.
pub fn with_accounts(names: &[&str]) -> Stage {
    let stage = Stage::new();
    for (number, name) in names.iter().enumerate() {
        let file = file_of(&stage, name).to_string();
        if number == 0 {
            stage.write_auth_file(&file);
        } else {
            let folder = stage.codex_home().join("accounts").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("auth.json"), file).unwrap();
        }
    }
    stage
}

fn parked(stage: &Stage) -> Vec<PathBuf> {
    let slots = std::fs::read_dir(stage.codex_home().join("accounts")).unwrap();
    let files = slots.map(|entry| entry.unwrap().path().join("auth.json"));
    files.filter(|file| file.exists()).collect()
}

fn is_alive(stage: &Stage, file: &Value) -> bool {
    let token = file["tokens"]["refresh_token"].as_str().unwrap();
    stage.issuer.accepts_refresh_token(token)
}

fn active(stage: &Stage) -> Value {
    stage.auth_json()["tokens"]["account_id"].clone()
}

/// Signs in as this person, from the account screen.
fn signs_in(stage: &Stage, talk: &mut Talk, name: &str, choice: &str) {
    stage.issuer.set_profile(profile(name));
    talk.answer(choice);
    talk.hears("Type 1, 2 or 3");
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    stage.browse(&stage.approve(&link));
}

#[test]
fn another_account_is_used_and_the_active_one_is_parked() {
    let stage = with_accounts(&["ada", "bob"]);
    let mut talk = Talk::start(&stage);
    let list = talk.hears("Type 1, 2, 3 or 4, or q to quit and stay signed in:");
    for line in [
        "1. Keep ada, the active account.",
        "2. Use bob (bob@example.com).",
        "3. Add an account.",
        "4. Sign out of ada.",
    ] {
        assert!(list.contains(line), "{list}");
    }
    talk.answer("2");
    talk.hears("This is now the active account");
    assert_eq!(active(&stage), "acct-bob");
    talk.answer("2");
    talk.hears("1. Keep ada, the active account.");
    talk.answer("1");
    assert_eq!(talk.ended().0, Ended::SignedIn);
    assert_eq!(active(&stage), "acct-ada");
    assert_eq!(parked(&stage).len(), 1);
}

#[test]
fn an_account_that_is_added_becomes_the_active_one_and_the_other_is_kept() {
    let stage = with_accounts(&["ada"]);
    let ada = stage.auth_json();
    let mut talk = Talk::start(&stage);
    signs_in(&stage, &mut talk, "bob", "2");
    talk.hears("Keep ada (ada@example.com)?");
    talk.hears("You are now signed in as bob@example.com.");
    // Whatever is answered, everything is on disk already.
    assert_eq!(active(&stage), "acct-bob");
    assert_eq!(parked(&stage).len(), 1);
    talk.answer("nonsense");
    talk.hears("That is not one of the answers here.");
    talk.answer("1");
    assert_eq!(talk.ended().0, Ended::SignedIn);
    assert_eq!(parked(&stage).len(), 1);
    assert!(is_alive(&stage, &ada) && is_alive(&stage, &stage.auth_json()));
}

#[test]
fn the_account_from_before_is_removed_where_that_is_wanted_and_its_session_lives_on() {
    let stage = with_accounts(&["ada"]);
    let ada = stage.auth_json();
    let mut talk = Talk::start(&stage);
    signs_in(&stage, &mut talk, "bob", "2");
    talk.hears("Keep ada");
    talk.answer("n");
    assert_eq!(talk.ended().0, Ended::SignedIn);
    assert!(parked(&stage).is_empty());
    assert_eq!(active(&stage), "acct-bob");
    assert!(is_alive(&stage, &ada));
    assert_eq!(stage.issuer.count(Route::Revoke), 0);
}

#[test]
fn whoever_goes_away_at_the_question_has_kept_both() {
    let stage = with_accounts(&["ada"]);
    let mut talk = Talk::start(&stage);
    signs_in(&stage, &mut talk, "bob", "2");
    talk.hears("Keep ada");
    talk.hang_up();
    assert_eq!(talk.ended().0, Ended::SignedIn);
    assert_eq!(active(&stage), "acct-bob");
    assert_eq!(parked(&stage).len(), 1);
}

#[test]
fn the_same_account_again_asks_nothing() {
    let stage = with_accounts(&["ada"]);
    let mut talk = Talk::start(&stage);
    signs_in(&stage, &mut talk, "ada", "2");
    let (ended, said) = talk.ended();
    assert_eq!(ended, Ended::SignedIn);
    assert!(!said.contains("Keep ada"), "{said}");
    assert!(parked(&stage).is_empty());
    assert!(is_alive(&stage, &stage.auth_json()));
}

#[test]
fn a_sign_in_that_is_cancelled_leaves_no_trace() {
    let stage = with_accounts(&["ada"]);
    let ada = stage.auth_json();
    let mut talk = Talk::start(&stage);
    talk.answer("2");
    talk.answer("1");
    talk.hears(OPEN);
    talk.answer("c");
    talk.hears("b to go back to the account");
    talk.answer("q");
    talk.ended();
    assert_eq!(stage.auth_json(), ada);
    let slots = std::fs::read_dir(stage.codex_home().join("accounts")).unwrap();
    assert_eq!(slots.count(), 0);
}

#[test]
fn after_signing_out_the_parked_accounts_are_offered() {
    let stage = with_accounts(&["ada", "bob"]);
    let mut talk = Talk::start(&stage);
    talk.answer("4");
    talk.hears("Type y to sign out");
    talk.answer("y");
    talk.hears("No account is active");
    talk.hears("1. Use bob (bob@example.com).");
    assert!(!stage.auth_file().exists());
    talk.answer("1");
    talk.hears("This is now the active account");
    talk.answer("q");
    assert_eq!(talk.ended().0, Ended::SignedIn);
    assert_eq!(active(&stage), "acct-bob");
}

#[test]
fn programs_that_hold_the_active_account_are_named_first() {
    let stage = with_accounts(&["ada", "bob"]);
    let codex = stage.home().join("codex-bin").join("codex");
    std::fs::create_dir(codex.parent().unwrap()).unwrap();
    executable::write(&codex, std::fs::read("/bin/cat").unwrap());
    let mut running = Command::new(&codex)
        .env("CODEX_HOME", stage.codex_home())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut talk = Talk::start(&stage);
    talk.answer("2");
    talk.hears("Use bob (bob@example.com)?");
    talk.hears(&format!(
        "The active account is still used by a running Codex (pid {})",
        running.id()
    ));
    talk.answer("n");
    talk.hears("Type 1, 2, 3 or 4");
    assert_eq!(active(&stage), "acct-ada");
    talk.answer("2");
    talk.hears("Type y to switch anyway");
    talk.answer("y");
    talk.hears("This is now the active account");
    assert_eq!(active(&stage), "acct-bob");
    talk.answer("q");
    talk.ended();
    drop(running.stdin.take());
    running.wait().unwrap();
}

#[test]
fn a_damaged_account_is_named_and_not_offered() {
    let stage = with_accounts(&["ada", "bob"]);
    let bob = stage.codex_home().join("accounts/bob/auth.json");
    std::fs::write(bob, "{").unwrap();
    let mut talk = Talk::start(&stage);
    talk.hears("Note: bob is unusable: ");
    talk.hears("Type 1, 2 or 3");
    talk.answer("q");
    assert_eq!(talk.ended().0, Ended::SignedIn);
}
