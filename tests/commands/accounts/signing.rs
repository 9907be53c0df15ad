//! Signing in to more accounts, and out of some or all.

use serde_json::json;

use super::{auth_json, names, park, parked_file, profile, refresh_token, with_accounts};
use crate::issuer::Route;
use crate::program::{Exited, Run, run};
use crate::stage::Stage;

/// Signs this person in with these words, by a paste.
fn sign_in(stage: &Stage, name: &str, words: &[&str]) -> Exited {
    stage.issuer.set_profile(profile(name));
    let mut login = Run::new(stage, words).listening().starts();
    let callback = stage.approve(&login.link());
    login.types(format!("{callback}\n"));
    login.ended()
}

#[test]
fn add_parks_the_new_account_and_the_active_one_stays_that() {
    let stage = with_accounts(&["ada"]);
    let before = refresh_token(&stage.auth_file());
    let ended = sign_in(&stage, "bob", &["accounts", "add"]).succeeded();
    ended.says("Successfully logged in\nas bob@example.com");
    ended.says("bob is parked");
    ended.says("codex-onboarding accounts remove bob");
    ended.never_says("drops");
    assert_eq!(names(&stage), ["ada*", "bob"]);
    assert_eq!(refresh_token(&stage.auth_file()), before);
    assert_eq!(stage.issuer.count(Route::Revoke), 0);
}

#[test]
fn the_first_account_that_is_added_becomes_the_active_one() {
    let stage = Stage::new();
    let ended = sign_in(&stage, "ada", &["accounts", "add", "--name", "home"]).succeeded();
    ended.says("home is the active account");
    assert_eq!(names(&stage), ["home*"]);
}

#[test]
fn a_name_that_another_account_has_gets_a_number_and_a_bad_one_is_refused_before_the_sign_in() {
    let stage = with_accounts(&["ada"]);
    let ended = sign_in(&stage, "bob", &["accounts", "add", "--name", "ada"]).succeeded();
    ended.says("Another account has that name: this one is named ada-2");
    assert_eq!(names(&stage), ["ada*", "ada-2"]);
    run(&stage, &["accounts", "add", "--name", "a/b"]).failed(2, "cannot name an account");
}

#[test]
fn add_has_the_events_of_login_and_one_of_its_own() {
    let stage = with_accounts(&["ada"]);
    stage.issuer.set_profile(profile("bob"));
    let mut login = Run::new(&stage, &["accounts", "add", "--json"])
        .listening()
        .starts();
    let callback = stage.approve(&login.link_of_event());
    login.types(format!("{callback}\n"));
    let events = login.ended().succeeded().events();
    let kinds: Vec<_> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["url", "completed", "parked"]);
    assert_eq!(
        json!([events[2]["name"], events[2]["active"]]),
        json!(["bob", false])
    );
}

#[test]
fn a_new_sign_in_to_an_account_that_is_there_replaces_it() {
    let stage = with_accounts(&["ada", "bob"]);
    let old = stage.codex_home().join("accounts/bob/auth.json");
    let before = refresh_token(&old);
    sign_in(&stage, "bob", &["accounts", "add"]).succeeded();
    assert_eq!(names(&stage), ["ada*", "bob"]);
    let after = refresh_token(&old);
    assert_ne!(after, before);
    assert!(stage.issuer.accepts_refresh_token(&after));
}

#[test]
fn an_api_key_can_be_added_and_is_an_account_of_its_own() {
    let stage = with_accounts(&["ada"]);
    let add = Run::new(&stage, &["accounts", "add", "--with-api-key"]);
    add.takes(b"sk-test-1\n").succeeded();
    assert_eq!(names(&stage), ["ada*", "api-key"]);
    let token = run(&stage, &["token", "--account", "api-key"]).succeeded();
    assert_eq!(token.stdout, "sk-test-1\n");
}

#[test]
fn an_add_that_fails_leaves_everything_as_it_was() {
    let stage = with_accounts(&["ada"]);
    let refused = Run::new(&stage, &["accounts", "add", "--with-api-key"]);
    refused.takes(b"sk blank\n").failed(1, "a space");
    run(&stage, &["accounts", "add", "--timeout", "1ms"]).failed(1, "Nobody signed in");
    let slots = std::fs::read_dir(stage.codex_home().join("accounts")).unwrap();
    assert_eq!(slots.count(), 0);
    assert_eq!(names(&stage), ["ada*"]);
}

