//! The terminal: its modes, and one way to restore it.
//!
//! [`restore`] runs when a [`Terminal`] is dropped, in the panic hook, and before the program stops
//! for Ctrl-Z, so the terminal is restored however the program ends (threat 16).
//!
//! The full screen takes the whole terminal; `--plain` and `login` only turn the echo off.

#[cfg(unix)]
#[path = "terminal/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "terminal/windows.rs"]
mod system;

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossterm::cursor::{MoveTo, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::queue;
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::layout::Size;

pub use system::is_in_background;
use system::{Device, TerminalSettings};

use crate::error::{Error, Result};
use crate::signals::{TerminalSignal, TerminalSignals};

/// Closes a hyperlink (OSC 8) that was left open.
const CLOSE_HYPERLINK: &str = "\x1b]8;;\x1b\\";

/// The largest size that is drawn. No real screen is larger, and a bogus size (65535 by 65535) must
/// not exhaust memory.
const MAX_SIZE: Size = Size::new(1000, 300);

/// The time between two checks of the window's size when no signal reports a change, because the
/// host catches the signals or the terminal belongs to another session.
const SIZE_INTERVAL: Duration = Duration::from_millis(250);

/// The modes that the terminal is put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalMode {
    /// Raw keys, alternate screen, bracketed paste.
    FullScreen,
    /// No echo, and lines longer than the 4,095 bytes of the line discipline. Ctrl-C still makes a
    /// signal. Writes no escape sequence, because a dumb terminal would print it.
    HiddenLine,
    /// The terminal as it was, for answers that are not secret.
    VisibleLine,
}

/// The values needed to restore the terminal.
struct Entered {
    device: Arc<Device>,
    settings: TerminalSettings,
    mode: TerminalMode,
}

/// Set while the terminal is ours. The lock is held for moments only.
static ENTERED: Mutex<Option<Entered>> = Mutex::new(None);

/// The terminal in one of these modes. Dropping it restores the terminal.
#[derive(Debug)]
pub struct Terminal {
    device: Arc<Device>,
    mode: TerminalMode,
    /// `None` if the host catches signals itself.
    signals: Option<TerminalSignals>,
    polls_size: bool,
    shows: Shows,
    _panic_hook: PanicHook,
}

/// The current contents of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// The full screen, or the conversation.
    Program,
    /// The text of [`Terminal::step_aside`].
    Text,
    /// The program was stopped or runs in the background: the terminal is the shell's.
    Shell,
}

/// Something that happened at the terminal.
#[derive(Debug)]
pub enum TerminalEvent {
    /// This many bytes were read. Zero is the end of the input, as after Ctrl-D.
    Read(usize),
    /// This many bytes were written.
    Written(usize),
    /// The window may have another size.
    Resized,
    /// The program was continued after a stop, in the foreground or in the background.
    Resumed,
}

impl Terminal {
    /// Opens the terminal and puts it into `mode`. Before that, catches the signals of the terminal
    /// and its shell, unless the host catches signals itself.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when standard input, or for the full screen standard output, is not a
    /// terminal. [`ErrorKind::Internal`] when the terminal cannot be used.
    pub fn enter(mode: TerminalMode, host_catches_signals: bool) -> Result<Self> {
        let is_full_screen = mode == TerminalMode::FullScreen;
        if !io::stdin().is_terminal() || (is_full_screen && !io::stdout().is_terminal()) {
            return Err(Error::usage("The full screen needs a terminal")
                .with_hint("Start it in a terminal"));
        }
        let unusable = |source: io::Error| {
            Error::internal("Could not use the terminal")
                .with_source(source)
                .with_hint("Try another terminal")
        };
        let signals = (!host_catches_signals).then(TerminalSignals::catch);
        let signals = signals.transpose().map_err(unusable)?;
        let device = Arc::new(Device::open().map_err(unusable)?);
        let mut terminal = Self {
            polls_size: is_full_screen && (signals.is_none() || !device.sends_signals()),
            device,
            mode,
            signals,
            shows: Shows::Program,
            _panic_hook: PanicHook::install(),
        };
        terminal.take().map_err(unusable)?;
        Ok(terminal)
    }

    fn take(&mut self) -> io::Result<()> {
        let now = Entered {
            device: Arc::clone(&self.device),
            settings: self.device.settings()?,
            mode: self.mode,
        };
        // The state is still set after SIGSTOP, which left no chance to restore the terminal.
        let mut entered = entered();
        let settings = &entered.get_or_insert(now).settings;
        self.device.set(self.mode, settings)?;
        drop(entered);
        if self.mode == TerminalMode::FullScreen {
            self.device.print(&entering());
        }
        self.shows = Shows::Program;
        Ok(())
    }

