//! Several accounts in one codex home: a grant exists once, whatever dies (spec, section 8).

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]

#[path = "../support/disk.rs"]
mod disk;
mod exec_home;
mod keyring;
mod kill;
mod leftovers;
mod list;
mod meanwhile;
mod model;
mod moves;
mod refused;
mod support;
