//! Sign in to Codex from any terminal.

mod cli;
mod commands;
mod settings;
mod trace;

use std::process::ExitCode;

use clap::Parser as _;
use codex_onboarding::environment::Environment;
use codex_onboarding::{Error, ErrorKind, Result};

use crate::cli::Cli;
use crate::settings::Settings;

/// The port is held by another program; for hosts that match on it.
const EXIT_PORT_IN_USE: u8 = 13;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = match start(&cli) {
        Ok(code) => code,
        Err(error) => {
            commands::print_error(&error);
            exit_code(error.kind())
        }
    };
    trace::flush();
    ExitCode::from(ended)
}

fn start(cli: &Cli) -> Result<u8> {
    let settings = Settings::new(&cli.global, Environment::of_process())?;
    trace::install(&settings)?;
    // One thread: the program mostly waits, and threads cost start-up time and memory.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::usage("The program cannot start").with_source(source))?;
    let ended = runtime.block_on(commands::run(cli, settings));
    // A name look-up or a read of standard input must not outlive the program.
    runtime.shutdown_background();
    ended
}

fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage => 2,
        ErrorKind::PortInUse => EXIT_PORT_IN_USE,
        ErrorKind::Cancelled => 130,
        _ => 1,
    }
}
