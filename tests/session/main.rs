//! Credentials for life: which ones count, refresh without losing a session, sign out for real.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]

mod answers;
mod check;
mod damage;
mod endpoint;
mod extras;
mod foreign;
#[path = "../support/issuer.rs"]
#[allow(dead_code)] // Not every test file plans a fault.
mod issuer;
mod keyring;
mod kill;
mod mount;
mod personal_access_token;
mod precedence;
mod races;
mod refresh;
mod replaced;
mod sign_out;
mod store;
mod support;
#[path = "../support/tokens.rs"]
#[allow(dead_code)] // This file needs little of it.
mod tokens;
mod whereabouts;
