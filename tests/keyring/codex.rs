//! The same entry, seen by the Codex CLI.

use std::io::Write as _;
use std::process::Stdio;

use crate::session_bus::Desktop;

fn codex(desktop: &Desktop, words: &[&str], input: &str) -> String {
    let program = std::env::var("CODEX").unwrap_or_else(|_| "codex".to_owned());
    let mut codex = desktop
        .tool(&program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    codex
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = codex.wait_with_output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
#[ignore = "needs gnome-keyring and the Codex CLI"]
fn codex_uses_what_we_save_and_signs_it_out() {
    let desktop = Desktop::new("keyring");
    let mut login = desktop.run(&["login"]).listening().starts();
    let callback = desktop.stage.approve(&login.link());
    login.types(format!("{callback}\n"));
    login.ended().succeeded();
    let said = codex(&desktop, &["login", "status"], "");
    assert!(said.contains("Logged in using ChatGPT"), "{said}");
    let login = desktop.run(&["login", "--with-api-key"]);
    login.takes(b"sk-test-1234567890\n").succeeded();
    let said = codex(&desktop, &["login", "status"], "");
    assert!(said.contains("API key"), "{said}");
    codex(&desktop, &["logout"], "");
    desktop.run(&["status"]).ends().failed(1, "");
}

#[test]
#[ignore = "needs gnome-keyring and the Codex CLI"]
fn codex_and_we_update_one_entry() {
    let desktop = Desktop::new("keyring");
    codex(
        &desktop,
        &["login", "--with-api-key"],
        "sk-codex-1234567890\n",
    );
    let token = desktop.run(&["token"]).ends().succeeded();
    assert_eq!(token.stdout, "sk-codex-1234567890\n");
    let login = desktop.run(&["login", "--with-api-key"]);
    login.takes(b"sk-ours-1234567890\n").succeeded();
    assert!(desktop.entry().contains("sk-ours"));
    codex(
        &desktop,
        &["login", "--with-api-key"],
        "sk-again-1234567890\n",
    );
    assert!(desktop.entry().contains("sk-again"));
    desktop.run(&["logout"]).ends().succeeded();
    let said = codex(&desktop, &["login", "status"], "");
    assert!(said.contains("Not logged in"), "{said}");
}
