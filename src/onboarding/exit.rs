//! The end from outside: a signal, or the host's wish.

use std::io;

use futures_core::future::BoxFuture;

use super::{Ended, Options};
use crate::signals::ExitSignals;

/// Waits for whoever may end the onboarding besides the person.
pub enum Exit {
    /// The signals are ours to catch.
    Signals(ExitSignals),
    /// The host catches them, and tells when to end.
    Host(BoxFuture<'static, ()>),
    /// The host has told.
    Told,
}

impl Exit {
    /// Takes the host's future, or catches the signals.
    pub fn of(options: &mut Options) -> io::Result<Self> {
        match options.shutdown.take() {
            Some(shutdown) => Ok(Self::Host(shutdown)),
            None => ExitSignals::catch().map(Self::Signals),
        }
    }

    /// The next end. Cancel safe.
    pub async fn next(&mut self) -> Ended {
        match self {
            Self::Signals(signals) => Ended::Signal(signals.next().await),
            Self::Host(shutdown) => {
                shutdown.await;
                *self = Self::Told;
                Ended::Shutdown
            }
            Self::Told => std::future::pending().await,
        }
    }

    /// Whether signals are the host's affair.
    pub fn is_up_to_the_host(&self) -> bool {
        !matches!(self, Self::Signals(_))
    }
}
