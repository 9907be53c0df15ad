//! The real binary in a pseudo-terminal, from the keyboard to the last escape sequence
//! (threats 16 to 20).

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test may panic.

#[path = "../support/executable.rs"]
mod executable;
mod foreign;
mod given_back;
mod host;
mod hostile;
mod hyperlinks;
#[path = "../support/issuer.rs"]
#[allow(dead_code)] // Not every test file plans a fault.
mod issuer;
mod job_control;
mod links;
#[path = "../support/patience.rs"]
mod patience;
mod pty;
mod restored;
mod session;
mod signals;
#[path = "../support/stage.rs"]
mod stage;
mod stillness;
mod storms;
mod trip;
mod untaken;
mod waits;
