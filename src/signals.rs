//! What the system or another program tells this one.

use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// A signal that ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitSignal {
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGINT: Ctrl-C where the terminal makes signals of keys.
    Interrupt,
    /// SIGQUIT.
    Quit,
    /// SIGTERM.
    Terminate,
}

impl ExitSignal {
    /// The exit code by which a shell knows it: 128 and the signal's number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Quit => 131,
            Self::Terminate => 143,
        }
    }
}

/// The signals that end the program, as events.
#[derive(Debug)]
pub struct ExitSignals {
    hangup: Stream,
    interrupt: Stream,
    quit: Stream,
    terminate: Stream,
}

impl ExitSignals {
    /// From now on these signals no longer end the program by themselves.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next one. Cancel safe.
    pub async fn next(&mut self) -> ExitSignal {
        tokio::select! {
            _ = self.hangup.recv() => ExitSignal::Hangup,
            _ = self.interrupt.recv() => ExitSignal::Interrupt,
            _ = self.quit.recv() => ExitSignal::Quit,
            _ = self.terminate.recv() => ExitSignal::Terminate,
        }
    }
}

/// What a shell with job control does to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobSignal {
    /// SIGTSTP: it is to stop.
    Stop,
    /// SIGCONT: it goes on, in the foreground or behind it.
    GoOn,
}

/// Stopping and going on, as events.
#[derive(Debug)]
pub struct JobControl {
    stop: Stream,
    go_on: Stream,
}

impl JobControl {
    /// From now on SIGTSTP no longer stops the program by itself.
    pub fn catch() -> io::Result<Self> {
        let kind = |signal: rustix::process::Signal| SignalKind::from_raw(signal.as_raw());
        Ok(Self {
            stop: signal(kind(rustix::process::Signal::TSTP))?,
            go_on: signal(kind(rustix::process::Signal::CONT))?,
        })
    }

    /// The next one. Cancel safe.
    pub async fn next(&mut self) -> JobSignal {
        tokio::select! {
            _ = self.stop.recv() => JobSignal::Stop,
            _ = self.go_on.recv() => JobSignal::GoOn,
        }
    }
}
