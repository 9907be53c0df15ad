//! The way to the issuer: private certificate authorities, proxies, and errors that name the
//! hop. The real binary refreshes a token over TLS that ends in this process.

#![allow(clippy::unwrap_used)] // A test may panic.

mod authorities;
#[path = "../support/authority.rs"]
mod authority;
mod hops;
#[path = "../support/issuer.rs"]
#[allow(dead_code)] // Not every test file plans a fault.
mod issuer;
mod proxies;
mod servers;
#[path = "../support/stage.rs"]
#[allow(dead_code)] // This file needs little of it.
mod stage;
mod trip;
