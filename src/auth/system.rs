//! The clock, random numbers, and threads for disk work.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::error::{Error, Result};
use crate::platform::check_threads;

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

/// Returns `BYTES` random bytes.
pub fn random_bytes<const BYTES: usize>() -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    SysRng.try_fill_bytes(&mut bytes).map_err(|source| {
        Error::internal("The system's random generator failed").with_source(source)
    })?;
    Ok(bytes)
}

/// Returns `BYTES` random bytes as base64url without padding.
pub fn random_base64url<const BYTES: usize>() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<BYTES>()?))
}

/// Starts `work` at once on a thread that may block, because an fsync can take long. Dropping the
/// future does not stop it.
pub fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> impl Future<Output = Result<T>> + Send + 'static {
    // tokio panics if it cannot start its first thread.
    let job = check_threads().map(|()| tokio::task::spawn_blocking(work));
    async move {
        let job = job.map_err(|error| {
            Error::internal("Could not start a thread for the credentials").with_source(error)
        })?;
        job.await.unwrap_or_else(|died| {
            Err(Error::internal("The work on the credentials was interrupted").with_source(died))
        })
    }
}
