//! From the choices to being signed in, in each way there is.

use crate::issuer::{Fault, Route};
use crate::pty::Pty;
use crate::session::{Place, device_code, launch, link, start, wait_for_link, walk, welcome};
use crate::stage::{Stage, await_request};

/// A key as the person has it.
const KEY: &str = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz-LAST";

/// Success, and Enter, and the shell.
fn finishes(mut pty: Pty, sign: &str) {
    pty.sees(sign);
    pty.send("\r");
    let ended = pty.ended();
    assert_eq!(ended.code, 0);
    assert!(ended.same_modes);
    // The shell's screen says it, too.
    assert!(
        ended
            .output
            .ends_with(b"You are signed in: run codex to start\r\n")
    );
}

fn is_signed_in(stage: &Stage) {
    let file = stage.auth_json();
    assert_eq!(file["auth_mode"], "chatgpt");
    let refresh_token = file["tokens"]["refresh_token"].as_str().unwrap();
    assert!(stage.issuer.accepts_refresh_token(refresh_token));
}

#[test]
fn through_the_browsers_callback() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let link = wait_for_link(&mut pty);
    let page = stage.browse(&stage.approve(&link));
    assert_eq!(page.status, 200);
    finishes(pty, "Signed in with your ChatGPT account");
    is_signed_in(&stage);
}

#[test]
fn through_a_bracketed_paste() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let link = wait_for_link(&mut pty);
    let callback = stage.approve(&link);
    pty.send(format!("\x1b[200~{callback}\x1b[201~"));
    finishes(pty, "Signed in with your ChatGPT account");
    is_signed_in(&stage);
}

#[test]
fn through_a_burst_of_characters_where_the_terminal_has_no_bracketed_paste() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let link = wait_for_link(&mut pty);
    // It holds letters that are keys here: q, c, d, o, u.
    pty.send(stage.approve(&link));
    finishes(pty, "Signed in with your ChatGPT account");
    is_signed_in(&stage);
}

#[test]
fn a_device_code_needs_no_port_even_where_one_was_named() {
    let stage = Stage::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut launch = launch(&stage);
    let place = launch.arguments.iter().position(|it| it == "--port");
    launch.arguments[place.unwrap() + 1].clone_from(&port);
    let mut pty = launch.start();
    pty.sees(welcome::SIGN);
    pty.send("1");
    pty.sees(&port);
    pty.send("3");
    stage.approve_device(&device_code(&pty));
    finishes(pty, "Signed in with your ChatGPT account");
}

#[test]
fn through_a_code_for_another_device() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    pty.send("3");
    let code = device_code(&pty);
    assert!(pty.text().contains("expires in 15 minutes"));
    stage.approve_device(&code);
    finishes(pty, "Signed in with your ChatGPT account");
    is_signed_in(&stage);
}

#[test]
fn through_a_code_that_is_asked_for_while_the_link_waits() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    wait_for_link(&mut pty);
    pty.send("d");
    stage.approve_device(&device_code(&pty));
    finishes(pty, "Signed in with your ChatGPT account");
    is_signed_in(&stage);
}

#[test]
fn with_an_api_key_that_is_typed() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    walk(&stage, &mut pty, Place::ApiKey);
    // One by one, as a person types: never more than a few between two pictures.
    for (at, letter) in KEY.chars().enumerate() {
        pty.send(letter.to_string());
        let noun = if at == 0 { "character" } else { "characters" };
        pty.sees(&format!("{} {noun}", at + 1));
    }
    assert!(!pty.text().contains("LAST"));
    pty.send("\t");
    pty.sees("LAST");
    pty.send("\r");
    finishes(pty, "API key configured");
    assert_eq!(stage.auth_json()["OPENAI_API_KEY"], KEY);
}

#[test]
fn with_an_api_key_that_is_pasted_and_nothing_of_it_is_shown() {
    for paste in [format!("\x1b[200~{KEY}\n\x1b[201~"), KEY.to_owned()] {
        let stage = Stage::new();
        let mut pty = start(&stage);
        walk(&stage, &mut pty, Place::ApiKey);
        pty.send(paste);
        pty.sees(&format!("{} characters", KEY.len()));
        pty.send("\r");
        pty.sees("API key configured");
        let output = String::from_utf8(pty.output()).unwrap();
        assert!(!output.contains("LAST") && !output.contains("0123456789"));
        finishes(pty, "API key configured");
        assert_eq!(stage.auth_json()["OPENAI_API_KEY"], KEY);
    }
}

#[test]
fn with_the_environments_key_only_when_the_person_asks_for_it() {
    let stage = Stage::new();
    let mut launch = launch(&stage);
    let variable = ("OPENAI_API_KEY".to_owned(), KEY.to_owned());
    launch.environment.push(variable);
    let mut pty = launch.start();
    pty.sees("OPENAI_API_KEY is set, but not stored");
    walk(&stage, &mut pty, Place::ApiKey);
    pty.sees("OPENAI_API_KEY is set (ends in LAST)");
    assert!(!pty.text().contains("••"));
    pty.send("\x0f");
    pty.sees("Press Enter to save it");
    assert!(!stage.auth_file().exists());
    pty.send("\r");
    finishes(pty, "API key configured");
    assert_eq!(stage.auth_json()["OPENAI_API_KEY"], KEY);
}

#[test]
fn after_a_failure_another_try_has_a_link_of_its_own() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let first = wait_for_link(&mut pty);
    stage.issuer.fault(Route::Token, Fault::Reset);
    stage.browse(&stage.approve(&first));
    pty.sees("Sign-in did not complete");
    assert!(!stage.auth_file().exists());
    pty.send("r");
    pty.sees("Finish signing in via your browser");
    pty.until("a new link", |_, output| {
        crate::session::authorization_url(output).is_some_and(|link| link != first)
    });
    stage.browse(&stage.approve(&link(&pty)));
    finishes(pty, "Signed in with your ChatGPT account");
    is_signed_in(&stage);
}

#[test]
fn denied_in_the_browser_is_a_failure_and_not_the_end() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let link = wait_for_link(&mut pty);
    assert_eq!(stage.browse(&stage.deny(&link)).status, 403);
    pty.sees("Sign-in did not complete");
    pty.send("\x1b");
    pty.sees(crate::session::welcome::SIGN);
    pty.send("q");
    assert_eq!(pty.ended().code, 130);
    assert!(!stage.auth_file().exists());
}

#[test]
fn leaving_while_signing_out_signs_out() {
    let stage = Stage::new();
    stage.sign_in();
    let gate = stage.issuer.hold(Route::Revoke);
    let mut pty = launch(&stage).start();
    pty.sees("Sign out");
    pty.send("3");
    pty.sees("Press y");
    pty.send("y");
    await_request(&gate);
    pty.send("\x03");
    assert_eq!(pty.ended().code, 130);
    assert!(!stage.auth_file().exists());
    drop(gate);
}
