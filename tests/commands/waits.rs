//! While another program holds `auth.lock`, every command that waits for it says so on
//! standard error, and goes on once it is free.

use std::fs::File;

use chrono::TimeDelta;
use codex_onboarding::demo::Profile;
use rustix::process::Signal;

use crate::issuer::Route;
use crate::program::{Exited, Program, Run};
use crate::stage::Stage;

/// Releases the lock once the program has named it.
fn release_when_named(stage: &Stage, running: Program, lock: File) -> Exited {
    let path = stage.codex_home().join("auth.lock");
    let notice = format!("Waiting for {}, held by ", path.display());
    running.stderr.hears(&notice);
    assert_eq!(running.stdout.so_far().matches("completed").count(), 0);
    drop(lock);
    let ended = running.ended().succeeded();
    assert_eq!(ended.stderr.matches("Waiting for").count(), 1, "{ended:?}");
    ended
}

#[test]
fn token_names_the_lock_and_prints_the_token_alone() {
    let stage = Stage::with(Profile::default().access_token_lifetime(TimeDelta::minutes(4)));
    stage.sign_in();
    let lock = stage.hold_lock();
    let token = Run::new(&stage, &["token"]).starts();
    let ended = release_when_named(&stage, token, lock);
    let stored = stage.auth_json();
    assert_eq!(ended.stdout.trim_end(), stored["tokens"]["access_token"]);
}

#[test]
fn logout_names_the_lock() {
    let stage = Stage::new();
    stage.sign_in();
    let lock = stage.hold_lock();
    let logout = Run::new(&stage, &["logout"]).starts();
    release_when_named(&stage, logout, lock);
    assert!(!stage.auth_file().exists());
}

#[test]
fn login_names_the_lock_in_words_and_beside_json() {
    for words in [&["login"][..], &["login", "--json"]] {
        let stage = Stage::new();
        let lock = stage.hold_lock();
        let login = Run::new(&stage, words).starts();
        let link = if words.len() == 1 {
            login.link()
        } else {
            login.link_of_event()
        };
        let callback = stage.approve(&link);
        std::thread::scope(|scope| {
            // The page comes once the credentials are on disk.
            let page = scope.spawn(|| stage.browse(&callback));
            release_when_named(&stage, login, lock);
            assert_eq!(page.join().unwrap().status, 200);
        });
        assert!(stage.auth_file().exists());
    }
}

#[test]
fn login_with_an_api_key_names_the_lock() {
    let stage = Stage::new();
    let lock = stage.hold_lock();
    let mut login = Run::new(&stage, &["login", "--with-api-key"])
        .listening()
        .starts();
    login.types("sk-1\n");
    release_when_named(&stage, login, lock);
    assert_eq!(stage.auth_json()["OPENAI_API_KEY"], "sk-1");
}

#[test]
fn a_signal_while_login_waits_ends_the_new_session_at_the_issuer() {
    let stage = Stage::new();
    let _lock = stage.hold_lock();
    let mut login = Run::new(&stage, &["login"]).listening().starts();
    login.types(stage.approve(&login.link()) + "\n");
    login.stderr.hears("Waiting for ");
    login.signal(Signal::INT);
    login.ended().failed(130, "The sign-in was cancelled");
    assert!(!stage.auth_file().exists());
    let ended = stage.issuer.requests_to(Route::Revoke).pop().unwrap();
    let token = ended.param("token").unwrap();
    assert!(!stage.issuer.accepts_refresh_token(token), "it is alive");
}
