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
#[path = "../support/authority.rs"]
mod authority;
mod backend;
mod daemon;
mod facts;
mod files;
mod homes;
#[path = "../support/issuer.rs"]
#[allow(dead_code)] // Not every test file plans a fault.
mod issuer;
mod keyring;
mod lend;
mod loads;
mod machine;
mod openai;
mod patience;
#[path = "../commands/program.rs"]
#[allow(dead_code)] // The tests of the commands use all of it.
mod program;
#[path = "../terminal/pty.rs"]
#[allow(dead_code)] // The tests of the terminal use all of it.
mod pty;
mod refresh;
mod run;
mod screen;
#[path = "../keyring/session_bus.rs"]
#[allow(dead_code)] // The tests of the keyring use all of it.
mod session_bus;
mod settings;
#[path = "../support/stage.rs"]
#[allow(dead_code)]
mod stage;
#[path = "../support/tokens.rs"]
#[allow(dead_code)]
mod tokens;
#[path = "../support/transcript.rs"]
#[allow(dead_code)]
mod transcript;
