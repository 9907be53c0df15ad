//! `logout`: the session is revoked and the file removed; neither has to be there.

use rustix::process::Signal;

use crate::issuer::{Fault, Route};
use crate::program::{Run, run};
use crate::stage::{Stage, await_request};

const DONE: &str = "Successfully logged out\n";

#[test]
fn the_session_is_revoked_and_the_file_removed() {
    let stage = Stage::new();
    let tokens = stage.sign_in();
    let ended = run(&stage, &["logout"]).succeeded();
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.starts_with("The session has ended everywhere"));
    assert!(ended.stderr.contains("--local") && ended.stderr.ends_with(DONE));
    assert!(!stage.auth_file().exists());
    assert!(!stage.issuer.accepts_refresh_token(&tokens.refresh_token));
    let requests = stage.issuer.requests_to(Route::Revoke);
    assert_eq!(requests.len(), 1);
    assert_eq!(
        requests[0].param("token"),
        Some(tokens.refresh_token.as_str())
    );
    assert_eq!(requests[0].param("token_type_hint"), Some("refresh_token"));
    run(&stage, &["status"]).failed(1, "");
}

#[test]
fn a_local_logout_removes_the_file_and_leaves_the_session_alive() {
    let stage = Stage::new();
    let tokens = stage.sign_in();
    let ended = run(&stage, &["logout", "--local"]).succeeded();
    ended.says("stays alive at the issuer");
    assert!(!stage.auth_file().exists());
    assert!(stage.issuer.requests().is_empty());
    assert!(stage.issuer.accepts_refresh_token(&tokens.refresh_token));
    let ended = run(&stage, &["logout", "--local"]).succeeded();
    assert_eq!(ended.stderr, "Not logged in\n");
}

#[test]
fn who_is_not_logged_in_has_not_failed() {
    let stage = Stage::new();
    let ended = run(&stage, &["logout"]).succeeded();
    assert_eq!(ended.stderr, "Not logged in\n");
    let ended = Run::new(&stage, &["logout"])
        .variable("OPENAI_API_KEY", "sk-secret")
        .ends()
        .succeeded();
    let said = "Not logged in\nOPENAI_API_KEY is still set in the environment\n";
    assert_eq!(ended.stderr, said);
    assert!(stage.issuer.requests().is_empty());
}

#[test]
fn where_nobody_can_look_nobody_is_said_to_be_logged_out() {
    let stage = Stage::new();
    std::fs::write(stage.codex_home(), "a file").unwrap();
    for words in [&["logout"][..], &["logout", "--all"], &["status"]] {
        run(&stage, words).failed(1, "is not a folder");
    }
}

#[test]
fn the_file_goes_whatever_the_issuer_says() {
    for fault in [
        Fault::Reset,
        Fault::Status(500, "{}".to_owned()),
        Fault::HostileText,
    ] {
        let stage = Stage::new();
        stage.sign_in();
        stage.issuer.fault(Route::Revoke, fault);
        let ended = run(&stage, &["logout"]).succeeded();
        assert!(
            ended
                .stderr
                .starts_with("warning: could not end the session at the issuer"),
            "{ended:?}"
        );
        assert!(ended.stderr.ends_with(DONE), "{ended:?}");
        assert!(
            ended.stderr.chars().all(|c| c == '\n' || !c.is_control()),
            "{ended:?}"
        );
        assert!(!stage.auth_file().exists());
    }
}

#[test]
fn an_api_key_goes_without_a_request() {
    let stage = Stage::new();
    stage.write_auth_file(r#"{"OPENAI_API_KEY":"sk-file"}"#);
    assert_eq!(run(&stage, &["logout"]).succeeded().stderr, DONE);
    assert!(!stage.auth_file().exists());
    assert!(stage.issuer.requests().is_empty());
}

#[test]
fn a_damaged_file_goes_and_is_said_to() {
    let stage = Stage::new();
    stage.write_auth_file("{\n  damaged");
    let ended = run(&stage, &["logout"]).succeeded();
    ended.says("line 2, column 3");
    ended.says(": removed\n");
    assert!(ended.stderr.ends_with(DONE), "{ended:?}");
    assert!(!stage.auth_file().exists());
}

#[test]
fn a_link_goes_with_its_target() {
    let stage = Stage::new();
    stage.sign_in();
    let target = stage.home().join("dotfiles.json");
    std::fs::rename(stage.auth_file(), &target).unwrap();
    std::os::unix::fs::symlink(&target, stage.auth_file()).unwrap();
    run(&stage, &["logout"]).succeeded();
    assert!(!target.exists() && !stage.auth_file().is_symlink());
}

#[test]
fn a_signal_makes_it_hurry_and_leaves_nothing_half_done() {
    let stage = Stage::new();
    stage.sign_in();
    let gate = stage.issuer.hold(Route::Revoke);
    let logout = Run::new(&stage, &["logout"]).starts();
    await_request(&gate);
    logout.signal(Signal::INT);
    let ended = logout.ended().succeeded();
    assert!(ended.stderr.ends_with(DONE), "{ended:?}");
    assert!(!stage.auth_file().exists());
    drop(gate);
}

#[test]
fn a_signal_while_it_waits_leaves_everything_and_decides_the_exit_code() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let stage = Stage::new();
        stage.sign_in();
        let _lock = stage.hold_lock();
        for words in [&["logout"][..], &["logout", "--all"]] {
            let logout = Run::new(&stage, words).starts();
            logout.stderr.hears("Waiting for ");
            logout.signal(signal);
            logout.ended().failed(code, "You are still signed in");
            assert!(stage.auth_file().exists());
        }
    }
}

#[test]
fn what_an_ephemeral_store_finds_from_before_is_revoked_and_goes() {
    let stage = Stage::new();
    let tokens = stage.sign_in();
    let setting = "cli_auth_credentials_store = \"ephemeral\"";
    std::fs::write(stage.codex_home().join("config.toml"), setting).unwrap();
    run(&stage, &["logout"]).succeeded();
    assert!(!stage.auth_file().exists());
    assert!(!stage.issuer.accepts_refresh_token(&tokens.refresh_token));
}

#[test]
fn signing_out_of_all_leaves_no_token_anywhere() {
    let stage = Stage::new();
    stage.sign_in();
    let left = [
        ".auth-a1B2c3",
        ".auth.json.x1.tmp",
        "auth.json.damaged",
        "accounts/killed/.auth.json.x2.tmp",
        "accounts/killed/.auth-d4E5f6",
        "accounts/killed/auth.json.damaged",
        "accounts/.names.json.x3.tmp",
    ];
    let killed = stage.codex_home().join("accounts/killed");
    std::fs::create_dir_all(&killed).unwrap();
    for name in left {
        std::fs::write(stage.codex_home().join(name), "token").unwrap();
    }
    let doctor = run(&stage, &["doctor", "--offline", "--json"]).json();
    let listed = &doctor["checks"]["home.leftovers"]["details"]["files"];
    assert_eq!(listed.as_array().unwrap().len(), left.len(), "{listed}");
    run(&stage, &["logout", "--all"]).succeeded();
    for name in left {
        assert!(!stage.codex_home().join(name).exists(), "{name}");
    }
    assert!(!killed.exists());
    assert!(!stage.auth_file().exists());
    let doctor = run(&stage, &["doctor", "--offline", "--json"]).json();
    assert_eq!(
        doctor["checks"]["home.leftovers"]["status"], "ok",
        "{doctor}"
    );
}
