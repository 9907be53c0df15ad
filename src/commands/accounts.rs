//! `accounts`: several accounts in one codex home.

mod add;
mod list;

use std::io::{self, IsTerminal as _};

use codex_onboarding::auth::accounts::StoredAccount;
use codex_onboarding::text::clean;
use codex_onboarding::{Error, Result};

use super::logout;
use super::output::{notice, notify, say, say_line};
use crate::cli::{Accounts, AccountsCommand};
use crate::settings::Settings;
pub use add::keep;

/// Runs the command.
pub async fn run(settings: &Settings, options: &Accounts) -> Result<u8> {
    match &options.command {
        None => list::run(settings, options.json),
        Some(AccountsCommand::Add { sign_in, name }) => {
            add::run(settings, sign_in, name.as_deref()).await
        }
        Some(AccountsCommand::Use { name, yes }) => make_active(settings, name, *yes).await,
        Some(AccountsCommand::Remove { name, local }) => {
            let account = settings.accounts().find(name)?;
            logout::one(settings, &account, *local).await
        }
        Some(AccountsCommand::Rename { old, new }) => rename(settings, old, new).await,
    }
}

async fn make_active(settings: &Settings, name: &str, yes: bool) -> Result<u8> {
    let accounts = settings.accounts();
    let account = accounts.find(name)?;
    if !account.active {
        settings.store().check_changeable()?;
        account.store().check_changeable()?;
        warn_of_programs(settings, yes)?;
    }
    let activated = accounts.activate(&account, &notify()).await?;
    let who = account.description();
    if activated.already {
        notice(&format!("{who} is already the active account"));
        return Ok(0);
    }
    notice(&format!("{who} is now the active account"));
    if let Some(parked) = activated.parked {
        say_parked(&parked);
    }
    Ok(0)
}

/// Says what became of the account that was active, and returns whether it can be used again.
fn say_parked(parked: &StoredAccount) -> bool {
    let is_usable = parked.details.is_ok();
    if is_usable {
        notice(&format!("Parked: {}", parked.description()));
    } else {
        let name = &parked.name;
        notice(&format!("The damaged sign-in was set aside: {name}"));
        notice(&format!(
            "Delete it with: codex-onboarding accounts remove {name}"
        ));
    }
    is_usable
}

/// Names the programs that go on as the old account, and asks where somebody can answer.
fn warn_of_programs(settings: &Settings, yes: bool) -> Result<()> {
    let programs = settings.accounts().programs();
    if programs.is_empty() {
        return Ok(());
    }
    for program in &programs {
        notice(&format!("{program} is still running as the active account"));
    }
    say_line("Quit it first: a program that keeps running may overwrite the account you switch to");
    if yes || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(());
    }
    say("Continue anyway? [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    match (read, clean(&answer).trim().to_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Error::cancelled("Nothing was changed")),
    }
}

async fn rename(settings: &Settings, old: &str, new: &str) -> Result<u8> {
    let accounts = settings.accounts();
    let account = accounts.find(old)?;
    accounts.rename(&account, new, &notify()).await?;
    notice(&format!("Renamed {} to {new}", account.name));
    Ok(0)
}
