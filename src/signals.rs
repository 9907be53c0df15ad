//! Signals as events. They are caught only while something waits for them.

#[cfg(unix)]
#[path = "signals/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "signals/windows.rs"]
mod system;

pub use system::ExitSignals;
pub(crate) use system::TerminalSignals;
#[cfg(windows)]
pub(crate) use system::tell_resized;

impl ExitSignals {
    /// Catches the signals until the process exits, even after this is dropped, for a program that
    /// decides itself how it ends.
    ///
    /// # Errors
    /// As [`ExitSignals::catch`].
    ///
    /// # Panics
    /// As [`ExitSignals::catch`].
    #[doc(hidden)]
    pub fn catch_for_good() -> std::io::Result<Self> {
        std::mem::forget(Self::catch()?);
        Self::catch()
    }
}

/// A signal that ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitSignal {
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGINT: Ctrl-C, unless the terminal is in raw mode.
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

/// A signal that the terminal or its shell sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(windows, allow(dead_code))]
pub(crate) enum TerminalSignal {
    /// SIGTSTP: stop. Never on Windows.
    Stop,
    /// SIGCONT: go on, in the foreground or in the background. Never on Windows.
    Continue,
    /// SIGWINCH: the window has another size.
    Resize,
}
