//! `--verbose` and `--log-file`: a trace in lines of text. Secrets are never handed to it.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use codex_onboarding::platform::{
    is_someone_elses, make_private, ownership, private, without_waiting_or_links,
};
use codex_onboarding::{Error, Result};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::settings::Settings;
use crate::streams;

/// Lines for a terminal that a full screen may be using, until it ends.
static HELD_BACK: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Far more than any session writes.
const MAX_HELD_BACK: usize = 1024 * 1024;

/// The most that one run adds to its log: each refused request is a line, and anybody on
/// this machine can send requests.
const MAX_LOG: usize = 16 * 1024 * 1024;

/// Starts tracing when the settings ask for it.
pub fn install(settings: &Settings) -> Result<()> {
    let sink = match &settings.log_file {
        Some(path) => Sink::File(Arc::new(Log::in_file(path)?)),
        None if !settings.verbose => return Ok(()),
        None if io::stderr().is_terminal() && crate::settings::at_a_terminal() => Sink::HeldBack,
        None => Sink::Stderr,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(sink)
        .with_ansi(false);
    let subscriber = tracing_subscriber::registry()
        .with(lines)
        // Only this crate's own lines: they hold no secret.
        .with(Targets::new().with_target("codex_onboarding", tracing::Level::DEBUG));
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|source| Error::internal("Could not set up the trace").with_source(source))
}

/// Prints the lines that were held back, once the terminal is restored.
pub fn flush() {
    let lines = std::mem::take(&mut *HELD_BACK.lock().unwrap_or_else(PoisonError::into_inner));
    streams::say(&lines);
}

/// Opens the log without following a link or waiting for the reader of a FIFO.
fn open(path: &Path) -> Result<File> {
    let cannot_write = |source: io::Error| {
        Error::usage(format!("Could not write the log file {}", path.display()))
            .with_source(source)
            .with_hint("Name a regular file or a new one, in a folder that you may write")
    };
    let mut options = OpenOptions::new();
    without_waiting_or_links(private(&mut options));
    let file = options
        .create(true)
        .append(true)
        .open(path)
        .map_err(cannot_write)?;
    let found = file.metadata().map_err(cannot_write)?;
    let refused = |why| Err(cannot_write(io::Error::other(why)));
    if !found.is_file() {
        return refused("it is not a regular file");
    }
    if is_someone_elses(&found) {
        return refused("it belongs to another user");
    }
    if ownership(&found).is_some_and(|found| found.names > 1) {
        // What is added would stand in a file that somebody wants to be changed.
        return refused("it has another name, a hard link");
    }
    make_private(&file).map_err(cannot_write)?;
    Ok(file)
}

/// The log of one run.
struct Log {
    file: File,
    /// The number of bytes that may still be added.
    left: AtomicUsize,
}

impl Log {
    fn in_file(path: &Path) -> Result<Self> {
        Ok(Self {
            file: open(path)?,
            left: AtomicUsize::new(MAX_LOG),
        })
    }

    fn write(&self, line: &[u8]) -> io::Result<usize> {
        let take = |left: usize| left.checked_sub(line.len());
        match self.left.fetch_update(Relaxed, Relaxed, take) {
            Ok(_) => (&self.file).write(line),
            Err(0) => Ok(line.len()),
            Err(_) => {
                self.left.store(0, Relaxed);
                (&self.file).write_all(b"Log size limit reached; later lines are dropped\n")?;
                Ok(line.len())
            }
        }
    }
}

#[derive(Clone)]
enum Sink {
    Stderr,
    File(Arc<Log>),
    HeldBack,
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stderr => {
                streams::say(bytes);
                Ok(bytes.len())
            }
            Self::File(log) => log.write(bytes),
            Self::HeldBack => {
                let mut held = HELD_BACK.lock().unwrap_or_else(PoisonError::into_inner);
                if held.len() + bytes.len() <= MAX_HELD_BACK {
                    held.extend_from_slice(bytes);
                }
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_adds_sixteen_mebibytes_to_its_log_and_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::in_file(&folder.path().join("log")).unwrap();
        let line = vec![b'x'; 256 * 1024];
        for _ in 0..70 {
            log.write(&line).unwrap();
        }
        let grown = log.file.metadata().unwrap().len();
        let full = 16 * 1024 * 1024;
        assert!((full..full + 100).contains(&grown), "{grown}");
    }

    #[test]
    fn a_log_grows_by_so_much_and_says_that_it_is_full_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = Log {
            file: open(&path).unwrap(),
            left: AtomicUsize::new(20),
        };
        for _ in 0..9 {
            assert_eq!(log.write(b"refused\n").unwrap(), 8);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let full = "Log size limit reached; later lines are dropped\n";
        assert_eq!(text, format!("refused\nrefused\n{full}"));
    }
}
