//! The command line through the binary.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test may panic.

#[path = "../support/stage.rs"]
mod stage;
