//! The moments at which the screen changes by itself. Time comes only from
//! [`super::message::Message::Tick`].

use std::time::Duration;

use super::expiry::Expiry;
use super::model::{AccountStep, CodeStep, Model, Screen, SignInScreen, SignInStep};

/// The time between two frames of the spinner: eight a second.
pub(super) const FRAME: Duration = Duration::from_millis(125);

impl Model {
    /// Returns the time of the next tick, on the clock of [`super::message::Message::Tick`]; a time that
    /// has passed means at once. `None` when nothing on the screen moves.
    pub fn next_tick(&self) -> Option<Duration> {
        let frame = || self.facts.animations.then(|| self.next_frame());
        match &self.screen {
            Screen::SignIn(screen) => self.next_tick_of_sign_in(screen),
            Screen::ApiKey(screen) if screen.saving => frame(),
            Screen::Account(screen) => match screen.step {
                AccountStep::SigningOut | AccountStep::Using => frame(),
                _ => None,
            },
            Screen::Keep(screen) if screen.removing => frame(),
            _ => None,
        }
    }

    fn next_tick_of_sign_in(&self, screen: &SignInScreen) -> Option<Duration> {
        let expiry = match &screen.code {
            CodeStep::Issued { expiry, .. } => Some(*expiry),
            _ => None,
        };
        if screen.since.is_none() || matches!(expiry, Some(Expiry::In(_))) {
            return Some(self.now);
        }
        let shows_code = screen.step == SignInStep::DeviceCode;
        if shows_code && matches!(screen.code, CodeStep::Failed(_)) {
            return None;
        }
        if self.facts.animations {
            return Some(self.next_frame());
        }
        match expiry {
            Some(Expiry::At(end)) if shows_code => next_minute(end, self.now),
            _ => None,
        }
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
