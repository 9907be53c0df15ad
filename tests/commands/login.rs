//! `login`: each way through it, its words, and its ends.

mod as_json;
mod ends;
pub mod ways;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use codex_onboarding::demo::{Profile, TokenKind};
use rustix::process::Signal;
use serde_json::Value;

use crate::issuer::{Fault, Route};
use crate::patience::wait_until;
use crate::program::{Run, run};
use crate::stage::Stage;

/// The last lines of a sign-in.
fn done(stage: &Stage) -> String {
    format!(
        "Successfully logged in\nas demo@example.com (ChatGPT Plus)\n\
         If that is not you, run: {}\n",
        command(stage, "logout"),
    )
}

/// A command as hints name it: for the same issuer and codex home.
pub fn command(stage: &Stage, words: &str) -> String {
    format!(
        "codex-onboarding {words} --issuer {} --codex-home {}",
        stage.issuer.url(),
        stage.codex_home().display()
    )
}

fn is_signed_in(stage: &Stage) {
    let file = stage.auth_json();
    assert_eq!(file["auth_mode"], "chatgpt");
    let refresh_token = file["tokens"]["refresh_token"].as_str().unwrap();
    assert!(stage.issuer.accepts_refresh_token(refresh_token));
    assert_eq!(mode(&stage.auth_file()), 0o600);
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
