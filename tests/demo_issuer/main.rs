//! The embedded issuer keeps the rules it is there to check, and breaks them on request.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]

mod authorize;
#[path = "../support/bomb.rs"]
mod bomb;
mod device;
mod faults;
#[path = "../support/issuer.rs"]
#[allow(dead_code)] // Not every test file plans a fault.
mod issuer;
mod support;
mod token;
#[path = "../support/tokens.rs"]
mod tokens;
