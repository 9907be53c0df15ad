//! A whole sign-in to another product than Codex, in which no word of Codex's is said.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test may panic.

mod conversation;
mod errors;
#[path = "../screens/fixtures.rs"]
#[allow(dead_code)] // The other tests need more of it.
mod fixtures;
#[path = "../support/issuer.rs"]
#[allow(dead_code)] // Not every test file plans a fault.
mod issuer;
#[path = "../support/patience.rs"]
#[allow(dead_code)]
mod patience;
#[path = "../screens/real.rs"]
mod real;
mod screens;
#[path = "../support/stage.rs"]
#[allow(dead_code)]
mod stage;
#[allow(dead_code)]
mod subject;
#[path = "../plain/talk.rs"]
#[allow(dead_code)]
mod talk;
#[path = "../support/transcript.rs"]
#[allow(dead_code)]
mod transcript;
mod words;
