//! The real binary with pipes instead of a terminal: its streams, words and exit codes
//! (spec, section 6).

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test may panic.

mod accounts;
mod bad_input;
mod demo;
#[path = "../support/disk.rs"]
mod disk;
mod doctor;
mod exec;
#[path = "../support/executable.rs"]
mod executable;
mod help;
#[path = "../support/issuer.rs"]
#[allow(dead_code)] // Not every test file plans a fault.
mod issuer;
mod kills;
mod kinds;
mod lend;
mod loads;
mod login;
mod logout;
mod pages;
#[path = "../support/patience.rs"]
mod patience;
mod program;
mod resume;
mod running;
mod secrets;
mod slots;
#[path = "../support/stage.rs"]
mod stage;
mod status;
mod stores;
mod token;
#[path = "../support/transcript.rs"]
mod transcript;
mod waits;
mod words;
