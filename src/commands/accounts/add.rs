//! Signing in beside the active account: `accounts add` and `login --keep`.

use codex_onboarding::Result;
use codex_onboarding::auth::Store;
use codex_onboarding::auth::accounts::{Activated, Added};
use codex_onboarding::sign_in::Destination;
use serde_json::json;

use super::say_parked;
use crate::cli::SignInFlags;
use crate::commands::login::Resumed;
use crate::commands::output::{notice, notify, print_error, say_line};
use crate::commands::running::{Wish, after_change, pids};
use crate::commands::{events, login, logout};
use crate::settings::Settings;

/// `accounts add`: the active account stays that.
pub async fn run(
    settings: &Settings,
    flags: &SignInFlags,
    name: Option<String>,
    resumed: Option<&Resumed>,
) -> Result<u8> {
    let destination = Destination::Beside(name);
    let (code, added) = sign_in(settings, flags, destination, None, resumed).await?;
    if let Some(added) = added {
        say(settings, flags, &added).await;
        if added.account.active {
            let wish = Wish {
                yes: false,
                json: flags.json,
            };
            after_change(settings, wish).await;
        }
    }
    Ok(code)
}

/// `login --keep`: the active account is parked, and the new one takes its place.
pub async fn keep(
    settings: &Settings,
    flags: &SignInFlags,
    yes: bool,
    resumed: Option<&Resumed>,
) -> Result<u8> {
    if holds_a_lent_session(settings) {
        // Nothing of it is worth parking: it ends by itself.
        return login::run(settings, flags, yes, resumed).await;
    }
    let home = Some(settings.store());
    let (code, added) = sign_in(settings, flags, Destination::Keep, home, resumed).await?;
    if let Some(added) = added {
        let wish = Wish {
            yes,
            json: flags.json,
        };
        match activate(settings, &added, wish).await {
            Ok(activated) => {
                if let Some(kept) = activated.parked
                    && say_parked(settings, &kept)
                {
                    notice(&format!(
                        "Go back to it with: {}",
                        settings.command(&format!("accounts use {}", kept.name))
                    ));
                }
            }
            // Signed in all the same.
            Err(error) => {
                print_error(&error);
                say(settings, flags, &added).await;
                return Ok(code);
            }
        }
        after_change(settings, wish).await;
    }
    Ok(code)
}

fn holds_a_lent_session(settings: &Settings) -> bool {
    let accounts = settings.accounts().list().unwrap_or_default();
    let mut active = accounts.iter().filter(|account| account.active);
    active.any(|account| account.details.as_ref().is_ok_and(|it| it.lent))
}

async fn activate(settings: &Settings, added: &Added, wish: Wish) -> Result<Activated> {
    let accounts = settings.accounts().notifying(&notify());
    let active = accounts.list()?.into_iter().find(|account| account.active);
    if let Some(active) = active
        && !added.account.active
    {
        logout::let_go(&active, wish).await?;
    }
    accounts.activate(&added.account).await
}

/// Signs in to a slot of its own. Whatever happens after the sign-in is on disk, it is kept.
async fn sign_in(
    settings: &Settings,
    flags: &SignInFlags,
    destination: Destination,
    changed: Option<Store>,
    resumed: Option<&Resumed>,
) -> Result<(u8, Option<Added>)> {
    let accounts = settings.accounts().notifying(&notify());
    let slot = accounts.new_slot()?;
    let name = match &destination {
        Destination::Beside(name) => name.clone(),
        _ => None,
    };
    let code = login::sign_in(settings, flags, slot.store(), destination, changed, resumed).await?;
    if code != 0 {
        return Ok((code, None));
    }
    match accounts.park(slot, name.as_deref()).await {
        Ok(added) => Ok((code, Some(added))),
        Err(error) => {
            print_error(&error);
            say_line("The account is saved: see codex-onboarding accounts");
            Ok((code, None))
        }
    }
}

async fn say(settings: &Settings, flags: &SignInFlags, added: &Added) {
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
            settings.command(&format!("accounts use {name}"))
        ));
    }
    if added.was_there {
        say_line("You had this account already: the new sign-in replaces the old one");
    } else {
        notice(&format!(
            "If that is not you, run: {}",
            settings.command(&format!("accounts remove {name}"))
        ));
    }
}
