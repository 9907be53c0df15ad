//! The terminal: the modes it is put into, and one way to restore it.
//!
//! However the program ends, [`restore`] runs: when a [`Terminal`] is dropped, in the panic
//! hook, and before the program stops for Ctrl-Z (threat 16).
//!
//! The full screen takes the whole terminal; `--plain` and `login` only turn the echo off.

mod panic_hook;
#[cfg(unix)]
#[path = "terminal/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "terminal/windows.rs"]
mod system;

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossterm::cursor::{MoveTo, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::queue;
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::layout::Size;

use panic_hook::PanicHook;
pub use system::is_in_background;
use system::{Device, Original};

use crate::error::{Error, Result};

/// Closes a hyperlink (OSC 8) that was left open.
const CLOSE_HYPERLINK: &str = "\x1b]8;;\x1b\\";

/// The most cells that are drawn on. More do not fit on any real screen, and a made-up size
/// (65535 by 65535) must not take all memory.
const MOST: Size = Size::new(1000, 300);

/// The modes that the terminal is put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalMode {
    /// Raw keys, alternate screen, bracketed paste.
    FullScreen,
    /// No echo, and none of the line discipline's limit of 4,095 bytes a line. Ctrl-C still
    /// makes a signal. Writes no escape sequence: a dumb terminal would print it.
    HiddenLine,
    /// The terminal as it was, for words that need not be hidden.
    VisibleLine,
}

/// All that is needed to restore the terminal.
struct Entered {
    original: Original,
    mode: TerminalMode,
}

/// Set while the terminal is ours. The lock is only held for moments.
static ENTERED: Mutex<Option<Entered>> = Mutex::new(None);

/// The terminal in one of these modes. Dropping it restores the terminal.
#[derive(Debug)]
pub struct Terminal {
    device: Device,
    mode: TerminalMode,
    _panic_hook: PanicHook,
}

impl Terminal {
    /// Opens the terminal and puts it into `mode`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when standard input is no terminal, or for the full screen
    /// standard output is none. [`ErrorKind::Internal`] when the terminal cannot be used.
    pub fn enter(mode: TerminalMode) -> Result<Self> {
        let needs_output = mode == TerminalMode::FullScreen;
        if !io::stdin().is_terminal() || (needs_output && !io::stdout().is_terminal()) {
            return Err(Error::usage("The full screen needs a terminal")
                .with_hint("Start it in a terminal"));
        }
        let unusable = |source: io::Error| {
            Error::internal("Could not use the terminal")
                .with_source(source)
                .with_hint("Try another terminal")
        };
        let terminal = Self {
            device: Device::open().map_err(unusable)?,
            mode,
            _panic_hook: PanicHook::install(),
        };
        terminal.take().map_err(unusable)?;
        Ok(terminal)
    }

    fn take(&self) -> io::Result<()> {
        let now = Entered {
            original: self.device.original()?,
            mode: self.mode,
        };
        // Taken already: SIGSTOP left no chance to restore it.
        let mut entered = entered();
        let original = &entered.get_or_insert(now).original;
        self.device.set(self.mode, original)?;
        drop(entered);
        if self.mode == TerminalMode::FullScreen {
            self.device.print(&entering());
        }
        Ok(())
    }

    /// Returns whether the terminal still exists.
    pub fn is_there(&self) -> bool {
        self.device.is_there()
    }

    /// Returns whether it sends us signals, as for a new size of the window.
    pub fn sends_signals(&self) -> bool {
        self.device.sends_signals()
    }

    /// Hides or shows what is typed from now on.
    pub fn hide(&mut self, hidden: bool) -> io::Result<()> {
        let mode = if hidden {
            TerminalMode::HiddenLine
        } else {
            TerminalMode::VisibleLine
        };
        if self.mode == mode {
            return Ok(());
        }
        self.mode = mode;
        match &*entered() {
            Some(entered) => self.device.set(mode, &entered.original),
            None => Ok(()),
        }
    }

    /// Restores the terminal and stops the program, as Ctrl-Z does elsewhere; SIGCONT and
    /// [`Terminal::resume`] follow. Does nothing and returns false where no shell with job
    /// control could continue the program: the system would ignore SIGTSTP there, too.
    pub fn suspend(&self) -> bool {
        self.device.suspend(restore)
    }

    /// Takes the terminal again after SIGCONT. Returns false while the program runs in the
    /// background: there the system would stop it for touching the terminal.
    pub fn resume(&self) -> io::Result<bool> {
        if self.device.is_in_background() {
            return Ok(false);
        }
        self.take().map(|()| true)
    }

    /// Leaves the alternate screen and prints `text` there; keys stay raw.
    pub fn step_aside(&self, text: &str) {
        self.device.print(&leaving());
        self.device.print(text.as_bytes());
    }

    /// Returns to the alternate screen after [`Terminal::step_aside`].
    pub fn step_back(&self) {
        // So that anything printed after the full screen begins on a line of its own.
        self.device.print(b"\r\n");
        self.device.print(&entering());
    }

    /// Returns the terminal's size, or the part of it that is used.
    pub fn size(&self) -> Size {
        // Serial lines and some pseudo-terminals do not know their size.
        let size = self.device.size().unwrap_or(Size::new(80, 24));
        Size::new(size.width.min(MOST.width), size.height.min(MOST.height))
    }

    /// Reads what was typed. `Ok(0)` or an error means that the terminal is gone. Cancel safe.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.device.read(buffer).await
    }

    /// Writes as much as the terminal accepts. Cancel safe: dropping the future writes nothing.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        // Held while writing: a panic in another thread may restore the terminal, and
        // nothing may be drawn after that.
        let hold = || Some(entered()).filter(|entered| entered.is_some());
        self.device.write(bytes, hold).await
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Restores the terminal; does nothing when it is restored already.
pub fn restore() {
    let Some(Entered { original, mode }) = entered().take() else {
        return;
    };
    if mode == TerminalMode::FullScreen {
        original.print(&leaving());
    }
    original.restore();
}

/// Returns whether the terminal is ours.
fn is_entered() -> bool {
    entered().is_some()
}

fn entered() -> MutexGuard<'static, Option<Entered>> {
    ENTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the sequences for the alternate screen and bracketed paste.
fn entering() -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _ = queue!(
        bytes,
        EnterAlternateScreen,
        EnableBracketedPaste,
        Clear(ClearType::All),
        MoveTo(0, 0)
    );
    bytes
}

/// Returns the sequences that reset attributes, hyperlinks, bracketed paste and the cursor,
/// and leave the alternate screen.
fn leaving() -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = queue!(
        bytes,
        SetAttribute(Attribute::Reset),
        Print(CLOSE_HYPERLINK),
        DisableBracketedPaste,
        Show,
        LeaveAlternateScreen
    );
    bytes
}
