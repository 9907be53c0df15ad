//! Ends from outside: a signal, or the host's shutdown future.

use std::io;

use futures_core::future::BoxFuture;

use super::{Ended, Options};
use crate::signals::ExitSignals;

/// The source of ends from outside.
pub enum Exit {
    /// We catch the signals.
    Signals(ExitSignals),
    /// The host catches signals, and this completes when the onboarding is to end.
    Host(BoxFuture<'static, ()>),
    /// The host's shutdown future has completed.
    Completed,
}

impl Exit {
    /// Takes the host's future, or catches the signals.
    pub fn of(options: &mut Options) -> io::Result<Self> {
        match options.shutdown.take() {
            Some(shutdown) => Ok(Self::Host(shutdown)),
            None => ExitSignals::catch().map(Self::Signals),
        }
    }

    /// Waits for the next end. Cancel safe.
    pub async fn next(&mut self) -> Ended {
        match self {
            Self::Signals(signals) => Ended::Signal(signals.next().await),
            Self::Host(shutdown) => {
                shutdown.await;
                *self = Self::Completed;
                Ended::Shutdown
            }
            Self::Completed => std::future::pending().await,
        }
    }

    /// Returns whether the host catches the signals.
    pub fn is_up_to_the_host(&self) -> bool {
        !matches!(self, Self::Signals(_))
    }
}
