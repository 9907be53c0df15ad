//! `exec`: a command that runs as one account, beside all others.

use std::io;
use std::process::Command;

use chrono::TimeDelta;
use codex_onboarding::auth::accounts::{ExecHome, StoredAccount};
use codex_onboarding::auth::{Override, Session};
use codex_onboarding::platform::{become_command, leave_open};
use codex_onboarding::signals::ExitSignal;
use codex_onboarding::text::{clean, shell_word};
use codex_onboarding::{Error, Result};

use super::output::{command, note, print_error, warn};
use super::{
    ACCOUNT_VARIABLE, catch_exit_signals, chosen_account, session_options, unless_signalled,
};
use crate::cli::ExecFlags;
use crate::settings::Settings;
use crate::streams;

/// The exit codes that shells use.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// The least remaining lifetime of the command's token. Otherwise several programs that start at
/// once would race to renew the same one.
const RENEWED_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// Replaces this process with the command, and returns only if that fails.
pub async fn run(settings: &Settings, options: &ExecFlags) -> Result<u8> {
    let account = chosen_account(settings, options.account.as_deref())?.ok_or_else(|| {
        Error::usage("No account given").with_hint(format!(
            "Use: {} -- COMMAND",
            command("exec --account NAME")
        ))
    })?;
    let home = settings.accounts().exec_home(&account).await?;
    if let Some(signal) = renew(settings, &account).await? {
        return Ok(signal.exit_code());
    }
    say_what_hides(&home);
    for stronger in Override::all_in(&settings.environment) {
        note(&stronger.to_string());
    }
    if let Some(lock) = &home.lock {
        // The lock is held for as long as the command, or a program that it starts, has the file
        // open.
        leave_open(lock).map_err(|error| {
            Error::internal("Could not hand the account's lock to the command").with_source(error)
        })?;
    }
    let Some((program, arguments)) = options.command.split_first() else {
        return Ok(NOT_FOUND);
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("CODEX_HOME", &home.path)
        .env_remove(ACCOUNT_VARIABLE);
    streams::finish();
    let error = match become_command(&mut command) {
        Ok(code) => return Ok(code),
        Err(error) => error,
    };
    let (code, why) = match error.kind() {
        io::ErrorKind::NotFound => (NOT_FOUND, "was not found"),
        _ => (NOT_EXECUTABLE, "cannot be run"),
    };
    let program = shell_word(&program.to_string_lossy());
    print_error(&Error::usage(format!("{} {why}", clean(&program))).with_source(error));
    Ok(code)
}

/// Renews a session that ends soon. A failure is only a warning: not every command needs a session.
async fn renew(settings: &Settings, account: &StoredAccount) -> Result<Option<ExitSignal>> {
    let session = Session::load_account(&session_options(settings), account)?;
    if !session.ends_within(RENEWED_WITHIN) {
        return Ok(None);
    }
    let mut exit_signals = catch_exit_signals()?;
    let renewing = session.renew_within(RENEWED_WITHIN);
    match unless_signalled(&session, renewing, &mut exit_signals).await {
        Err(signal) => return Ok(Some(signal)),
        Ok(Err(error)) => warn(&error.in_full()),
        Ok(Ok(())) => {}
    }
    Ok(None)
}

/// Names the files of this account that are used instead of the shared ones.
fn say_what_hides(home: &ExecHome) {
    let names = home.hiding.iter().filter_map(|path| path.file_name());
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    if !names.is_empty() {
        note(&format!(
            "this account has its own files in {}, used instead of the codex home's: {}",
            home.path.display(),
            names.join(", ")
        ));
    }
}
