//! The one time limit of these tests.

use std::time::{Duration, Instant};

/// Codex is large, and may share a small machine with a build: what hangs fails instead.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks, so that looking takes nothing from what is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks again and again until it is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited for {what}");
        std::thread::park_timeout(PAUSE);
    }
}
