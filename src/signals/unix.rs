//! Signals of Linux, macOS and the BSDs.
//!
//! A handler stays installed for the life of the process (tokio's streams share one with
//! the `signal-hook` crate). When nothing here catches a signal any more, its handler does what the
//! system would have done before.

mod default_action;

use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use super::{ExitSignal, JobSignal};
use default_action::Suspended;
pub use default_action::is_under_job_control;

/// The signals that end the program, as events. Once this is dropped they end it by
/// themselves again, unless somebody else had caught or ignored them before.
#[derive(Debug)]
pub struct ExitSignals {
    hangup: Caught,
    interrupt: Caught,
    quit: Caught,
    terminate: Caught,
}

impl ExitSignals {
    /// Catches them: from now on they do not end the program by themselves.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            hangup: Caught::new(Signal::HUP)?,
            interrupt: Caught::new(Signal::INT)?,
            quit: Caught::new(Signal::QUIT)?,
            terminate: Caught::new(Signal::TERM)?,
        })
    }

    /// The same, until the process exits: for a program that has decided how it ends.
    pub fn catch_for_good() -> io::Result<Self> {
        std::mem::forget(Self::catch()?);
        Self::catch()
    }

    /// The next one. Cancel safe.
    pub async fn next(&mut self) -> ExitSignal {
        tokio::select! {
            () = self.hangup.next() => ExitSignal::Hangup,
            () = self.interrupt.next() => ExitSignal::Interrupt,
            () = self.quit.next() => ExitSignal::Quit,
            () = self.terminate.next() => ExitSignal::Terminate,
        }
    }
}

/// Stopping and going on, as events. Once this is dropped SIGTSTP stops the program by
/// itself again.
#[derive(Debug)]
pub struct JobControl {
    stop: Caught,
    go_on: Caught,
}

impl JobControl {
    /// Catches them: from now on SIGTSTP does not stop the program by itself.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            stop: Caught::new(Signal::TSTP)?,
            go_on: Caught::new(Signal::CONT)?,
        })
    }

    /// The next one. Cancel safe.
    pub async fn next(&mut self) -> JobSignal {
        tokio::select! {
            () = self.stop.next() => JobSignal::Stop,
            () = self.go_on.next() => JobSignal::GoOn,
        }
    }
}

/// The terminal's window changed its size, as an event.
#[derive(Debug)]
pub struct Resizes(Caught);

impl Resizes {
    /// Catches SIGWINCH.
    pub fn catch() -> io::Result<Self> {
        Ok(Self(Caught::new(Signal::WINCH)?))
    }

    /// The next one. Cancel safe.
    pub async fn next(&mut self) {
        self.0.next().await;
    }
}

/// One signal. Its default action is suspended while this lives.
#[derive(Debug)]
struct Caught {
    stream: Stream,
    _suspended: Suspended,
}

impl Caught {
    fn new(number: Signal) -> io::Result<Self> {
        let suspended = Suspended::new(number.as_raw())?;
        Ok(Self {
            stream: signal(SignalKind::from_raw(number.as_raw()))?,
            _suspended: suspended,
        })
    }

    async fn next(&mut self) {
        // `None` when the runtime shuts down, which ends this future, too.
        if self.stream.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
