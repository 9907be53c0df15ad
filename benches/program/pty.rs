//! A program in a pseudo-terminal, with the time at which each piece of its output came.

use std::io::Write;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

use crate::patience::PATIENCE;

/// A running program and its terminal. Killed when dropped.
pub struct Pty {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    pieces: Receiver<(Instant, Vec<u8>)>,
    modes: String,
    pub started: Instant,
    /// Keeps the terminal alive after the program's end.
    _slave: Box<dyn SlavePty + Send>,
}

impl Pty {
    pub fn start(command: &Command) -> Self {
        let pair = native_pty_system().openpty(size(80)).unwrap();
        let modes = modes(&*pair.master);
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        builder.env_clear();
        for (name, value) in command.get_envs() {
            builder.env(name, value.unwrap_or_default());
        }
        builder.cwd("/");
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, pieces) = channel();
        // Takes the time itself: the reader of the pieces may be late.
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let piece = (Instant::now(), buffer[..count].to_vec());
                if sender.send(piece).is_err() {
                    return;
                }
            }
        });
        let started = Instant::now();
        let child = pair.slave.spawn_command(builder).unwrap();
        let keyboard = pair.master.take_writer().unwrap();
        Self {
            child,
            master: pair.master,
            keyboard,
            pieces,
            modes,
            started,
            _slave: pair.slave,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits for output that holds this. Returns the time at which it came, and the number of
    /// bytes up to there.
    pub fn sees(&mut self, text: &str) -> (Instant, usize) {
        let mut seen = Vec::new();
        loop {
            let piece = self.pieces.recv_timeout(PATIENCE);
            let (at, bytes) = piece.unwrap_or_else(|error| {
                panic!(
                    "{error}: waited for {text}, got {}",
                    String::from_utf8_lossy(&seen)
                )
            });
            seen.extend(bytes);
            if seen.windows(text.len()).any(|part| part == text.as_bytes()) {
                return (at, seen.len());
            }
        }
    }

    /// Returns the time of the first bytes that come within this time, and their number.
    pub fn within(&mut self, time: Duration) -> (Option<Instant>, usize) {
        let end = Instant::now() + time;
        let (mut first, mut count) = (None, 0);
        loop {
            match self
                .pieces
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok((at, bytes)) => {
                    first.get_or_insert(at);
                    count += bytes.len();
                }
                Err(RecvTimeoutError::Timeout) => return (first, count),
                Err(RecvTimeoutError::Disconnected) => panic!("the terminal is gone"),
            }
        }
    }

    /// Waits until nothing has come for this time. Returns when the last piece came.
    pub fn until_quiet(&mut self, time: Duration) -> Option<Instant> {
        let mut last = None;
        while let Ok((at, _)) = self.pieces.recv_timeout(time) {
            last = Some(at);
        }
        last
    }

    pub fn send(&mut self, keys: &[u8]) -> Instant {
        let now = Instant::now();
        self.keyboard.write_all(keys).unwrap();
        now
    }

    pub fn resize(&self, columns: u16) -> Instant {
        let now = Instant::now();
        self.master.resize(size(columns)).unwrap();
        now
    }

    pub fn wait(&mut self) {
        self.child.wait().unwrap();
    }

    /// Returns whether the modes are those from before the start.
    pub fn is_as_before(&self) -> bool {
        modes(&*self.master) == self.modes
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}

fn size(columns: u16) -> PtySize {
    PtySize {
        rows: 24,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}
