//! Text from an issuer, a file or the environment is shown, and moves, hides and reorders
//! nothing (threat 19).

use codex_onboarding::demo::Profile;
use serde_json::json;

use crate::issuer::{Fault, HOSTILE_TEXT, Route};
use crate::pty::Pty;
use crate::session::{Place, launch, start, wait_for_link, walk, welcome};
use crate::stage::Stage;

/// The effects that the hostile text would have on the terminal.
const POISON: [&str; 7] = [
    "\x1b]0;", "\u{7}", "\u{9b}", "\u{202e}", "\u{202c}", "\u{200b}", "\u{feff}",
];

/// Hostile, and short enough for every place.
const SHORT: &str = "\x1b[2J\x1b]0;owned\u{7}\u{9b}31m\u{202e}live\u{202c}\u{200b}\u{feff}\r\nfake";

fn is_harmless(pty: &Pty) {
    let output = String::from_utf8(pty.output()).unwrap();
    for poison in POISON {
        assert!(
            !output.contains(poison),
            "{poison:?} reached the terminal:\n{}",
            pty.text()
        );
    }
    assert!(pty.screen().alternate_screen());
}

#[test]
fn an_account_in_the_words_of_its_issuer() {
    for hostile in [HOSTILE_TEXT, SHORT] {
        let profile = Profile::default()
            .email(hostile)
            .plan(hostile)
            .account_id(hostile);
        let stage = Stage::with(profile);
        let mut pty = launch(&stage).start();
        walk(&stage, &mut pty, Place::Success);
        is_harmless(&pty);
        pty.send("\r");
        assert_eq!(pty.ended().code, 0);
        // And the next time, from the file.
        let pty = launch(&stage).start();
        pty.sees("Keep this account");
        is_harmless(&pty);
    }
}

#[test]
fn a_refusal_at_the_token_endpoint() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    stage.issuer.fault(Route::Token, Fault::HostileText);
    let link = wait_for_link(&mut pty);
    stage.browse(&stage.approve(&link));
    pty.sees("Sign-in did not complete");
    pty.sees("<script>");
    is_harmless(&pty);
}

#[test]
fn a_refusal_in_the_callback_and_in_a_paste() {
    for pasted in [false, true] {
        let stage = Stage::with(Profile::default().refusal(SHORT, HOSTILE_TEXT));
        let mut pty = start(&stage);
        let link = wait_for_link(&mut pty);
        let callback = stage.approve(&link);
        if pasted {
            pty.send(format!("\x1b[200~{callback}\x1b[201~"));
        } else {
            stage.browse(&callback);
        }
        pty.sees("Sign-in did not complete");
        is_harmless(&pty);
    }
}

#[test]
fn a_device_code_that_is_no_code() {
    let stage = Stage::new();
    let spoil = |answer: &mut serde_json::Value| answer["user_code"] = json!(SHORT);
    stage.issuer.fault(Route::UserCode, Fault::rewrite(spoil));
    let mut pty = start(&stage);
    pty.send("3");
    pty.sees("live");
    is_harmless(&pty);
    pty.send("c");
    pty.sees("clipboard");
}

#[test]
fn a_paste_is_never_shown_at_all() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    wait_for_link(&mut pty);
    pty.send(format!("\x1b[200~{SHORT}\x1b[201~"));
    pty.sees("character");
    is_harmless(&pty);
    assert!(!pty.text().contains("fake"));
}

#[test]
fn a_damaged_file_and_a_home_with_a_hostile_name() {
    let stage = Stage::new();
    let home = stage.home().join(SHORT);
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("auth.json"), SHORT).unwrap();
    let mut launch = launch(&stage);
    *launch.arguments.last_mut().unwrap() = home.to_str().unwrap().to_owned();
    let mut pty = launch.start();
    pty.sees(welcome::SIGN);
    is_harmless(&pty);
    walk(&stage, &mut pty, Place::ApiKey);
    pty.send("sk-0123456789\r");
    pty.sees("API key configured");
    is_harmless(&pty);
}

#[test]
fn a_server_name_and_a_key_from_the_environment() {
    let stage = Stage::new();
    let mut launch = launch(&stage);
    launch
        .environment
        .retain(|(name, _)| name != "SSH_CONNECTION" && name != "USER");
    for (name, value) in [
        ("SSH_CONNECTION", format!("1 2 {SHORT} 22")),
        ("USER", SHORT.to_owned()),
        (
            "OPENAI_API_KEY",
            format!("sk-{SHORT}\u{202e}\u{200b}\x1b[2J"),
        ),
    ] {
        launch.environment.push((name.to_owned(), value));
    }
    let mut pty = launch.start();
    pty.sees(welcome::SIGN);
    wait_for_link(&mut pty);
    is_harmless(&pty);
    pty.send("\x1b");
    walk(&stage, &mut pty, Place::ApiKey);
    is_harmless(&pty);
}
