//! `--verbose` and `--log-file`: what happens, as lines of text. Secrets are never given to
//! the trace in the first place.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use codex_onboarding::{Error, Result};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::settings::Settings;

/// Lines for a terminal that a full screen may be using wait here until the end.
static HELD_BACK: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// No session says this much.
const MAX_HELD_BACK: usize = 1024 * 1024;

/// Starts tracing when the settings ask for it.
pub fn install(settings: &Settings) -> Result<()> {
    let sink = match &settings.log_file {
        Some(path) => Sink::File(Arc::new(open(path)?)),
        None if !settings.verbose => return Ok(()),
        None if io::stderr().is_terminal() && crate::settings::at_a_terminal() => Sink::HeldBack,
        None => Sink::Stderr,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(sink)
        .with_ansi(false);
    let subscriber = tracing_subscriber::registry()
        .with(lines)
        // Only what this program says about itself: it is known to hold no secret.
        .with(Targets::new().with_target("codex_onboarding", tracing::Level::DEBUG));
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|source| Error::usage("Tracing cannot be set up").with_source(source))
}

/// Prints what was held back. Called once the terminal is restored.
pub fn flush() {
    let lines = std::mem::take(&mut *HELD_BACK.lock().unwrap_or_else(PoisonError::into_inner));
    // There is nobody left to tell that it failed.
    let _ = io::stderr().write_all(&lines);
}

fn open(path: &std::path::Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| {
            Error::usage(format!("The log file {} cannot be written", path.display()))
                .with_source(source)
        })
}

#[derive(Clone)]
enum Sink {
    Stderr,
    File(Arc<File>),
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
            Self::Stderr => io::stderr().write(bytes),
            Self::File(file) => (&**file).write(bytes),
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
