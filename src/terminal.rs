//! The terminal: a descriptor of our own, raw mode, and one way back that everybody uses.
//!
//! Whatever ends the program, [`restore`] has run: at the end of the session's guard, in the
//! panic hook, and before the program stops for Ctrl-Z (threat 16).
//!
//! The full screen takes all of it; the line by line conversation only stops the echo.

mod panic_hook;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crossterm::cursor::{MoveTo, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::queue;
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::layout::Size;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::termios::{
    self, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios,
};
use tokio::io::unix::AsyncFd;

use panic_hook::PanicHook;

use crate::error::{Error, Result};
use crate::signals::is_under_job_control;

/// Closes a hyperlink (OSC 8) that was left open.
const CLOSE_HYPERLINK: &str = "\x1b]8;;\x1b\\";

/// How long a terminal that does not read may delay the restore.
const STUCK: Duration = Duration::from_millis(100);

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

impl TerminalMode {
    /// The terminal's settings in this mode.
    fn of(self, mut settings: Termios) -> Termios {
        match self {
            Self::FullScreen => settings.make_raw(),
            Self::HiddenLine => {
                settings.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
                settings.special_codes[SpecialCodeIndex::VMIN] = 1;
                settings.special_codes[SpecialCodeIndex::VTIME] = 0;
            }
            Self::VisibleLine => {}
        }
        settings
    }
}

/// What the panic hook and everybody else need to put the terminal back.
struct Way {
    back: OwnedFd,
    original: Termios,
    mode: TerminalMode,
}

/// Set while the terminal is ours. A lock, not an atomic, because it holds the way back;
/// nobody ever waits for it long.
static ENTERED: Mutex<Option<Way>> = Mutex::new(None);

/// The terminal while the full screen runs. Dropping it restores.
#[derive(Debug)]
pub struct Terminal {
    tty: AsyncFd<File>,
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
        let tty = open().map_err(unusable)?;
        let terminal = Self {
            tty: watch(tty).map_err(unusable)?,
            mode,
            _panic_hook: PanicHook::install(),
        };
        terminal.take().map_err(unusable)?;
        Ok(terminal)
    }

    fn take(&self) -> io::Result<()> {
        let tty = self.tty.get_ref();
        let way = Way {
            original: termios::tcgetattr(tty)?,
            back: tty.as_fd().try_clone_to_owned()?,
            mode: self.mode,
        };
        // Taken already: SIGSTOP gave nobody a chance to give it back.
        let original = entered().get_or_insert(way).original.clone();
        let taken = self.mode.of(original);
        termios::tcsetattr(tty, OptionalActions::Now, &taken)?;
        if self.mode == TerminalMode::FullScreen {
            write_patiently(tty, &entering());
        }
        Ok(())
    }

