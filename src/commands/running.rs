//! Names a Codex that is running while the session changes, and ends it with its own command if the
//! person agrees.

use std::io::{self, IsTerminal as _};

use codex_onboarding::auth::Store;
use codex_onboarding::auth::accounts::{RunningPrograms, StoredAccount};
use codex_onboarding::signals::ExitSignals;
use codex_onboarding::text::clean;
use codex_onboarding::{Error, Result};

use super::output::{notice, print_error, say, warn};
use crate::settings::Settings;

/// The person's wishes for a Codex that is running.
#[derive(Clone, Copy)]
pub struct Wish {
    /// `--yes`: end it without asking.
    pub yes: bool,
    /// Never ask, because a program reads standard output.
    pub json: bool,
}

impl Wish {
    fn may_ask(self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }
}

/// Before an account is moved or removed, names the programs that run as it, and ends Codex's
/// background server if the person agrees. If a command holds the account, the change itself fails.
///
/// # Errors
/// The person declines, or the server cannot be ended.
pub async fn make_way(account: &StoredAccount, wish: Wish) -> Result<()> {
    let running = RunningPrograms::look(account.store()).await;
    if running.is_empty() || running.is_held_by_command() {
        return Ok(());
    }
    tell(&running, &account.description());
    let question = if running.has_daemon() {
        "End it and go on? [y/N] "
    } else {
        notice("Quit it first: a program that keeps running may overwrite the account");
        "Continue anyway? [y/N] "
    };
    let goes_on = wish.yes || (wish.may_ask() && ask(question).await?);
    if goes_on {
        return stop(&running).await;
    }
    if wish.may_ask() {
        return Err(Error::cancelled("Nothing was changed"));
    }
    Ok(())
}

/// After the session of the codex home has changed, names the Codex that still uses the earlier
/// one, and ends it if the person agrees. A failure does not undo the change.
pub async fn after_change(settings: &Settings, wish: Wish) {
    let running = RunningPrograms::look(&settings.store()).await;
    if running.pids().is_empty() {
        return;
    }
    tell(&running, "the earlier sign-in");
    if !running.has_daemon() {
        notice("Quit it, and start it again");
        return;
    }
    let ended = async {
        if wish.yes || (wish.may_ask() && ask("End it now? [y/N] ").await?) {
            stop(&running).await?;
        }
        Ok(())
    };
    if let Err(error) = ended.await {
        print_error(&error);
    }
}

/// Returns the process ids of the Codex programs that hold the session of the codex home.
pub async fn pids(store: &Store) -> Vec<u32> {
    RunningPrograms::look(store).await.pids()
}

fn tell(running: &RunningPrograms, what: &str) {
    for program in &running.programs {
        warn(&format!("{program} still uses {what}"));
    }
    if let Some(command) = running.stop_command() {
        notice("Codex leaves a background server running, which keeps the session in memory");
        notice(&format!("End it with: {command}"));
    }
}

async fn stop(running: &RunningPrograms) -> Result<()> {
    if !running.has_daemon() {
        return Ok(());
    }
    notice("Waiting for it to end");
    unless_signalled(running.stop()).await??;
    notice("It has ended");
    Ok(())
}

/// Asks at the terminal. A separate thread waits for the answer, which may never come.
async fn ask(question: &str) -> Result<bool> {
    say(question);
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = unless_signalled(answer).await?;
    let answer = answer.ok().and_then(std::result::Result::ok);
    let answer = clean(&answer.unwrap_or_default()).trim().to_lowercase();
    Ok(matches!(answer.as_str(), "y" | "yes"))
}

/// Ends the wait when a signal comes, whether or not the command catches signals.
async fn unless_signalled<T>(work: impl Future<Output = T>) -> Result<T> {
    let cannot = |source| Error::internal("Could not catch signals").with_source(source);
    let mut signals = ExitSignals::catch().map_err(cannot)?;
    tokio::select! {
        done = work => Ok(done),
        _ = signals.next() => Err(Error::cancelled("Not waiting for the running Codex")),
    }
}
