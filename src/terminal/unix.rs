//! A terminal of Linux, macOS or the BSDs: a descriptor, and termios.
//!
//! The descriptor is our own, which never blocks, wherever this user can open the terminal. A
//! terminal that belongs to another user (after `su`) or has no name here (in a container) is
//! used through standard input, which the shell has too and which blocks: see [`shared`].

#[path = "unix/shared.rs"]
mod shared;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use ratatui::layout::Size;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::{Signal, getpgrp, kill_current_process_group};
use rustix::termios::{
    self, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios,
};
use tokio::io::unix::AsyncFd;

use shared::Shared;

use super::TerminalMode;
use crate::outlet::Outlet;
use crate::signals::is_under_job_control;

/// Longest time that a terminal which has stopped reading may delay the restore.
const STUCK: Duration = Duration::from_millis(100);

/// The terminal itself.
#[derive(Debug)]
pub struct Device {
    tty: AsyncFd<File>,
    /// Set where the descriptor is not our own.
    shared: Option<Shared>,
}

/// The terminal as it was, and a descriptor that outlives the [`Device`].
pub struct Original {
    tty: File,
    settings: Termios,
    printer: Option<Outlet>,
}

impl TerminalMode {
    /// Returns the terminal's settings in this mode.
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

impl Device {
    /// Opens the terminal that standard input is.
    pub fn open() -> io::Result<Self> {
        if let Some(tty) = open_by_name() {
            return Ok(Self {
                tty: watch(tty)?,
                shared: None,
            });
        }
        let tty = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Self {
            shared: Some(Shared::new(tty.try_clone()?)),
            tty: watch(tty)?,
        })
    }

    /// Returns what is needed to restore it.
    pub fn original(&self) -> io::Result<Original> {
        let tty = self.tty.get_ref();
        Ok(Original {
            settings: termios::tcgetattr(tty)?,
            tty: tty.try_clone()?,
            printer: self.shared.as_ref().map(Shared::printer),
        })
    }

    /// Puts it into `mode`.
    pub fn set(&self, mode: TerminalMode, original: &Original) -> io::Result<()> {
        let taken = mode.of(original.settings.clone());
        termios::tcsetattr(self.tty.get_ref(), OptionalActions::Now, &taken)?;
        Ok(())
    }

    /// Returns whether the terminal still exists.
    pub fn is_there(&self) -> bool {
        termios::tcgetattr(self.tty.get_ref()).is_ok()
    }

    /// Returns whether it sends us signals: after `su` it may be another session's.
    pub fn sends_signals(&self) -> bool {
        termios::tcgetpgrp(self.tty.get_ref()).is_ok()
    }

    /// Returns whether another job has it.
    pub fn is_in_background(&self) -> bool {
        is_in_background(self.tty.get_ref())
    }

    /// Restores the terminal and stops the program until SIGCONT.
    #[expect(
        clippy::unused_self,
        reason = "only the holder of the terminal can restore it"
    )]
    pub fn suspend(&self, restore: fn()) -> bool {
        if !is_under_job_control() {
            return false;
        }
        restore();
        // SIGSTOP, because SIGTSTP has a handler. To the whole group, because a parent in it
        // would go on waiting, and the shell with it.
        kill_current_process_group(Signal::STOP).is_ok()
    }

    /// Returns its size, if it knows that.
    pub fn size(&self) -> Option<Size> {
        let size = termios::tcgetwinsize(self.tty.get_ref()).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then(|| Size::new(size.ws_col, size.ws_row))
    }

    /// Reads what was typed. `Ok(0)` or an error means that it is gone. Cancel safe.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(shared) = &self.shared {
            return shared.read(&self.tty, buffer).await;
        }
        loop {
            let mut ready = self.tty.readable().await?;
            if let Ok(read) = ready.try_io(|tty| tty.get_ref().read(buffer)) {
                return read;
            }
        }
    }

    /// Writes as much as it accepts while `hold` returns a guard; drops the bytes when it
    /// returns none.
    pub async fn write<T>(&self, bytes: &[u8], hold: impl Fn() -> Option<T>) -> io::Result<usize> {
        if let Some(shared) = &self.shared {
            return shared.write(bytes, hold).await;
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

    /// Writes all of it, unless the terminal stops reading for [`STUCK`].
    pub fn print(&self, bytes: &[u8]) {
        let printer = self.shared.as_ref().map(Shared::printer);
        write_patiently(self.tty.get_ref(), printer.as_ref(), bytes);
    }
}

impl Original {
    /// Writes all of it, unless the terminal stops reading for [`STUCK`].
    pub fn print(&self, bytes: &[u8]) {
        write_patiently(&self.tty, self.printer.as_ref(), bytes);
    }

    /// Restores the settings.
    pub fn restore(self) {
        // By then the shell has set its own modes, and the system would stop us for changing them.
        if is_in_background(&self.tty) {
            return;
        }
        // Typed or pasted text that was not read yet may be a secret: the shell must not get it.
        let _ = termios::tcflush(&self.tty, QueueSelector::IFlush);
        let _ = termios::tcsetattr(&self.tty, OptionalActions::Now, &self.settings);
    }
}

/// Returns whether another job has the terminal.
pub fn is_in_background(tty: impl AsFd) -> bool {
    let group = termios::tcgetpgrp(tty);
    group.is_ok_and(|group| group != getpgrp())
}

/// Watches for the moments at which the terminal can be read or written.
#[expect(
    deprecated,
    reason = "its unsafe successor asks for what a File promises: it owns its one descriptor"
)]
fn watch(tty: File) -> io::Result<AsyncFd<File>> {
    AsyncFd::new(tty)
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

/// Writes all of it, unless the terminal stops reading for [`STUCK`].
fn write_patiently(mut tty: &File, printer: Option<&Outlet>, mut bytes: &[u8]) {
    if let Some(printer) = printer {
        // A terminal that is gone needs nothing.
        let _ = printer.send(bytes);
        let _ = printer.finish(STUCK);
        return;
    }
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
