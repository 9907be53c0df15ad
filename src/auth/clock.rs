//! The wall clock as a value, so that a host or a test may have another one.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

/// Tells the time. The default is the system's clock. Cheap to clone.
///
/// ```
/// use codex_onboarding::auth::Clock;
/// use codex_onboarding::chrono::{TimeDelta, Utc};
///
/// let ahead = TimeDelta::minutes(5);
/// let clock = Clock::new(move || Utc::now() + ahead);
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// Asks `now` whenever the time is needed.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(Utc::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
