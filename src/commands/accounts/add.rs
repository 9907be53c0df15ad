//! A sign-in beside the active account, once it is saved: `accounts add` and `login --keep`.

use codex_onboarding::Result;
use codex_onboarding::auth::accounts::{Added, NewSlot};
use codex_onboarding::sign_in::Destination;
use serde_json::json;

use super::say_parked;
use crate::cli::SignInFlags;
use crate::commands::output::{command, notice, notify, print_error, say_line};
use crate::commands::running::{Wish, pids};
use crate::commands::{events, logout};
use crate::settings::Settings;

/// Parks the new account or makes it the active one, and says so. Returns whether it is active
/// now. Whatever fails here, the sign-in stays on disk.
pub async fn take_in(
    settings: &Settings,
    flags: &SignInFlags,
    slot: NewSlot,
    destination: &Destination,
    wish: Wish,
) -> bool {
    let accounts = settings.accounts().notifying(&notify());
    let name = match destination {
        Destination::Beside(name) => name.as_deref(),
        _ => None,
    };
    let added = match accounts.park(slot, name).await {
        Ok(added) => added,
        Err(error) => {
            print_error(&error);
            say_line(&format!(
                "The account is saved: see {}",
                command("accounts")
            ));
            return false;
        }
    };
    if *destination == Destination::Keep {
        match activate(settings, &added, wish).await {
            Ok(()) => return true,
            Err(error) => print_error(&error),
        }
    }
    say_added(settings, flags, &added).await;
    added.account.active
}

/// Makes the new account the active one, and says how to go back to the one that is parked now.
///
/// # Errors
/// The account that is active cannot be parked, or the person does not want that.
async fn activate(settings: &Settings, added: &Added, wish: Wish) -> Result<()> {
    let accounts = settings.accounts().notifying(&notify());
    let active = accounts.list()?.into_iter().find(|account| account.active);
    if let Some(active) = active
        && !added.account.active
    {
        logout::let_go(&active, wish).await?;
    }
    let activated = accounts.activate(&added.account).await?;
    if let Some(parked) = activated.parked
        && say_parked(&parked)
    {
        notice(&format!(
            "Go back to it with: {}",
            command(&format!("accounts use {}", parked.name))
        ));
    }
    Ok(())
}

/// Says where the new account is.
async fn say_added(settings: &Settings, flags: &SignInFlags, added: &Added) {
    let account = &added.account;
    if flags.json {
        let running = if account.active {
            pids(&settings.store()).await
        } else {
            Vec::new()
        };
        events::emit(json!({
            "event": "parked",
            "name": account.name,
            "active": account.active,
            "running_codex": running,
        }));
        return;
    }
    let name = &account.name;
    if added.name_was_taken {
        notice(&format!(
            "Another account has that name: this one is named {name}"
        ));
    }
    if account.active {
        notice(&format!("{name} is the active account"));
    } else {
        notice(&format!(
            "{name} is parked. Make it active with: {}",
            command(&format!("accounts use {name}"))
        ));
    }
    if added.was_there {
        say_line("You had this account already: the new sign-in replaces the old one");
    } else {
        notice(&format!(
            "If that is not you, run: {}",
            command(&format!("accounts remove {name}"))
        ));
    }
}
