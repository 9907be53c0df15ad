//! What the commands do, one short function each.

mod demo;
mod events;
mod login;
mod man;
mod onboard;
mod status;

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use codex_onboarding::auth::{Notify, Revocation, Session, SessionOptions, sign_out_unless};
use codex_onboarding::signals::ExitSignals;
use codex_onboarding::text::clean;
use codex_onboarding::{Error, Result};
use secrecy::ExposeSecret as _;

use crate::cli::{Cli, Command};
use crate::settings::Settings;

/// Runs the command and says with which code to exit.
pub async fn run(cli: &Cli, settings: Settings) -> Result<u8> {
    match &cli.command {
        None => onboard::run(&settings, cli.if_needed).await,
        Some(Command::Login(options)) => login::run(&settings, options).await,
        Some(Command::Logout) => logout(&settings).await,
        Some(Command::Status { json }) => Ok(status::run(&settings, *json)),
        Some(Command::Token { force_refresh }) => token(&settings, *force_refresh).await,
        Some(Command::Demo) => demo::run(settings, cli.global.no_browser).await,
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), NAME, &mut script);
            print(&completed_after_commands(script))
        }
        Some(Command::Man) => print(&man::page().map_err(cannot_print)?),
    }
}

const NAME: &str = "codex-onboarding";

/// The bash script names the arms of its commands in a way that it never looks for when the
/// program's name has a hyphen: after a command, nothing would be offered.
fn completed_after_commands(script: Vec<u8>) -> Vec<u8> {
    match String::from_utf8(script) {
        Ok(text) => text
            .replace("codex__subcmd__onboarding", "codex__onboarding")
            .into_bytes(),
        Err(other) => other.into_bytes(),
    }
}

/// What failed, why, and what to do next, on standard error.
pub fn print_error(error: &Error) {
    let mut lines = vec![format!("error: {}", clean(error.message()))];
    let causes = error.causes();
    lines.extend(
        causes
            .iter()
            .map(|cause| format!("  because: {}", clean(cause))),
    );
    lines.extend(error.hint().map(|hint| format!("  next: {}", clean(hint))));
    say_line(&lines.join("\n"));
}

/// A part of the conversation. That nobody reads it is no reason to fail.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// A line of the conversation.
fn say_line(text: &str) {
    say(&format!("{text}\n"));
}

/// A sentence from the library, which may hold somebody else's text.
fn notice(text: &str) {
    say_line(&clean(text));
}

/// Prints what the library says while something takes long.
fn notify() -> Notify {
    Notify::new(|text| notice(&text))
}

/// A result on standard output. Who has read enough has not failed.
fn print(bytes: &[u8]) -> Result<u8> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(0),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(cannot_print(error)),
    }
}

fn cannot_print(source: io::Error) -> Error {
    Error::storage("Standard output cannot be written").with_source(source)
}

fn session_options(settings: &Settings) -> SessionOptions {
    let mut options = SessionOptions::new(settings.store(), settings.issuer.clone());
    options.notify = notify();
    options.endpoint = settings.endpoint.clone();
    options
        .environment_key
        .clone_from(&settings.environment_key);
    options
}

async fn logout(settings: &Settings) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    let hurry = async { _ = exit_signals.next().await };
    let store = settings.store();
    let outcome = sign_out_unless(&store, &settings.issuer, &notify(), hurry).await?;
    if let Some(damaged) = &outcome.damaged {
        say_line(&format!("{}: removed", clean(damaged.message())));
    }
    if let Revocation::Failed(error) = &outcome.revocation {
        let causes = error.causes().join(": ");
        let why = if causes.is_empty() {
            causes
        } else {
            format!(" ({causes})")
        };
        notice(&format!(
            "warning: the issuer could not be told, and the session ends when its tokens expire: \
             {}{why}",
            error.message()
        ));
    }
    if outcome.removed {
        say_line("Successfully logged out");
    } else {
        say_line("Not logged in");
    }
    if settings.environment_key.is_some() {
        say_line("OPENAI_API_KEY is still set in the environment, and is used");
    }
    Ok(0)
}

async fn token(settings: &Settings, force_refresh: bool) -> Result<u8> {
    let Some(session) = Session::load(&session_options(settings))? else {
        return Err(status::not_logged_in());
    };
    let mut exit_signals = catch_exit_signals()?;
    let bearer = async {
        if force_refresh {
            session.refresh().await?;
        }
        session.bearer().await
    };
    let bearer = tokio::select! {
        bearer = bearer => bearer?,
        signal = exit_signals.next() => {
            // Whoever wants out twice means it, whatever it costs.
            tokio::select! {
                () = session.settle() => {}
                _ = exit_signals.next() => {}
            }
            return Ok(signal.exit_code());
        }
    };
    print(format!("{}\n", bearer.expose_secret()).as_bytes())
}

/// From now on a signal is an event, not the end.
fn catch_exit_signals() -> Result<ExitSignals> {
    ExitSignals::catch()
        .map_err(|source| Error::usage("Signals cannot be caught").with_source(source))
}
