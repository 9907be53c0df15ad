//! A terminal of Linux, macOS or the BSDs: a descriptor, and termios.
//!
//! If this user can open the terminal, the descriptor is our own and never blocks. A terminal that
//! belongs to another user (after `su`) or has no name here (in a container) is used through
//! standard input. That descriptor blocks, and must stay blocking, because the shell shares it. So
//! it is read only when input is ready, and a thread writes to it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use ratatui::layout::Size;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::getpgrp;
use rustix::termios::{
    self, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios,
};
use tokio::io::unix::AsyncFd;

use super::TerminalMode;
use crate::outlet::Outlet;

/// The longest time that a terminal which has stopped reading may delay the restore.
const STUCK: Duration = Duration::from_millis(100);

/// The terminal itself.
#[derive(Debug)]
pub struct Device {
    tty: AsyncFd<File>,
    /// Writes to a descriptor that blocks; `None` if it is our own.
    printer: Option<Outlet>,
}

/// The settings of a terminal.
pub type TerminalSettings = Termios;

impl Device {
    /// Opens the terminal that standard input is.
    #[expect(
        deprecated,
        reason = "AsyncFd's unsafe successor asks for what a File promises: it owns its descriptor"
    )]
    pub fn open() -> io::Result<Self> {
        let (tty, printer) = if let Some(tty) = open_by_name() {
            (tty, None)
        } else {
            let tty = File::from(io::stdin().as_fd().try_clone_to_owned()?);
            let printer = Outlet::new(tty.try_clone()?);
            (tty, Some(printer))
        };
        let tty = AsyncFd::new(tty)?;
        Ok(Self { tty, printer })
    }

    /// Returns its present settings.
    pub fn settings(&self) -> io::Result<TerminalSettings> {
        Ok(termios::tcgetattr(self.tty.get_ref())?)
    }

    /// Puts it into `mode`.
    pub fn set(&self, mode: TerminalMode, original: &TerminalSettings) -> io::Result<()> {
        let mut settings = original.clone();
        match mode {
            TerminalMode::FullScreen => settings.make_raw(),
            TerminalMode::HiddenLine => {
                settings.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            }
            TerminalMode::VisibleLine => {}
        }
        if mode != TerminalMode::VisibleLine {
            // Another reader of a shared descriptor may be faster. Then a read must return nothing
            // instead of blocking.
            settings.special_codes[SpecialCodeIndex::VMIN] = u8::from(self.printer.is_none());
            settings.special_codes[SpecialCodeIndex::VTIME] = 0;
        }
        termios::tcsetattr(self.tty.get_ref(), OptionalActions::Now, &settings)?;
        Ok(())
    }

    /// Restores the settings, unless another job has the terminal.
    pub fn restore(&self, original: &TerminalSettings) {
        let tty = self.tty.get_ref();
        // The shell has set its own modes, and the system would stop us for changing them.
        if is_in_background(tty) {
            return;
        }
        // Unread input may be a secret, which the shell must not receive.
        let _ = termios::tcflush(tty, QueueSelector::IFlush);
        let _ = termios::tcsetattr(tty, OptionalActions::Now, original);
    }

    /// Returns whether the terminal sends us signals. After `su` it may belong to another session.
    pub fn sends_signals(&self) -> bool {
        termios::tcgetpgrp(self.tty.get_ref()).is_ok()
    }

    /// Returns its size, if it knows it.
    pub fn size(&self) -> Option<Size> {
        let size = termios::tcgetwinsize(self.tty.get_ref()).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then(|| Size::new(size.ws_col, size.ws_row))
    }

    /// Reads what was typed. `Ok(0)` or an error means that it is gone. Cancel safe.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.tty.readable().await?;
            let read = ready.try_io(|tty| match &self.printer {
                Some(_) => read_shared(tty.get_ref(), buffer),
                None => tty.get_ref().read(buffer),
            });
            if let Ok(read) = read {
                return read;
            }
        }
    }

    /// Writes as much as it accepts while it holds the guard that `hold` returns. Without a guard,
    /// drops the bytes.
    pub async fn write<T>(&self, bytes: &[u8], hold: impl Fn() -> Option<T>) -> io::Result<usize> {
        if let Some(printer) = &self.printer {
            printer.drained().await?;
            if let Some(_held) = hold() {
                printer.send(bytes)?;
            }
            return Ok(bytes.len());
        }
        loop {
            let mut ready = self.tty.writable().await?;
            let Some(_held) = hold() else {
                return Ok(bytes.len());
            };
            if let Ok(written) = ready.try_io(|tty| tty.get_ref().write(bytes)) {
                return written;
            }
        }
    }

    /// Writes all bytes, unless the terminal stops reading for [`STUCK`].
    pub fn print(&self, mut bytes: &[u8]) {
        if let Some(printer) = &self.printer {
            // An error means that the terminal is gone.
            let _ = printer.send(bytes);
            let _ = printer.finish(STUCK);
            return;
        }
        let mut tty = self.tty.get_ref();
        while !bytes.is_empty() {
            match tty.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !is_ready(tty, PollFlags::OUT, STUCK) {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}

/// Returns whether another job has the terminal.
pub fn is_in_background(tty: impl AsFd) -> bool {
    let group = termios::tcgetpgrp(tty);
    group.is_ok_and(|group| group != getpgrp())
}

/// Opens the terminal's device again, because the descriptor that we share with the shell
/// must not become non-blocking.
fn open_by_name() -> Option<File> {
    let name = termios::ttyname(io::stdin(), Vec::new()).ok()?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
        .open(name.to_str().ok()?)
        .ok()
}

/// Reads from a descriptor that blocks. Checks first whether input is ready, because tokio only
/// remembers that it once was.
fn read_shared(mut tty: &File, buffer: &mut [u8]) -> io::Result<usize> {
    if !is_ready(tty, PollFlags::IN, Duration::ZERO) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let count = tty.read(buffer)?;
    // Nothing is left if another reader was faster, or if Ctrl-C has flushed the input.
    let was_taken =
        || termios::tcgetattr(tty).is_ok_and(|now| !now.local_modes.contains(LocalModes::ICANON));
    if count == 0 && was_taken() {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(count)
}

/// Waits for `patience` at most until the terminal can be read or written.
fn is_ready(tty: &File, what: PollFlags, patience: Duration) -> bool {
    let patience = Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(patience.subsec_nanos()),
    };
    matches!(
        poll(&mut [PollFd::new(tty, what)], Some(&patience)),
        Ok(1..)
    )
}