#[test]
fn login_replaces_and_with_keep_it_parks() {
    let stage = with_accounts(&["ada"]);
    let ended = sign_in(&stage, "bob", &["login", "--keep"]).succeeded();
    ended.says("Parked: ada (ada@example.com)");
    ended.says("codex-onboarding accounts use ada");
    ended.never_says("drops");
    assert_eq!(names(&stage), ["bob*", "ada"]);
    sign_in(&stage, "cid", &["login"]).succeeded();
    assert_eq!(names(&stage), ["cid*", "ada"]);
    // The same account again: nothing to park.
    sign_in(&stage, "cid", &["login", "--keep"]).succeeded();
    assert_eq!(names(&stage), ["cid*", "ada"]);
}

#[test]
fn remove_ends_one_session_and_no_other() {
    let stage = with_accounts(&["ada", "bob", "cid"]);
    let file = |name| parked_file(&stage, name);
    let [bob, cid] = ["bob", "cid"].map(|name| refresh_token(&file(name)));
    let ended = run(&stage, &["accounts", "remove", "bob"]).succeeded();
    ended.says("Successfully logged out: bob (bob@example.com)");
    // The option is the same one; the command is not.
    ended.says("(--local signs out here only.)");
    assert!(!stage.issuer.accepts_refresh_token(&bob));
    assert!(stage.issuer.accepts_refresh_token(&cid));
    run(&stage, &["accounts", "remove", "cid", "--local"]).succeeded();
    assert!(stage.issuer.accepts_refresh_token(&cid));
    assert_eq!(names(&stage), ["ada*"]);
    run(&stage, &["accounts", "remove", "ada"]).succeeded();
    assert!(!stage.auth_file().exists());
    assert_eq!(stage.issuer.count(Route::Revoke), 2);
}

#[test]
fn logout_signs_the_active_one_out_and_says_which_are_left() {
    let stage = with_accounts(&["ada", "bob"]);
    let ended = run(&stage, &["logout"]).succeeded();
    ended.says("Successfully logged out\n");
    ended.says("Still parked: bob (bob@example.com)");
    assert_eq!(names(&stage), ["bob"]);
    let nobody = run(&stage, &["logout"]).succeeded();
    nobody.says("Not logged in\nStill parked: bob");
    run(&stage, &["logout", "--account", "bob"]).succeeded();
    assert!(names(&stage).is_empty());
}

#[test]
fn logout_all_signs_everybody_out_and_keeps_what_is_damaged_by_name() {
    let stage = with_accounts(&["ada", "bob"]);
    let tokens = ["auth.json", "accounts/bob/auth.json"]
        .map(|path| refresh_token(&stage.codex_home().join(path)));
    let damaged = park(&stage, "x", "{");
    let ended = run(&stage, &["logout", "--all"]).failed(1, "x was kept");
    ended.says("damaged at line 1");
    assert!(damaged.exists());
    assert_eq!(names(&stage), ["x"]);
    for token in tokens {
        assert!(!stage.issuer.accepts_refresh_token(&token));
    }
    run(&stage, &["accounts", "remove", "x"]).succeeded();
    let nobody = run(&stage, &["logout", "--all"]).succeeded();
    nobody.says("Not logged in");
    // No account, but tokens all the same.
    let left = stage.codex_home().join("auth.json.damaged");
    std::fs::write(&left, "{").unwrap();
    run(&stage, &["logout", "--all"]).succeeded();
    assert!(!left.exists());
    run(&stage, &["logout", "--all", "--account", "x"]).failed(2, "cannot be used with");
}

#[test]
fn a_damaged_file_still_tells_the_issuer_which_session_ends() {
    let stage = with_accounts(&["ada"]);
    let file = auth_json(&stage, "bob");
    let text = file.to_string();
    park(&stage, "x", &text[..text.len() - 2]);
    assert_eq!(names(&stage), ["ada*", "account"]);
    run(&stage, &["accounts", "remove", "account"]).succeeded();
    let token = file["tokens"]["refresh_token"].as_str().unwrap();
    assert!(!stage.issuer.accepts_refresh_token(token));
}
