//! The end of a device code.

use std::time::Duration;

/// The end of something that lasts a while. The time is known only at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// This long after the next tick.
    In(Duration),
    /// At this time.
    At(Duration),
}

impl Expiry {
    /// Returns how much time is left at `now`.
    pub fn left(self, now: Duration) -> Duration {
        match self {
            Self::In(left) => left,
            Self::At(end) => end.saturating_sub(now),
        }
    }
}
