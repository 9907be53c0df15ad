//! A console of Windows: its modes, and crossterm's reader, whose keys become the bytes that a
//! terminal elsewhere would send.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crossterm::ansi_support::supports_ansi;
use crossterm::event::{Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm_winapi::{ConsoleMode, Handle};
use futures_core::Stream as _;
use ratatui::layout::Size;

use super::TerminalMode;
use crate::signals::tell_resized;

/// The console mode in which Ctrl-C is a signal.
const ENABLE_PROCESSED_INPUT: u32 = 0x0001;
/// The console mode in which reading waits for Enter.
const ENABLE_LINE_INPUT: u32 = 0x0002;
/// The console mode in which keys are echoed.
const ENABLE_ECHO_INPUT: u32 = 0x0004;

/// The console itself.
#[derive(Debug)]
pub struct Device {
    keys: Mutex<Keys>,
}

/// The typed keys, as bytes.
#[derive(Debug)]
struct Keys {
    events: EventStream,
    mode: TerminalMode,
    pending: VecDeque<u8>,
}

/// The modes of a console.
pub struct TerminalSettings {
    input: u32,
    output: Option<u32>,
}

impl Device {
    /// Opens the console that standard input is.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            keys: Mutex::new(Keys {
                events: EventStream::new(),
                mode: TerminalMode::VisibleLine,
                pending: VecDeque::new(),
            }),
        })
    }

    /// Returns its present modes.
    #[allow(clippy::unused_self)] // There is one console.
    pub fn settings(&self) -> io::Result<TerminalSettings> {
        Ok(TerminalSettings {
            input: input()?.mode()?,
            output: output().and_then(|output| output.mode()).ok(),
        })
    }

    /// Puts it into `mode`.
    pub fn set(&self, mode: TerminalMode, original: &TerminalSettings) -> io::Result<()> {
        let keys = ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT;
        let taken = match mode {
            TerminalMode::FullScreen if !supports_ansi() => {
                return Err(io::Error::other("this console knows no escape sequences"));
            }
            TerminalMode::FullScreen => original.input & !(keys | ENABLE_PROCESSED_INPUT),
            // Keys are read one by one. Visible ones are echoed here.
            TerminalMode::HiddenLine | TerminalMode::VisibleLine => original.input & !keys,
        };
        input()?.set_mode(taken)?;
        self.keys().mode = mode;
        Ok(())
    }

    /// Restores the modes.
    #[allow(clippy::unused_self)]
    pub fn restore(&self, original: &TerminalSettings) {
        // An error cannot be reported any more.
        let _ = input().and_then(|console| console.set_mode(original.input));
        if let Some(mode) = original.output {
            let _ = output().and_then(|console| console.set_mode(mode));
        }
    }

    /// Returns true: the console reports its size and Ctrl-C.
    #[allow(clippy::unused_self)] // It depends elsewhere.
    pub fn sends_signals(&self) -> bool {
        true
    }

    /// Returns its size, if it knows it.
    #[allow(clippy::unused_self)]
    pub fn size(&self) -> Option<Size> {
        let (columns, rows) = crossterm::terminal::size().ok()?;
        (columns > 0 && rows > 0).then(|| Size::new(columns, rows))
    }

    /// Reads what was typed. `Ok(0)` or an error means that it is gone. Cancel safe.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.keys().poll_read(cx, buffer)).await
    }

    /// Writes all bytes while it holds the guard that `hold` returns. Without a guard, drops them.
    #[allow(clippy::unused_self, clippy::unused_async)] // The console takes all of it.
    pub async fn write<T>(&self, bytes: &[u8], hold: impl Fn() -> Option<T>) -> io::Result<usize> {
        if let Some(_held) = hold() {
            print(bytes)?;
        }
        Ok(bytes.len())
    }

    /// Writes all of it.
    #[allow(clippy::unused_self)]
    pub fn print(&self, bytes: &[u8]) {
        // A console that is gone ends the program by itself.
        let _ = print(bytes);
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        // Reads all keys that wait, because many characters at once are a paste.
        while self.pending.len() < buffer.len() {
            match Pin::new(&mut self.events).poll_next(cx) {
                Poll::Ready(Some(Ok(event))) => self.take(&event),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Ok(0)),
                Poll::Pending => break,
            }
        }
        if self.pending.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(self.pending.read(buffer))
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                let bytes = bytes_of(key);
                if self.mode == TerminalMode::VisibleLine {
                    echo(&bytes);
                }
                self.pending.extend(bytes);
            }
            Event::Paste(text) => self.pending.extend(text.as_bytes()),
            Event::Resize(..) => tell_resized(),
            _ => {}
        }
    }
}

/// Returns whether another job has the terminal: there are no jobs here.
pub fn is_in_background(_terminal: impl Sized) -> bool {
    false
}

fn input() -> io::Result<ConsoleMode> {
    Handle::current_in_handle().map(ConsoleMode::from)
}

fn output() -> io::Result<ConsoleMode> {
    Handle::current_out_handle().map(ConsoleMode::from)
}

fn print(bytes: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(bytes)?;
    output.flush()
}

/// Echoes a key, as the console itself would.
fn echo(bytes: &[u8]) {
    if !io::stdout().is_terminal() {
        return;
    }
    let _ = match bytes {
        b"\r" => print(b"\r\n"),
        b"\x7f" => print(b"\x08 \x08"),
        [first, ..] if *first >= b' ' => print(bytes),
        _ => Ok(()),
    };
}

/// Returns the bytes that a terminal sends for a key, or none for a key without a meaning here.
fn bytes_of(key: &KeyEvent) -> Vec<u8> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    // AltGr, which types characters on some keyboards, arrives as Ctrl and Alt.
    let plain = !control || key.modifiers.contains(KeyModifiers::ALT);
    let sequence: &[u8] = match key.code {
        KeyCode::Char(c) if plain => return c.to_string().into_bytes(),
        // Ctrl-A is 1, and so on.
        KeyCode::Char(c) if c.is_ascii_alphabetic() => &[c.to_ascii_lowercase() as u8 - b'a' + 1],
        KeyCode::Enter => b"\r",
        KeyCode::Esc => b"\x1b",
        KeyCode::Backspace => b"\x7f",
        KeyCode::Tab => b"\t",
        KeyCode::BackTab => b"\x1b[Z",
        KeyCode::Up => b"\x1b[A",
        KeyCode::Down => b"\x1b[B",
        KeyCode::Right => b"\x1b[C",
        KeyCode::Left => b"\x1b[D",
        KeyCode::Home => b"\x1b[H",
        KeyCode::End => b"\x1b[F",
        KeyCode::Delete => b"\x1b[3~",
        _ => b"",
    };
    sequence.to_vec()
}
