//! Console events of Windows.

use std::io;

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close,
    ctrl_logoff, ctrl_shutdown,
};
use tokio::sync::Notify;

use super::{ExitSignal, TerminalSignal};

/// Notified of a new window size, which arrives among the keys, by the reader of the keys.
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
    /// Does nothing: a failed write ends no program on Windows.
    #[doc(hidden)]
    pub fn survive_large_files() {}

    /// Catches the console events.
    ///
    /// # Errors
    /// The system refuses a handler.
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

    /// Returns false: the end of the console is the end of the program.
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
            // The runtime shuts down, and the waiting task with it.
            else => std::future::pending().await,
        }
    }
}

/// Changes of the window's size, as events. No shell stops a program on Windows.
#[derive(Debug)]
pub struct TerminalSignals;

impl TerminalSignals {
    /// Watches the size, while the terminal is read.
    #[allow(clippy::unnecessary_wraps)] // It can fail elsewhere.
    pub fn catch() -> io::Result<Self> {
        Ok(Self)
    }

    /// Returns false: Ctrl-Z stops no program on Windows.
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
