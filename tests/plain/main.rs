//! The onboarding line by line: conversations with both ends in hand, and the real binary on
//! a terminal that can do nothing.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test may panic.

mod accounts;
mod conversation;
mod dumb_terminal;
#[path = "../support/executable.rs"]
mod executable;
#[path = "../support/issuer.rs"]
#[allow(dead_code)] // Not every test file plans a fault.
mod issuer;
#[path = "../support/patience.rs"]
#[allow(dead_code)] // This file needs little of it.
mod patience;
#[path = "../terminal/pty.rs"]
#[allow(dead_code)] // This file needs little of it.
mod pty;
#[path = "../support/stage.rs"]
#[allow(dead_code)]
mod stage;
mod talk;
#[path = "../support/transcript.rs"]
#[allow(dead_code)]
mod transcript;
mod transcripts;
