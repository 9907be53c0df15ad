//! `--verbose` and `--log-file`: a trace in lines of text, without secrets.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use codex_onboarding::platform::{
    is_someone_elses, make_private, ownership, private, without_waiting_or_links,
};
use codex_onboarding::{Error, Result};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::settings::{Settings, at_a_terminal};
use crate::streams;

/// The trace for a terminal that may show the full screen, kept until the terminal is restored.
static HELD_BACK: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The size limit, much more than a session writes.
const MAX_HELD_BACK: usize = 1024 * 1024;

/// The most bytes that one run adds to its log. Each refused request adds a line, and any program
/// on this machine can send requests.
const MAX_LOG: usize = 16 * 1024 * 1024;

/// Starts tracing if the settings ask for it.
pub fn install(settings: &Settings) -> Result<()> {
    let (target, left) = match &settings.flags.log_file {
        Some(path) => (TraceTarget::File(open(path)?), MAX_LOG),
        None if !settings.verbose() => return Ok(()),
        None if io::stderr().is_terminal() && at_a_terminal() => {
            (TraceTarget::HeldBack, MAX_HELD_BACK)
        }
        None => (TraceTarget::Stderr, usize::MAX),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Mutex::new(Sink { target, left }))
        .with_ansi(false);
    let subscriber = tracing_subscriber::registry()
        .with(lines)
        // Trace only this crate's events, which hold no secret.
        .with(Targets::new().with_target("codex_onboarding", tracing::Level::DEBUG));
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|source| Error::internal("Could not set up the trace").with_source(source))
}

/// Prints the lines that were held back, once the terminal is restored.
pub fn flush() {
    streams::say(&std::mem::take(&mut *held_back()));
}

/// Opens the log. Follows no link, and does not wait for the reader of a FIFO.
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
        // The other name may belong to a file that another user wants to have changed.
        return refused("it has another name, a hard link");
    }
    make_private(&file).map_err(cannot_write)?;
    Ok(file)
}

/// Receives the trace, up to a limit.
struct Sink {
    target: TraceTarget,
    /// The number of bytes that may still be written.
    left: usize,
}

enum TraceTarget {
    Stderr,
    File(File),
    HeldBack,
}

impl Write for Sink {
    /// Writes one line of the trace: the subscriber hands over whole ones.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(left) = self.left.checked_sub(line.len()) {
            self.left = left;
            self.target.write(line)?;
        } else if std::mem::take(&mut self.left) > 0 {
            self.target
                .write(b"Log size limit reached; later lines are dropped\n")?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TraceTarget {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Stderr => streams::say(line),
            Self::File(file) => return file.write_all(line),
            Self::HeldBack => held_back().extend_from_slice(line),
        }
        Ok(())
    }
}

fn held_back() -> MutexGuard<'static, Vec<u8>> {
    HELD_BACK.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_adds_sixteen_mebibytes_to_its_log_and_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = Sink {
            target: TraceTarget::File(open(&path).unwrap()),
            left: MAX_LOG,
        };
        let line = vec![b'x'; 256 * 1024];
        for _ in 0..70 {
            log.write_all(&line).unwrap();
        }
        let grown = path.metadata().unwrap().len();
        let full = 16 * 1024 * 1024;
        assert!((full..full + 100).contains(&grown), "{grown}");
    }

    #[test]
    fn a_log_grows_by_so_much_and_says_that_it_is_full_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = Sink {
            target: TraceTarget::File(open(&path).unwrap()),
            left: 20,
        };
        for _ in 0..9 {
            assert_eq!(log.write(b"refused\n").unwrap(), 8);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let full = "Log size limit reached; later lines are dropped\n";
        assert_eq!(text, format!("refused\nrefused\n{full}"));
    }
}
