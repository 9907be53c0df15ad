//! Console events of Windows.

use std::io;

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close,
    ctrl_logoff, ctrl_shutdown,
};
use tokio::sync::Notify;

use super::{ExitSignal, TerminalSignal};

/// The window's size comes among the keys: the reader of those reports it here.
static RESIZED: Notify = Notify::const_new();

/// The console events that end the program. Dropping this does not bring back their default: the
/// system asks every handler, and tokio's stays.
#[derive(Debug)]
pub struct ExitSignals {
    interrupt: CtrlC,
    quit: CtrlBreak,
    close: CtrlClose,
    log_off: CtrlLogoff,
    shut_down: CtrlShutdown,
}

impl ExitSignals {
    /// Does nothing: a write that fails ends no program here.
    #[doc(hidden)]
    pub fn survive_large_files() {}

    /// Catches the signals: from now on they do not end the program by themselves.
    ///
    /// # Errors
    /// The system takes no handler.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            quit: ctrl_break()?,
            close: ctrl_close()?,
            log_off: ctrl_logoff()?,
            shut_down: ctrl_shutdown()?,
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
    #[doc(hidden)]
    pub fn catch_for_good() -> io::Result<Self> {
        Self::catch()
    }

    /// Returns whether the end of the terminal is not the end of the program: never here.
    #[allow(clippy::unused_self)] // It depends elsewhere.
    #[doc(hidden)]
    pub fn ignore_hangup(&self) -> bool {
        false
    }

    /// Waits for the next one. Cancel safe.
    pub async fn next(&mut self) -> ExitSignal {
        tokio::select! {
            Some(()) = self.interrupt.recv() => ExitSignal::Interrupt,
            Some(()) = self.quit.recv() => ExitSignal::Quit,
            Some(()) = self.close.recv() => ExitSignal::Hangup,
            Some(()) = self.log_off.recv() => ExitSignal::Hangup,
            Some(()) = self.shut_down.recv() => ExitSignal::Terminate,
            // The runtime shuts down, which ends this future, too.
            else => std::future::pending().await,
        }
    }
}

/// Changes of the window's size, as events. No shell here stops a program.
#[derive(Debug)]
pub struct TerminalSignals;

impl TerminalSignals {
    /// Watches the size, while the terminal is read.
    #[allow(clippy::unnecessary_wraps)] // It can fail elsewhere.
    pub fn catch() -> io::Result<Self> {
        Ok(Self)
    }

    /// Returns whether Ctrl-Z may stop the program: never here.
    #[allow(clippy::unused_self)] // It depends elsewhere.
    pub fn may_stop(&self) -> bool {
        false
    }

    /// Does nothing.
    #[allow(clippy::unused_self)]
    pub fn stop_program(&self) {}

    /// Waits for the next one. Cancel safe.
    pub async fn next(&mut self) -> TerminalSignal {
        RESIZED.notified().await;
        TerminalSignal::Resize
    }
}

/// Wakes the task that waits for the next size.
pub fn tell_resized() {
    RESIZED.notify_one();
}
