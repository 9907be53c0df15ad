//! The sign-in over real sockets: the routes, the statuses, the ways in beside the
//! callback, what an attacker may try, and an issuer that misbehaves.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]

mod answers;
#[path = "../support/bomb.rs"]
mod bomb;
mod cancel;
mod device;
mod disks;
mod guard;
mod hostile;
mod id_tokens;
#[path = "../support/issuer.rs"]
#[allow(dead_code)] // Not every test file plans a fault.
mod issuer;
mod issuer_faults;
mod kept;
mod limits;
// Only Linux tells whose a connection is.
#[cfg(target_os = "linux")]
mod other_users;
mod paste;
#[path = "../support/patience.rs"]
#[allow(dead_code)] // This file needs little of it.
mod patience;
mod ports;
mod race;
mod routes;
mod short_way;
mod statuses;
mod success_page;
mod support;
#[path = "../support/tokens.rs"]
#[allow(dead_code)]
mod tokens;
mod undelivered;
