//! Credentials in a real Secret Service: gnome-keyring on a session bus of its own, which each
//! test starts. Ignored by default, because both must be installed, and `secret-tool` too:
//!
//! ```text
//! apt-get install dbus gnome-keyring libsecret-tools
//! cargo test --test keyring -- --ignored --skip codex
//! ```
//!
//! The tests whose names begin with `codex` need the Codex CLI as well (`npm install -g
//! @openai/codex`; `CODEX` names another program). By hand, a keyring in a shell that knows no
//! other: `dbus-run-session -- sh -c 'echo | gnome-keyring-daemon --unlock; exec bash'`.

#![allow(clippy::unwrap_used)] // A test may panic.

mod codex;
#[path = "../support/issuer.rs"]
#[allow(dead_code)] // Not every test file plans a fault.
mod issuer;
mod life;
#[path = "../support/patience.rs"]
#[allow(dead_code)] // The tests of the commands use all of it.
mod patience;
#[path = "../commands/program.rs"]
#[allow(dead_code)]
mod program;
mod session_bus;
#[path = "../support/stage.rs"]
#[allow(dead_code)]
mod stage;
#[path = "../support/transcript.rs"]
#[allow(dead_code)]
mod transcript;
mod trouble;
