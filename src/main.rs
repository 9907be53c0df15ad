//! Sign in to Codex from any terminal.

mod cli;
mod commands;
mod settings;
mod streams;
mod trace;

use std::borrow::Cow;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser as _;
use codex_onboarding::environment::Environment;
use codex_onboarding::platform::{check_descriptors, forbid_core_dumps};
use codex_onboarding::text::{is_unsafe, without_secret};
use codex_onboarding::{EXIT_PORT_IN_USE, Error, ErrorKind, Result};

use crate::cli::Cli;
use crate::settings::Settings;

fn main() -> ExitCode {
    forbid_core_dumps();
    end_on_panic();
    let arguments: Vec<_> = std::env::args_os().collect();
    let cli = match Cli::parse_named(&arguments) {
        Ok(cli) => cli,
        Err(error) => return print_usage(error),
    };
    let ended = match start(&cli) {
        Ok(code) => code,
        Err(error) => {
            commands::report(&cli, &error);
            exit_code(error.kind())
        }
    };
    trace::flush();
    streams::finish();
    ExitCode::from(ended)
}

/// Makes a panic in any thread print its message and end the program, whether the build unwinds or
/// aborts. The full screen's own hook restores the terminal first.
fn end_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::exit(101);
    }));
}

/// Prints the help, the version, or a usage error. An error quotes arguments, which may hold
/// secrets or control characters, so clap parses them again with those cut or escaped.
fn print_usage(error: clap::Error) -> ExitCode {
    let mut held_secret = false;
    let mut after_flag = false;
    let arguments: Vec<_> = std::env::args_os()
        .map(|argument| {
            let argument = argument.to_string_lossy();
            let shown = if after_flag && !argument.starts_with('-') {
                "…".into()
            } else {
                without_flag_value(without_secret(&argument))
            };
            after_flag = TAKES_NO_SECRET.contains(&&*argument);
            held_secret |= shown != argument;
            escaped(&shown)
        })
        .collect();
    let error = Cli::try_parse_from(arguments).err().unwrap_or(error);
    // A closed stream is not an error.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if held_secret {
        commands::note(
            "pass a key or token on standard input, because other users can see a program's \
             arguments",
        );
    }
    ExitCode::from(2)
}

/// Flags after which people may type the secret, although it belongs on standard input.
const TAKES_NO_SECRET: [&str; 2] = ["--with-api-key", "--with-access-token"];

fn without_flag_value(argument: Cow<'_, str>) -> Cow<'_, str> {
    match argument.split_once('=') {
        Some((flag, _)) if TAKES_NO_SECRET.contains(&flag) => format!("{flag}=…").into(),
        _ => argument,
    }
}

fn escaped(argument: &str) -> String {
    let mut escaped = String::new();
    for c in argument.chars() {
        if is_unsafe(c) {
            escaped.extend(c.escape_unicode());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Checks what would cause a panic later: too few descriptors for the runtime, the locks and a
/// connection, or a clock before 1970.
fn check_surroundings(now: SystemTime) -> Result<()> {
    check_descriptors().map_err(|source| {
        Error::internal("The program cannot start")
            .with_source(source)
            .with_hint("Raise the limit: ulimit -n 256")
    })?;
    if now < SystemTime::UNIX_EPOCH {
        let error = Error::internal("This machine's clock is set before 1970");
        return Err(error.with_hint("Set the clock, then try again"));
    }
    Ok(())
}

fn start(cli: &Cli) -> Result<u8> {
    check_surroundings(SystemTime::now())?;
    let settings = Settings::new(&cli.global, Environment::of_process())?;
    trace::install(&settings)?;
    commands::run(cli, settings)
}

fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage => 2,
        ErrorKind::PortInUse => EXIT_PORT_IN_USE,
        ErrorKind::Cancelled => commands::cancelled_code(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_1970_is_an_internal_error() {
        let before = SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(1);
        let error = check_surroundings(before).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(exit_code(error.kind()), 1);
        assert!(check_surroundings(SystemTime::now()).is_ok());
    }
}
