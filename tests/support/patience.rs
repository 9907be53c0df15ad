//! The one time limit of all tests.

use std::time::{Duration, Instant};

/// Far above what anything takes, even on a busy machine: what hangs fails instead.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until it is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited for {what}");
        std::thread::yield_now();
    }
}
