//! Credentials for life: which ones count, refresh without losing a session, sign out for real.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]

mod endpoint;
mod precedence;
mod refresh;
mod support;
