//! The terminal: how much of it is taken, and one way back that everybody uses.
//!
//! Whatever ends the program, [`restore`] has run: at the end of the session's guard, in the
//! panic hook, and before the program stops for Ctrl-Z (threat 16).
//!
//! The full screen takes all of it; the line by line conversation only stops the echo.

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
use system::{Device, WayBack};

use crate::error::{Error, Result};

/// Closes a hyperlink (OSC 8) that was left open.
const CLOSE_HYPERLINK: &str = "\x1b]8;;\x1b\\";

/// How much of the terminal is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalMode {
    /// Raw keys, alternate screen, bracketed paste.
    FullScreen,
    /// No echo, and no line discipline with its limit of 4,095 bytes a line. Signals stay
    /// keys' business, and nothing is written: a dumb terminal would print it.
    HiddenLine,
    /// As it was: words that may be seen.
    VisibleLine,
}

/// What the panic hook and everybody else need to put the terminal back.
struct Way {
    back: WayBack,
    mode: TerminalMode,
}

/// Set while the terminal is ours. A lock, not an atomic, because it holds the way back;
/// nobody ever waits for it long.
static ENTERED: Mutex<Option<Way>> = Mutex::new(None);

/// The terminal while the full screen runs. Dropping it restores.
#[derive(Debug)]
pub struct Terminal {
    device: Device,
    mode: TerminalMode,
    _panic_hook: PanicHook,
}

impl Terminal {
    /// Opens the terminal and takes it as far as `mode` says.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when standard input is no terminal, or for the full screen
    /// standard output is none.
    pub fn enter(mode: TerminalMode) -> Result<Self> {
        let needs_output = mode == TerminalMode::FullScreen;
        if !io::stdin().is_terminal() || (needs_output && !io::stdout().is_terminal()) {
            return Err(Error::usage("The full screen needs a terminal")
                .with_hint("Start it in a terminal"));
        }
        let unusable = |source: io::Error| {
            Error::usage("The terminal cannot be used")
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
        let way = Way {
            back: self.device.way_back()?,
            mode: self.mode,
        };
        // Taken already: SIGSTOP gave nobody a chance to give it back.
        self.device
            .set(self.mode, &entered().get_or_insert(way).back)?;
        if self.mode == TerminalMode::FullScreen {
            self.device.print(&entering());
        }
        Ok(())
    }

    /// Whether it has not been closed.
    pub fn is_there(&self) -> bool {
        self.device.is_there()
    }

    /// Whether what is typed at a line from now on is hidden. Nothing but the echo changes.
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
            Some(way) => self.device.set(mode, &way.back),
            None => Ok(()),
        }
    }

    /// Gives the terminal back and stops the program, as Ctrl-Z does elsewhere; SIGCONT and
    /// [`Terminal::resume`] follow. False, and nothing is done, where no shell with job
    /// control could bring it back: the system would ignore SIGTSTP, too.
    pub fn suspend(&self) -> bool {
        self.device.suspend(restore)
    }

    /// After SIGCONT: takes the terminal again. False while the program goes on in the
    /// background: it must leave the terminal alone, or the system would stop it.
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

    /// Back to the alternate screen after [`Terminal::step_aside`].
    pub fn step_back(&self) {
        // Whatever is printed after the full screen begins on a line of its own.
        self.device.print(b"\r\n");
        self.device.print(&entering());
    }

    /// How large it is now.
    pub fn size(&self) -> Size {
        // Serial lines and some pseudo-terminals do not know.
        self.device.size().unwrap_or(Size::new(80, 24))
    }

    /// Reads what was typed. `Ok(0)` and errors mean that the terminal is gone. Cancel safe.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.device.read(buffer).await
    }

    /// Writes as much as the terminal takes. Cancel safe: nothing is written when it is dropped.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        // Held while writing: a panic in a thread gives the terminal back meanwhile, and
        // nothing may be drawn on it after that.
        let hold = || Some(entered()).filter(|entered| entered.is_some());
        self.device.write(bytes, hold).await
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back as it was; does nothing when it already is.
pub fn restore() {
    let Some(Way { back, mode }) = entered().take() else {
        return;
    };
    if mode == TerminalMode::FullScreen {
        back.print(&leaving());
    }
    back.restore();
}

/// Whether the terminal is ours.
fn is_entered() -> bool {
    entered().is_some()
}

fn entered() -> MutexGuard<'static, Option<Way>> {
    ENTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Alternate screen, bracketed paste.
fn entering() -> Vec<u8> {
    let mut bytes = Vec::new();
    // Memory takes everything.
    let _ = queue!(
        bytes,
        EnterAlternateScreen,
        EnableBracketedPaste,
        Clear(ClearType::All),
        MoveTo(0, 0)
    );
    bytes
}

/// Attributes, an open hyperlink, bracketed paste, cursor, main screen: back to normal.
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
