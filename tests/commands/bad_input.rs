//! Mistakes of people, scripts and machines: each ends in one clear sentence and a next step,
//! and nothing is lost.

mod api_key;
mod auth_json;
mod codex_home;
mod command_line;

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::issuer::Route;
use crate::program::{Exited, Run, run};
use crate::stage::{PROGRAM, Stage};

/// Makes a FIFO by the system's command: macOS and the BSDs have another call for it.
pub fn make_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// Asserts one sentence, perhaps its causes, and a hint: for a person, not for a debugger.
fn is_clear(ended: &Exited) {
    let said = &ended.stderr;
    let errors = said.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{said}");
    assert!(said.contains("\n  next: "), "{said}");
    for noise in ["RUST_BACKTRACE", "Error(", "Os {", "src/", "panicked"] {
        assert!(!said.contains(noise), "{noise}: {said}");
    }
    let mut lines = said.lines().filter(|line| !line.starts_with("http"));
    assert!(lines.all(|line| line.len() < 400), "{said}");
}

fn fails(run: Run, code: i32, words: &str) -> Exited {
    let ended = run.ends().failed(code, words);
    is_clear(&ended);
    assert_eq!(ended.stdout, "", "{ended:?}");
    ended
}

/// Signs in with an API key, which needs only a place to save it.
fn save_at(home: &Path) -> Exited {
    let words = ["login", "--with-api-key", "--codex-home"].map(str::to_owned);
    let home = home.display().to_string();
    let words: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .chain([home.as_str()])
        .collect();
    Run::bare(&words)
        .variable("HOME", "/nonexistent")
        .takes(b"sk-1\n")
}
