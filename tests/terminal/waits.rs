//! Another program holds `auth.lock`: every screen that waits for it says so, and goes on
//! when it is free.

use std::fs::File;

use crate::pty::Pty;
use crate::session::{launch, start, wait_for_link};
use crate::stage::Stage;

const KEY: &str = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz-LAST";

/// Lets go of the lock once the screen that shows `title` names it.
fn named_and_released(pty: &Pty, title: &str, lock: File) {
    pty.sees("Waiting for /");
    pty.sees("held by");
    assert!(pty.text().contains(title), "{}", pty.text());
    drop(lock);
}

#[test]
fn the_end_of_a_sign_in_names_the_lock() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let link = wait_for_link(&mut pty);
    let lock = stage.hold_lock();
    pty.send(stage.approve(&link));
    named_and_released(&pty, "Finishing sign-in", lock);
    pty.sees("Signed in with your ChatGPT account");
    assert!(!pty.text().contains("Waiting for"), "{}", pty.text());
}

#[test]
fn the_device_code_leads_to_the_same_screen() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    pty.send("3");
    pty.sees("The code expires in 15 minutes");
    let text = pty.text();
    let code = text
        .split_whitespace()
        .find(|word| word.len() == 10 && word.contains('-'));
    let lock = stage.hold_lock();
    stage.approve_device(code.unwrap());
    named_and_released(&pty, "Finishing sign-in", lock);
    pty.sees("Signed in with your ChatGPT account");
}

#[test]
fn saving_an_api_key_names_the_lock() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let lock = stage.hold_lock();
    pty.send("2");
    pty.sees("Provide your own API key");
    pty.send(format!("\x1b[200~{KEY}\x1b[201~\r"));
    named_and_released(&pty, "Saving your API key", lock);
    pty.sees("API key configured");
}

#[test]
fn signing_out_names_the_lock() {
    let stage = Stage::new();
    stage.sign_in();
    let mut pty = launch(&stage).start();
    pty.sees("Keep this account");
    let lock = stage.hold_lock();
    pty.send("3y");
    named_and_released(&pty, "Signing out", lock);
    pty.sees("Signed out");
    assert!(!stage.auth_file().exists());
}
