//! `accounts`: several accounts in one codex home.

mod list;

use codex_onboarding::Result;
use codex_onboarding::auth::accounts::{Added, NewSlot, StoredAccount, select};
use codex_onboarding::sign_in::Destination;
use serde_json::json;

use super::output::{command, notice, notify, print_error, say_line};
use super::running::{Wish, make_way, pids};
use super::{events, logout};
use crate::cli::SignInFlags;
use crate::settings::Settings;
pub use list::run as list;

/// `accounts use`: makes the account the active one.
pub async fn make_active(settings: &Settings, name: &str, yes: bool) -> Result<u8> {
    let accounts = settings.accounts().notifying(&notify());
    let all = accounts.list()?;
    let account = select(&all, name)?;
    if !account.active {
        settings.store().check_changeable()?;
        account.store().check_changeable()?;
        let wish = Wish { yes, json: false };
        let active = all.iter().find(|it| it.active);
        for account in active.into_iter().chain([account]) {
            make_way(account, wish).await?;
        }
    }
    let activated = accounts.activate(account).await?;
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

/// Reports where the previously active account is now, and returns whether it can be used again.
fn say_parked(parked: &StoredAccount) -> bool {
    let is_usable = parked.details.is_ok();
    if is_usable {
        notice(&format!("Parked: {}", parked.description()));
    } else {
        let name = &parked.name;
        notice(&format!("The damaged sign-in was set aside: {name}"));
        notice(&format!(
            "Delete it with: {}",
            command(&format!("accounts remove {name}"))
        ));
    }
    is_usable
}

/// `accounts remove`: signs the account out, active or parked.
pub async fn remove(settings: &Settings, name: &str, local: bool, yes: bool) -> Result<u8> {
    let account = settings.accounts().find(name)?;
    logout::one(settings, &account, local, yes).await
}

/// `accounts rename`.
pub async fn rename(settings: &Settings, old: &str, new: &str) -> Result<u8> {
    let accounts = settings.accounts().notifying(&notify());
    let account = accounts.find(old)?;
    accounts.rename(&account, new).await?;
    notice(&format!("Renamed {} to {new}", account.name));
    Ok(0)
}

/// Parks the new account or makes it the active one, and says so. Returns whether it is active now.
/// Even if this fails, the sign-in stays on disk.
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
/// The active account cannot be parked, or the person declines.
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
