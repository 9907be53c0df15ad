//! Signals of Linux, macOS and the BSDs.
//!
//! A handler stays installed as long as the process lives: tokio's streams share it. Once
//! nothing here catches the signal any more, that handler runs the default action.

mod default_action;

use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use super::{ExitSignal, JobSignal};
pub use default_action::is_under_job_control;
use default_action::{Status, Suspended};

/// The signals that end the program, as events. Once this is dropped they end the program by
/// themselves again, unless they were caught or ignored before.
#[derive(Debug)]
pub struct ExitSignals {
    hangup: Caught,
    interrupt: Caught,
    quit: Caught,
    terminate: Caught,
}

impl ExitSignals {
    /// Catches the signals: from now on they do not end the program by themselves.
    ///
    /// # Errors
    /// The system takes no handler.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub fn catch() -> io::Result<Self> {
        let status = Status::default();
        Ok(Self {
            hangup: Caught::new(Signal::HUP, &status)?,
            interrupt: Caught::new(Signal::INT, &status)?,
            quit: Caught::new(Signal::QUIT, &status)?,
            terminate: Caught::new(Signal::TERM, &status)?,
        })
    }

    /// Catches them until the process exits, even after this is dropped: for a program that
    /// decides by itself how it ends.
    ///
    /// # Errors
    /// As [`ExitSignals::catch`].
    ///
    /// # Panics
    /// As [`ExitSignals::catch`].
    pub fn catch_for_good() -> io::Result<Self> {
        std::mem::forget(Self::catch()?);
        Self::catch()
    }

    /// Waits for the next one. Cancel safe.
    pub async fn next(&mut self) -> ExitSignal {
        tokio::select! {
            () = self.hangup.next() => ExitSignal::Hangup,
            () = self.interrupt.next() => ExitSignal::Interrupt,
            () = self.quit.next() => ExitSignal::Quit,
            () = self.terminate.next() => ExitSignal::Terminate,
        }
    }
}

/// The signals of job control, as events. Once this is dropped SIGTSTP stops the program by
/// itself again.
#[derive(Debug)]
pub struct JobControl {
    stop: Caught,
    go_on: Caught,
}

impl JobControl {
    /// Catches the signals: from now on SIGTSTP does not stop the program by itself.
    pub fn catch() -> io::Result<Self> {
        let status = Status::default();
        Ok(Self {
            stop: Caught::new(Signal::TSTP, &status)?,
            go_on: Caught::new(Signal::CONT, &status)?,
        })
    }

    /// Waits for the next one. Cancel safe.
    pub async fn next(&mut self) -> JobSignal {
        tokio::select! {
            () = self.stop.next() => JobSignal::Stop,
            () = self.go_on.next() => JobSignal::GoOn,
        }
    }
}

/// Changes of the window's size, as events.
#[derive(Debug)]
pub struct Resizes(Caught);

impl Resizes {
    /// Catches SIGWINCH.
    pub fn catch() -> io::Result<Self> {
        Ok(Self(Caught::new(Signal::WINCH, &Status::default())?))
    }

    /// Waits for the next one. Cancel safe.
    pub async fn next(&mut self) {
        self.0.next().await;
    }
}

/// One signal, whose default action does not run while this lives.
#[derive(Debug)]
struct Caught {
    stream: Stream,
    _suspended: Suspended,
}

impl Caught {
    fn new(number: Signal, status: &Status) -> io::Result<Self> {
        let suspended = Suspended::new(number.as_raw(), status)?;
        Ok(Self {
            stream: signal(SignalKind::from_raw(number.as_raw()))?,
            _suspended: suspended,
        })
    }

    async fn next(&mut self) {
        // `None` only while the runtime shuts down, and this future with it.
        if self.stream.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
