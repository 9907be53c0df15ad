//! A keyring that is locked, frozen or not there (threat 27).

use std::os::unix::process::ExitStatusExt as _;

use rustix::process::Signal;
use serde_json::json;

use crate::session_bus::Desktop;

fn with_an_entry(setting: &str) -> Desktop {
    let desktop = Desktop::new(setting);
    desktop.store(&json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-entry"}));
    desktop
}

#[test]
#[ignore = "needs gnome-keyring"]
fn a_locked_keyring_that_cannot_ask_is_a_failure_that_loses_nothing() {
    for setting in ["keyring", "auto"] {
        let desktop = with_an_entry(setting);
        desktop.lock();
        for words in [&["status"][..], &["token"], &["logout"]] {
            desktop
                .run(words)
                .ends()
                .failed(1, "The system's keyring is locked");
        }
        let login = desktop.run(&["login", "--with-api-key"]);
        let refused = login
            .takes(b"sk-new\n")
            .failed(1, "The system's keyring is locked");
        assert!(refused.stderr.contains("Unlock it"), "{refused:?}");
        assert!(!desktop.stage.auth_file().exists());
        let json = desktop
            .run(&["status", "--json"])
            .ends()
            .failed(1, "")
            .json();
        assert_eq!(json["error"]["kind"], "storage");
    }
}

#[test]
#[ignore = "needs gnome-keyring"]
fn a_person_who_may_unlock_it_is_told_and_can_leave() {
    let desktop = with_an_entry("keyring");
    desktop.lock_with_a_prompt_that_nobody_answers();
    for words in [&["token"][..], &["status"], &["login"], &["logout"]] {
        let waiting = desktop.run(words).starts();
        waiting
            .stderr
            .hears("Waiting for the system's keyring: it may have to be unlocked");
        // A shell lets its background jobs, and what they start, ignore SIGINT.
        waiting.signal(Signal::TERM);
        let ended = waiting.ended();
        let code = ended.status.code();
        let killed = ended.status.signal() == Some(Signal::TERM.as_raw());
        assert!(
            matches!(code, Some(130 | 143)) || killed,
            "{words:?}: {ended:?}"
        );
    }
}

#[test]
#[ignore = "needs gnome-keyring"]
fn one_that_is_frozen_does_not_hang_anybody() {
    for setting in ["keyring", "auto"] {
        let desktop = with_an_entry(setting);
        desktop.freeze();
        for words in [&["status"][..], &["token"], &["logout"]] {
            let ended = desktop.run(words).ends();
            ended.failed(1, "The system's keyring does not answer");
        }
    }
}

#[test]
#[ignore = "needs gnome-keyring"]
fn a_bus_without_a_keyring_is_told_from_a_locked_one() {
    let desktop = Desktop::without_keyring("keyring");
    let refused = desktop.run(&["status"]).ends().failed(1, "no keyring");
    assert!(refused.stderr.contains("gnome-keyring"), "{refused:?}");
    desktop.set("auto");
    let login = desktop.run(&["login", "--with-api-key"]);
    let ended = login.takes(b"sk-1\n").succeeded();
    assert!(
        ended
            .stderr
            .contains("no keyring that can be reached: saving in"),
        "{ended:?}"
    );
    assert!(desktop.stage.auth_file().exists());
    let status = desktop.run(&["status", "--json"]).ends().succeeded().json();
    assert_eq!(status["source"], "file");
}

#[test]
#[ignore = "needs gnome-keyring"]
fn an_older_entry_that_is_locked_is_said_and_the_file_counts() {
    let desktop = with_an_entry("file");
    desktop.lock();
    let login = desktop.run(&["login", "--with-api-key"]);
    let ended = login.takes(b"sk-1\n").succeeded();
    assert!(ended.stderr.contains("An older sign-in stays"), "{ended:?}");
    let ended = desktop.run(&["logout"]).ends().succeeded();
    assert!(ended.stderr.contains("An older sign-in stays"), "{ended:?}");
    assert!(!desktop.stage.auth_file().exists());
}
