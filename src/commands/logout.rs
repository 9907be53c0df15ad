//! `logout`: ends the session at the issuer, and removes the credentials.

use codex_onboarding::auth::accounts::{RunningPrograms, StoredAccount};
use codex_onboarding::auth::{Revocation, SignedOut};
use codex_onboarding::signals::ExitSignals;
use codex_onboarding::text::clean;
use codex_onboarding::{ErrorKind, Result};

use super::output::{notice, notify, print_error, say_line, warn};
use super::running::{Wish, after_change, make_way};
use super::{
    cancelling_signal, catch_exit_signals, chosen_account, on_another_thread, say_who_is_parked,
};
use crate::cli::LogoutFlags;
use crate::settings::Settings;

/// Signs out and reports what was found; `--local` leaves the session alive at the issuer.
pub async fn run(settings: &Settings, options: &LogoutFlags) -> Result<u8> {
    let wish = Wish {
        yes: options.yes,
        json: false,
    };
    if options.all {
        return all(settings, options.local, wish).await;
    }
    if let Some(account) = chosen_account(settings, options.which.account.as_deref())? {
        return one(settings, &account, options.local, options.yes).await;
    }
    if settings.slot.is_some() {
        say_line(NOBODY);
        return Ok(0);
    }
    let running = RunningPrograms::look(&settings.store()).await;
    if running.is_held() {
        let accounts = settings.accounts().list().unwrap_or_default();
        if let Some(active) = accounts.iter().find(|account| account.active) {
            make_way(active, wish).await?;
        }
    }
    let mut exit_signals = catch_exit_signals()?;
    let removed = sign_out(settings, None, options.local, &mut exit_signals).await?;
    settings.accounts().tidy().await;
    say_line(if removed { DONE } else { NOBODY });
    say_what_is_left(settings);
    after_change(settings, wish).await;
    Ok(0)
}

const DONE: &str = "Successfully logged out";
const NOBODY: &str = "Not logged in";

/// Signs out one account, active or parked.
pub async fn one(
    settings: &Settings,
    account: &StoredAccount,
    local: bool,
    yes: bool,
) -> Result<u8> {
    let wish = Wish { yes, json: false };
    let_go(account, wish).await?;
    let mut exit_signals = catch_exit_signals()?;
    sign_out(settings, Some(account), local, &mut exit_signals).await?;
    say_what_is_left(settings);
    if account.active {
        after_change(settings, wish).await;
    }
    Ok(0)
}

/// Signs out every account. If one fails, the others are still signed out.
async fn all(settings: &Settings, local: bool, wish: Wish) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    let known = settings.accounts();
    let accounts = tokio::select! {
        accounts = on_another_thread(move || known.list()) => accounts?,
        signal = exit_signals.next() => return Ok(signal.exit_code()),
    };
    let mut code = 0;
    let mut active_stays = false;
    for account in &accounts {
        let signed_out = async {
            if let Err(error) = &account.details {
                return Err(error.clone().under(format!("{} was kept", account.name)));
            }
            let_go(account, wish).await?;
            sign_out(settings, Some(account), local, &mut exit_signals).await
        };
        match signed_out.await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => {
                print_error(&error);
                code = 1;
                active_stays |= account.active;
            }
        }
    }
    if !active_stays {
        // A crash or another store may have left tokens that belong to no account.
        let removed = sign_out(settings, None, local, &mut exit_signals).await?;
        if accounts.is_empty() {
            say_line(if removed { DONE } else { NOBODY });
        }
    }
    settings.accounts().tidy().await;
    say_about_the_environment(settings);
    after_change(settings, wish).await;
    Ok(code)
}

/// Ends the background server if only that holds the account, and the person agrees. The active
/// account may be signed out while a Codex runs, which is reported afterwards.
pub async fn let_go(account: &StoredAccount, wish: Wish) -> Result<()> {
    let running = RunningPrograms::look(account.store()).await;
    if account.active && !running.is_held() {
        return Ok(());
    }
    make_way(account, wish).await
}

/// Signs out the account, or whatever is in the codex home itself, and returns whether anything
/// was removed.
async fn sign_out(
    settings: &Settings,
    account: Option<&StoredAccount>,
    local: bool,
    exit_signals: &mut ExitSignals,
) -> Result<bool> {
    let issuer = (!local).then_some(&settings.issuer);
    let accounts = settings.accounts().notifying(&notify());
    let outcome = match account {
        Some(account) => {
            accounts
                .remove(account, issuer, cancelling_signal(exit_signals))
                .await?
        }
        None => {
            accounts
                .sign_out_active(issuer, cancelling_signal(exit_signals))
                .await?
        }
    };
    say(&outcome);
    if let Some(account) = account {
        notice(&format!("{DONE}: {}", account.description()));
    }
    Ok(outcome.removed)
}

fn say(outcome: &SignedOut) {
    if let Some(damaged) = &outcome.damaged {
        say_line(&format!("{}: removed", clean(damaged.message())));
    }
    match &outcome.revocation {
        Revocation::Revoked => say_line(
            "The session has ended everywhere, on other machines too. (--local signs out here \
             only.)",
        ),
        Revocation::LeftAlive => say_line("The session stays alive at the issuer"),
        Revocation::Failed(error) => warn(&format!(
            "could not end the session at the issuer, so it ends when its tokens \
             expire: {}",
            error.in_full()
        )),
        _ => {}
    }
}

fn say_what_is_left(settings: &Settings) {
    say_who_is_parked(settings, "Still parked");
    say_about_the_environment(settings);
}

fn say_about_the_environment(settings: &Settings) {
    if settings.environment_key.is_some() {
        say_line("OPENAI_API_KEY is still set in the environment");
    }
}
