//! Sign in to Codex from any terminal.

mod cli;
mod commands;
mod settings;
mod trace;

use std::borrow::Cow;
use std::process::ExitCode;

use clap::Parser as _;
use codex_onboarding::environment::Environment;
use codex_onboarding::platform::forbid_core_dumps;
use codex_onboarding::text::is_unsafe;
use codex_onboarding::{EXIT_PORT_IN_USE, ErrorKind, Result};

use crate::cli::Cli;
use crate::settings::Settings;

/// The beginnings of API keys, personal access tokens and JWTs.
const SECRET_PREFIXES: [&str; 3] = ["sk-", "at-", "eyJ"];

fn main() -> ExitCode {
    forbid_core_dumps();
    end_on_panic();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return print_usage(error),
    };
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

/// A panic in any thread prints its message and ends the program, in a build that unwinds as
/// in one that aborts. The full screen's own hook restores the terminal first.
fn end_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::exit(101);
    }));
}

/// Prints the help, the version, or a usage error. The error repeats arguments, which may hold
/// secrets or control characters, so it is made from masked and escaped ones.
fn print_usage(error: clap::Error) -> ExitCode {
    let given: Vec<_> = std::env::args_os().collect();
    let given: Vec<_> = given.iter().map(|it| it.to_string_lossy()).collect();
    let masked: Vec<_> = given.iter().map(|argument| masked(argument)).collect();
    let arguments = masked.iter().map(|argument| escaped(argument));
    let error = Cli::try_parse_from(arguments).err().unwrap_or(error);
    // A closed stream is not an error.
    let _ = error.print();
    if masked != given {
        commands::notice(
            "note: pass a key or token on standard input: arguments are seen by others",
        );
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// Cuts a key or a token to its prefix.
fn masked(argument: &str) -> Cow<'_, str> {
    let (option, value) = match argument.split_once('=') {
        Some((option, value)) if option.starts_with("--") => (Some(option), value),
        _ => (None, argument),
    };
    let Some(prefix) = SECRET_PREFIXES.iter().find(|it| value.starts_with(**it)) else {
        return argument.into();
    };
    match option {
        Some(option) => format!("{option}={prefix}…").into(),
        None => format!("{prefix}…").into(),
    }
}

fn escaped(argument: &str) -> String {
    let characters = argument.chars().map(|c| {
        if is_unsafe(c) {
            c.escape_unicode().to_string()
        } else {
            c.to_string()
        }
    });
    characters.collect()
}

fn start(cli: &Cli) -> Result<u8> {
    let settings = Settings::new(&cli.global, Environment::of_process())?;
    trace::install(&settings)?;
    commands::run(cli, settings)
}

fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage => 2,
        ErrorKind::PortInUse => EXIT_PORT_IN_USE,
        ErrorKind::Cancelled => 130,
        _ => 1,
    }
}
