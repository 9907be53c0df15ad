//! `accounts`: several accounts in one codex home.

mod add;
mod list;

use codex_onboarding::Result;
use codex_onboarding::auth::accounts::{StoredAccount, select};

use super::logout;
use super::output::{command, notice, notify};
use super::running::{Wish, make_way};
use crate::settings::Settings;
pub use add::take_in;
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

/// Says what became of the account that was active, and returns whether it can be used again.
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
