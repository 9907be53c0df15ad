//! Signals as events, caught only while something waits for them.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::ExitSignals;
#[cfg(unix)]
pub(crate) use unix::is_under_job_control;
#[cfg(unix)]
pub(crate) use unix::{JobControl, Resizes};
#[cfg(windows)]
pub use windows::ExitSignals;
#[cfg(windows)]
pub(crate) use windows::tell_resized;
#[cfg(windows)]
pub(crate) use windows::{JobControl, Resizes};

/// A signal that ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitSignal {
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGINT: Ctrl-C where the terminal makes signals of keys.
    Interrupt,
    /// SIGQUIT.
    Quit,
    /// SIGTERM.
    Terminate,
    /// Another one whose default action ends the program (SIGUSR1, SIGALRM), by its number.
    Other(u8),
}

impl ExitSignal {
    /// Returns the exit code that a shell uses for it: 128 plus the signal's number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Quit => 131,
            Self::Terminate => 143,
            Self::Other(number) => 128 + number,
        }
    }
}

/// A signal that a shell with job control sends: never on Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(windows, allow(dead_code))]
pub(crate) enum JobSignal {
    /// SIGTSTP: stop.
    Stop,
    /// SIGCONT: go on, in the foreground or in the background.
    GoOn,
}
