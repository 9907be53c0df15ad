//! The times at which the screen changes by itself. The model learns the time only from
//! [`Message::Tick`](super::message::Message::Tick).

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::model::{CodeStep, Model, Screen};
use super::screens::{Mark, describe};
use crate::auth::Clock;

/// The time since the start, including the time that the machine slept. A monotonic clock may leave
/// that out, but a device code expires all the same.
#[derive(Debug)]
pub struct Uptime {
    started: Instant,
    started_on: DateTime<Utc>,
    clock: Clock,
    slept: Duration,
}

impl Uptime {
    /// Starts now.
    pub fn new(clock: Clock) -> Self {
        Self {
            started: Instant::now(),
            started_on: clock.now(),
            clock,
            slept: Duration::ZERO,
        }
    }

    /// Returns the time since the start. It never goes back, even if the wall clock does.
    pub fn elapsed(&mut self) -> Duration {
        let awake = self.started.elapsed();
        let on_the_wall = (self.clock.now() - self.started_on).to_std();
        let slept = on_the_wall.unwrap_or_default().saturating_sub(awake);
        self.slept = self.slept.max(slept);
        awake + self.slept
    }

    /// Waits until the time since the start is `at`, or for ever if that is `None`. Cancel safe.
    pub async fn reaches(&self, at: Option<Duration>) {
        match at.map(|at| self.instant(at)) {
            // Already due: the timer would round up.
            Some(at) if at <= Instant::now() => {}
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Returns when the time since the start will be `at`.
    fn instant(&self, at: Duration) -> Instant {
        self.started + at.saturating_sub(self.slept)
    }
}

/// The time between two frames of the spinner: eight a second.
pub(super) const FRAME: Duration = Duration::from_millis(125);

impl Model {
    /// Returns the time of the next tick, on the clock of
    /// [`Message::Tick`](super::message::Message::Tick). A time in the past means at once; `None`
    /// means that nothing on the screen moves.
    pub fn next_tick(&self) -> Option<Duration> {
        if let Screen::SignIn(screen) = &self.screen
            && (screen.since.is_none()
                || matches!(screen.code, CodeStep::Issued { ends: None, .. }))
        {
            // The first tick sets the time when it began, and the time when the code expires.
            return Some(self.now);
        }
        let described = describe(self);
        if self.facts.animations && described.mark == Mark::Busy {
            return Some(self.next_frame());
        }
        next_minute(described.ends?, self.now)
    }

    fn next_frame(&self) -> Duration {
        let frames = self.now.as_millis() / FRAME.as_millis() + 1;
        FRAME.saturating_mul(u32::try_from(frames).unwrap_or(u32::MAX))
    }
}

/// Returns the time at which the minutes left until `end`, rounded up, become one less.
fn next_minute(end: Duration, now: Duration) -> Option<Duration> {
    let left = end.checked_sub(now).filter(|left| !left.is_zero())?;
    let minutes = left.as_millis().div_ceil(60_000).saturating_sub(1);
    let after = Duration::from_mins(1).saturating_mul(u32::try_from(minutes).ok()?);
    Some(end.saturating_sub(after))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use chrono::TimeDelta;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn the_time_that_the_machine_slept_counts_and_a_clock_set_back_does_not() {
        let wall = Arc::new(AtomicI64::new(0));
        let hands = Arc::clone(&wall);
        let start = Utc::now();
        let clock = move || start + TimeDelta::seconds(hands.load(Ordering::Relaxed));
        let mut uptime = Uptime::new(Clock::new(clock));
        tokio::time::advance(Duration::from_secs(5)).await;
        wall.store(5, Ordering::Relaxed);
        assert_eq!(uptime.elapsed(), Duration::from_secs(5));
        wall.store(5 + 3600, Ordering::Relaxed);
        assert_eq!(uptime.elapsed(), HOUR + Duration::from_secs(5));
        wall.store(-3600, Ordering::Relaxed);
        assert_eq!(uptime.elapsed(), HOUR + Duration::from_secs(5));
        // An event that is due soon is also due soon on the timers' clock.
        let due = uptime.instant(HOUR + Duration::from_secs(6));
        assert_eq!(due, Instant::now() + Duration::from_secs(1));
    }
}