    /// Waits until something was read or some of `output` written, or until the window changes.
    /// Meanwhile SIGTSTP stops the program and SIGCONT continues it. Cancel safe: dropping the
    /// future reads and writes nothing.
    ///
    /// # Errors
    /// The terminal is gone.
    pub async fn next(&mut self, buffer: &mut [u8], output: &[u8]) -> io::Result<TerminalEvent> {
        loop {
            let is_ours = self.shows != Shows::Shell;
            let signal = tokio::select! {
                Some(signal) = async { Some(self.signals.as_mut()?.next().await) } => signal,
                () = tokio::time::sleep(SIZE_INTERVAL), if self.polls_size => TerminalSignal::Resize,
                written = write(&self.device, output), if is_ours && !output.is_empty() => {
                    return written.map(TerminalEvent::Written);
                }
                read = self.device.read(buffer), if is_ours => {
                    if matches!(read, Ok(0)) {
                        // This fails if the terminal is gone.
                        self.device.settings()?;
                    }
                    return read.map(TerminalEvent::Read);
                }
            };
            match signal {
                TerminalSignal::Stop => self.suspend(),
                TerminalSignal::Resize => return Ok(TerminalEvent::Resized),
                TerminalSignal::Continue => return self.resume().map(|()| TerminalEvent::Resumed),
            }
        }
    }

    /// Restores the terminal and stops the program, as Ctrl-Z does elsewhere. Does nothing if no
    /// shell with job control could continue the program: the system would ignore SIGTSTP, too.
    pub fn suspend(&mut self) {
        // If SIGCONT were not caught as well, the program would not take the terminal back.
        if let Some(signals) = self.signals.as_ref().filter(|signals| signals.may_stop()) {
            restore();
            signals.stop_program();
            self.shows = Shows::Shell;
        }
    }

    /// Takes the terminal again after SIGCONT, unless the program now runs in the background, where
    /// the system would stop it for touching the terminal.
    fn resume(&mut self) -> io::Result<()> {
        if is_in_background(io::stdin()) {
            self.shows = Shows::Shell;
            return Ok(());
        }
        self.take()
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
            Some(entered) => self.device.set(mode, &entered.settings),
            None => Ok(()),
        }
    }

    /// Leaves the alternate screen and prints `text` there; keys stay raw.
    pub fn step_aside(&mut self, text: &str) {
        self.shows = Shows::Text;
        self.device.print(&leaving());
        self.device.print(text.as_bytes());
    }

    /// Returns to the alternate screen, and returns whether [`Terminal::step_aside`] had left it.
    pub fn step_back(&mut self) -> bool {
        if self.shows != Shows::Text {
            return false;
        }
        self.shows = Shows::Program;
        // What is printed after the full screen then begins on a new line.
        self.device.print(b"\r\n");
        self.device.print(&entering());
        true
    }

    /// Returns whether the full screen is visible.
    pub fn shows_screen(&self) -> bool {
        self.shows == Shows::Program
    }

    /// Returns the terminal's size, capped at [`MAX_SIZE`].
    pub fn size(&self) -> Size {
        // Serial lines and some pseudo-terminals do not know their size.
        let size = self.device.size().unwrap_or(Size::new(80, 24));
        Size::new(
            size.width.min(MAX_SIZE.width),
            size.height.min(MAX_SIZE.height),
        )
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Writes as much as the terminal accepts. Cancel safe.
async fn write(device: &Device, bytes: &[u8]) -> io::Result<usize> {
    // Held while writing, because a panic in another thread may restore the terminal, and nothing
    // may be drawn after that.
    let hold = || Some(entered()).filter(|entered| entered.is_some());
    device.write(bytes, hold).await
}

/// Restores the terminal. Returns false, and does nothing, when it is restored already.
pub fn restore() -> bool {
    let Some(entered) = entered().take() else {
        return false;
    };
    if entered.mode == TerminalMode::FullScreen {
        entered.device.print(&leaving());
    }
    entered.device.restore(&entered.settings);
    true
}

fn entered() -> MutexGuard<'static, Option<Entered>> {
    ENTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// A panic hook that restores the terminal and ends the program, whatever task or thread panics.
/// Unwinding would end only that task, and the loop would continue in a restored terminal. Dropping
/// it brings back the previous hook.
struct PanicHook {
    before: Option<Arc<Box<Hook>>>,
}

impl PanicHook {
    fn install() -> Self {
        let before = Arc::new(take_hook());
        let print = Arc::clone(&before);
        set_hook(Box::new(move |panic| {
            let was_ours = restore();
            print(panic);
            if was_ours {
                std::process::exit(101);
            }
        }));
        Self {
            before: Some(before),
        }
    }
}

impl Drop for PanicHook {
    fn drop(&mut self) {
        // A panicking thread cannot change the hook.
        if std::thread::panicking() {
            return;
        }
        drop(take_hook());
        if let Some(before) = self.before.take().and_then(Arc::into_inner) {
            set_hook(before);
        }
    }
}

impl fmt::Debug for PanicHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PanicHook")
    }
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