    /// Whether it has not been closed.
    pub fn is_there(&self) -> bool {
        termios::tcgetattr(self.tty.get_ref()).is_ok()
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
        let original = entered().as_ref().map(|way| way.original.clone());
        match original {
            Some(original) => {
                let taken = mode.of(original);
                termios::tcsetattr(self.tty.get_ref(), OptionalActions::Now, &taken)?;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Gives the terminal back and stops the program, as Ctrl-Z does elsewhere; SIGCONT and
    /// [`Terminal::resume`] follow. False, and nothing is done, where no shell with job
    /// control could bring it back: the system would ignore SIGTSTP, too.
    #[expect(
        clippy::unused_self,
        reason = "only who has the terminal can give it back"
    )]
    pub fn suspend(&self) -> bool {
        if !is_under_job_control() {
            return false;
        }
        restore();
        // SIGSTOP: SIGTSTP has a handler by now. To the whole group: a program around this
        // one would wait on, and the shell with it.
        let stop = rustix::process::Signal::STOP;
        rustix::process::kill_current_process_group(stop).is_ok()
    }

    /// After SIGCONT: takes the terminal again. False while the program goes on in the
    /// background: it must leave the terminal alone, or the system would stop it.
    pub fn resume(&self) -> io::Result<bool> {
        if is_in_background(self.tty.get_ref()) {
            return Ok(false);
        }
        self.take().map(|()| true)
    }

    /// Leaves the alternate screen and prints `text` there; keys stay raw.
    pub fn step_aside(&self, text: &str) {
        let tty = self.tty.get_ref();
        write_patiently(tty, &leaving());
        write_patiently(tty, text.as_bytes());
    }

    /// Back to the alternate screen after [`Terminal::step_aside`].
    pub fn step_back(&self) {
        // Whatever is printed after the full screen begins on a line of its own.
        write_patiently(self.tty.get_ref(), b"\r\n");
        write_patiently(self.tty.get_ref(), &entering());
    }

    /// How large it is now.
    pub fn size(&self) -> Size {
        match termios::tcgetwinsize(self.tty.get_ref()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size::new(size.ws_col, size.ws_row),
            // Serial lines and some pseudo-terminals do not know.
            _ => Size::new(80, 24),
        }
    }

    /// Reads what was typed. `Ok(0)` and errors mean that the terminal is gone. Cancel safe.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.tty.readable().await?;
            if let Ok(read) = ready.try_io(|tty| tty.get_ref().read(buffer)) {
                return read;
            }
        }
    }

    /// Writes as much as the terminal takes. Cancel safe: nothing is written when it is dropped.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.tty.writable().await?;
            // Held while writing: a panic in a thread gives the terminal back meanwhile, and
            // nothing may be drawn on it after that.
            let entered = entered();
            if entered.is_none() {
                return Ok(bytes.len());
            }
            if let Ok(written) = ready.try_io(|tty| tty.get_ref().write(bytes)) {
                return written;
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back as it was; does nothing when it already is.
pub fn restore() {
    let Some(way) = entered().take() else {
        return;
    };
    let Way {
        back,
        original,
        mode,
    } = way;
    let tty = File::from(back);
    if mode == TerminalMode::FullScreen {
        write_patiently(&tty, &leaving());
    }
    // The shell has its own modes by then, and the system would stop us for touching them.
    if is_in_background(&tty) {
        return;
    }
    // What was typed or pasted and not read yet may be a secret: the shell must not get it.
    let _ = termios::tcflush(&tty, QueueSelector::IFlush);
    let _ = termios::tcsetattr(&tty, OptionalActions::Now, &original);
}

/// Whether another job has the terminal.
pub fn is_in_background(tty: impl AsFd) -> bool {
    let group = termios::tcgetpgrp(tty);
    group.is_ok_and(|group| group != rustix::process::getpgrp())
}

/// Whether the terminal is ours.
fn is_entered() -> bool {
    entered().is_some()
}

fn entered() -> std::sync::MutexGuard<'static, Option<Way>> {
    ENTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells when the terminal can be read or written.
#[expect(
    deprecated,
    reason = "its unsafe successor asks for what a File promises: it owns its one descriptor"
)]
fn watch(tty: File) -> io::Result<AsyncFd<File>> {
    AsyncFd::new(tty)
}

/// The terminal's device anew: a descriptor that is made non-blocking must not be the
/// shell's. Where the device has no name here (a container's other mounts), the shell's
/// is used as it is: every read and write waits for readiness first.
fn open() -> io::Result<File> {
    let stdin = io::stdin();
    let name = termios::ttyname(&stdin, Vec::new());
    let by_name = name.ok().and_then(|name| {
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
            .open(name.to_str().ok()?)
            .ok()
    });
    match by_name {
        Some(tty) => Ok(tty),
        None => Ok(File::from(stdin.as_fd().try_clone_to_owned()?)),
    }
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

/// Writes all of it unless the terminal stops reading for a while.
fn write_patiently(mut tty: &File, mut bytes: &[u8]) {
    let patience = Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(STUCK.subsec_nanos()),
    };
    while !bytes.is_empty() {
        match tty.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut descriptors = [PollFd::new(&tty, PollFlags::OUT)];
                if !matches!(poll(&mut descriptors, Some(&patience)), Ok(1..)) {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
