//! A pseudo-terminal with a program in it, a picture of its screen, and everything that was
//! ever written to it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write as _};
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portable_pty::{CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::termios::{OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

use crate::patience::PATIENCE;

/// The code of a program that a signal ended.
pub const KILLED: u32 = u32::MAX;

/// A program to start, and the terminal to start it in.
pub struct Launch {
    pub program: OsString,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub columns: u16,
    pub rows: u16,
}

/// A running program and its terminal.
pub struct Pty {
    shared: Arc<Console>,
    /// `None` once the terminal is gone.
    master: Option<Box<dyn MasterPty + Send>>,
    /// Kept open so that the terminal's modes can be read after the program's end.
    slave: Option<Box<dyn SlavePty + Send>>,
    keyboard: Option<Box<dyn std::io::Write + Send>>,
    pid: Pid,
    modes: String,
}

/// The program's exit code, and the terminal that it left behind.
#[derive(Debug)]
pub struct Aftermath {
    pub code: u32,
    /// The terminal's modes are those from before.
    pub same_modes: bool,
    pub screen: vt100::Screen,
    pub output: Vec<u8>,
}

struct Console {
    state: Mutex<ConsoleState>,
    changed: Condvar,
    /// Held, this keeps the terminal from reading.
    reading: Mutex<()>,
}

struct ConsoleState {
    terminal: vt100::Parser,
    output: Vec<u8>,
    /// The window is being closed.
    closing: bool,
    read_to_the_end: bool,
    code: Option<u32>,
}

impl Console {
    fn state(&self) -> MutexGuard<'_, ConsoleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut ConsoleState)) {
        change(&mut self.state());
        self.changed.notify_all();
    }
}

impl Launch {
    pub fn start(self) -> Pty {
        let pair = native_pty_system()
            .openpty(size(self.columns, self.rows))
            .unwrap();
        let modes = modes(&*pair.master);
        let mut command = CommandBuilder::new(self.program);
        command.args(self.arguments);
        command.env_clear();
        for (name, value) in self.environment {
            command.env(name, value);
        }
        command.cwd("/");
        let mut child = pair.slave.spawn_command(command).unwrap();
        let pid = child.process_id().unwrap().cast_signed();
        let terminal = vt100::Parser::new(cells(self.rows), cells(self.columns), 0);
        let shared = Arc::new(Console {
            state: Mutex::new(ConsoleState {
                terminal,
                output: Vec::new(),
                closing: false,
                read_to_the_end: false,
                code: None,
            }),
            changed: Condvar::new(),
            reading: Mutex::new(()),
        });
        let reader = pair.master.try_clone_reader().unwrap();
        let (watching, waiting) = (Arc::clone(&shared), Arc::clone(&shared));
        std::thread::spawn(move || watch(reader, &watching));
        std::thread::spawn(move || {
            let status = child.wait().unwrap();
            let code = status.signal().map_or(status.exit_code(), |_| KILLED);
            waiting.change(|state| state.code = Some(code));
        });
        Pty {
            shared,
            keyboard: Some(pair.master.take_writer().unwrap()),
            master: Some(pair.master),
            slave: Some(pair.slave),
            pid: Pid::from_raw(pid).unwrap(),
            modes,
        }
    }
}

impl Pty {
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Types, or pastes.
    pub fn send(&mut self, keys: impl AsRef<[u8]>) {
        let keyboard = self.keyboard.as_mut().unwrap();
        keyboard.write_all(keys.as_ref()).unwrap();
        keyboard.flush().unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        let sent = kill_process(self.pid, signal);
        let code = self.shared.state().code;
        assert!(sent.is_ok(), "{sent:?}, {code:?}:\n{}", self.text());
    }

    /// To the process group in the foreground: a shell's job, or the program.
    pub fn signal_group(&self, signal: Signal) {
        let master = self.master.as_ref().unwrap();
        let group = Pid::from_raw(master.process_group_leader().unwrap()).unwrap();
        kill_process_group(group, signal).unwrap();
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        // First the picture: the program draws for the new size as soon as it knows it.
        let mut state = self.shared.state();
        state.terminal.set_size(cells(rows), cells(columns));
        drop(state);
        let master = self.master.as_ref().unwrap();
        master.resize(size(columns, rows)).unwrap();
    }

    /// Tells the program of a size that no picture here is made for.
    pub fn claim_size(&self, columns: u16, rows: u16) {
        let master = self.master.as_ref().unwrap();
        master.resize(size(columns, rows)).unwrap();
    }

    /// Returns the text on the screen, row by row.
    pub fn text(&self) -> String {
        self.shared.state().terminal.screen().contents()
    }

    /// Returns the terminal's picture.
    pub fn screen(&self) -> vt100::Screen {
        self.shared.state().terminal.screen().clone()
    }

    /// Returns everything that was written so far.
    pub fn output(&self) -> Vec<u8> {
        self.shared.state().output.clone()
    }

    /// Waits until the screen shows this.
    pub fn sees(&self, text: &str) {
        self.until(text, |screen, _| screen.contents().contains(text));
    }

    /// Waits until the screen no longer shows this.
    pub fn sees_no(&self, text: &str) {
        self.until(&format!("no {text}"), |screen, _| {
            !screen.contents().contains(text)
        });
    }

    /// Waits until screen and output satisfy `is_so`.
    pub fn until(&self, what: &str, is_so: impl Fn(&vt100::Screen, &[u8]) -> bool) {
        let so = self.await_state(|state| is_so(state.terminal.screen(), &state.output));
        assert!(
            so,
            "waited for {what}, but the screen shows:\n{}",
            self.text()
        );
    }

    /// Returns whether nothing at all is written for this time.
    pub fn is_silent_for(&self, time: Duration) -> bool {
        let state = self.shared.state();
        let before = state.output.len();
        let (_state, waited) = self
            .shared
            .changed
            .wait_timeout_while(state, time, |state| state.output.len() == before)
            .unwrap_or_else(PoisonError::into_inner);
        waited.timed_out()
    }

    /// Reads nothing from the program as long as this takes.
    pub fn without_reading(&mut self, act: impl FnOnce(&mut Self)) {
        let shared = Arc::clone(&self.shared);
        let _held = shared.reading.lock().unwrap();
        act(self);
    }

    /// Returns whether the terminal's modes are those from before the program started.
    pub fn has_same_modes(&self) -> bool {
        modes(&**self.master.as_ref().unwrap()) == self.modes
    }

    /// Closes the terminal's window. A key that changes the picture has to be named.
    pub fn close(&mut self, key: &str) {
        // The reader holds the terminal open as long as it waits for output.
        self.shared.change(|state| state.closing = true);
        self.send(key);
        assert!(self.await_state(|state| state.read_to_the_end));
        self.forget_end_of_file();
        self.keyboard = None;
        self.slave = None;
        self.master = None;
    }

    /// Keeps the keyboard, when it goes, from typing Ctrl-D.
    fn forget_end_of_file(&self) {
        let tty = open(&**self.master.as_ref().unwrap());
        let mut modes = tcgetattr(&tty).unwrap();
        modes.special_codes[SpecialCodeIndex::VEOF] = 0;
        tcsetattr(&tty, OptionalActions::Now, &modes).unwrap();
    }

    /// Waits for the program's end alone.
    pub fn code(&self) -> u32 {
        let ended = self.await_state(|state| state.code.is_some());
        assert!(ended, "it goes on, and shows:\n{}", self.text());
        self.shared.state().code.unwrap()
    }

    /// Waits for the program's end, and for everything it has written.
    pub fn ended(mut self) -> Aftermath {
        let code = self.code();
        let same_modes = self.has_same_modes();
        self.slave = None;
        assert!(self.await_state(|state| state.read_to_the_end));
        let state = self.shared.state();
        Aftermath {
            code,
            same_modes,
            screen: state.terminal.screen().clone(),
            output: state.output.clone(),
        }
    }

    fn await_state(&self, is_so: impl Fn(&ConsoleState) -> bool) -> bool {
        let state = self.shared.state();
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !is_so(state))
            .unwrap_or_else(PoisonError::into_inner);
        is_so(&state)
    }
}

impl Drop for Pty {
    /// A test that failed leaves nothing running.
    fn drop(&mut self) {
        if self.shared.state().code.is_none() {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}

/// Ends with the program, or with the terminal.
fn watch(mut reader: Box<dyn Read + Send>, shared: &Console) {
    let mut buffer = [0; 4096];
    loop {
        drop(
            shared
                .reading
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let count = reader.read(&mut buffer).unwrap_or(0);
        shared.change(|state| {
            state.terminal.process(&buffer[..count]);
            state.output.extend(&buffer[..count]);
            state.read_to_the_end = count == 0 || state.closing;
        });
        if shared.state().read_to_the_end {
            return;
        }
    }
}

/// By the system's own call: the structure of musl's has room that nobody fills.
fn modes(master: &dyn MasterPty) -> String {
    let tty = open(master);
    format!("{:?}", tcgetattr(&tty).unwrap())
}

/// Opens the program's end, and does not make it this process's terminal.
fn open(master: &dyn MasterPty) -> File {
    OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NOCTTY.bits().cast_signed())
        .open(master.tty_name().unwrap())
        .unwrap()
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}
