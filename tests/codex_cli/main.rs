//! The Codex CLI itself, beside this program on the same codex home. Ignored by default, because
//! it must be installed; `.ci/codex` installs the newest and runs them where nothing else is:
//!
//! ```text
//! CODEX=codex cargo test --test codex_cli -- --ignored
//! ```
//!
//! Linux only: processes, mounts and terminals are looked at as Linux shows them.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test may panic.

mod account;
mod authority;
mod backend;
mod daemon;
mod facts;
mod files;
mod homes;
mod loads;
mod machine;
mod openai;
mod patience;
#[path = "../terminal/pty.rs"]
#[allow(dead_code)] // The tests of the terminal use all of it.
mod pty;
mod refresh;
mod run;
mod screen;
mod settings;
#[path = "../support/tokens.rs"]
#[allow(dead_code)]
mod tokens;
#[path = "../support/transcript.rs"]
#[allow(dead_code)]
mod transcript;
