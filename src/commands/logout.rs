//! `logout`: the session ends at the issuer, and the credentials go.

use codex_onboarding::auth::accounts::StoredAccount;
use codex_onboarding::auth::{Revocation, SignedOut, sign_out_unless};
use codex_onboarding::signals::ExitSignals;
use codex_onboarding::text::clean;
use codex_onboarding::{ErrorKind, Result};

use super::output::{notice, notify, print_error, say_line};
use super::{aside, catch_exit_signals, chosen, say_who_is_parked};
use crate::cli::Logout;
use crate::settings::Settings;

/// Signs out and says what was found; `local` leaves the session alive at the issuer.
pub async fn run(settings: &Settings, options: &Logout) -> Result<u8> {
    if options.all {
        return all(settings, options.local).await;
    }
    if let Some(account) = chosen(settings, options.which.name())? {
        return one(settings, &account, options.local).await;
    }
    let mut exit_signals = catch_exit_signals()?;
    let outcome = sign_out_home(settings, options.local, &mut exit_signals).await?;
    say_whether(outcome.removed);
    say_what_is_left(settings);
    Ok(0)
}

/// Signs out whatever is in the codex home itself.
async fn sign_out_home(
    settings: &Settings,
    local: bool,
    exit_signals: &mut ExitSignals,
) -> Result<SignedOut> {
    let hurry = async { _ = exit_signals.next().await };
    let issuer = (!local).then_some(&settings.issuer);
    let outcome = sign_out_unless(&settings.store(), issuer, &notify(), hurry).await?;
    say(&outcome);
    Ok(outcome)
}

/// Signs out one account, active or parked.
pub async fn one(settings: &Settings, account: &StoredAccount, local: bool) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    sign_out(settings, account, local, &mut exit_signals).await?;
    say_what_is_left(settings);
    Ok(0)
}

async fn sign_out(
    settings: &Settings,
    account: &StoredAccount,
    local: bool,
    exit_signals: &mut ExitSignals,
) -> Result<()> {
    let hurry = async { _ = exit_signals.next().await };
    let issuer = (!local).then_some(&settings.issuer);
    let accounts = settings.accounts();
    let outcome = accounts.remove(account, issuer, &notify(), hurry).await?;
    say(&outcome);
    notice(&format!(
        "Successfully logged out: {}",
        account.description()
    ));
    Ok(())
}

/// Signs out every account. One that cannot be signed out does not keep the others.
async fn all(settings: &Settings, local: bool) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    let known = settings.accounts();
    let accounts = tokio::select! {
        accounts = aside(move || known.list()) => accounts?,
        signal = exit_signals.next() => return Ok(signal.exit_code()),
    };
    let mut code = 0;
    let mut active_stays = false;
    for account in &accounts {
        let signed_out = match &account.details {
            Err(error) => Err(error.clone().under(format!("{} was kept", account.name))),
            Ok(_) => sign_out(settings, account, local, &mut exit_signals).await,
        };
        match signed_out {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => {
                print_error(&error);
                code = 1;
                active_stays |= account.active;
            }
        }
    }
    if !active_stays {
        // What a crash or another store has left is no account, but may hold tokens.
        let left = sign_out_home(settings, local, &mut exit_signals).await?;
        if accounts.is_empty() {
            say_whether(left.removed);
        }
    }
    say_about_the_environment(settings);
    Ok(code)
}

fn say_whether(removed: bool) {
    say_line(if removed {
        "Successfully logged out"
    } else {
        "Not logged in"
    });
}

fn say(outcome: &SignedOut) {
    if let Some(damaged) = &outcome.damaged {
        say_line(&format!("{}: removed", clean(damaged.message())));
    }
    match &outcome.revocation {
        Revocation::Revoked => say_line(
            "The session has ended everywhere, on other machines too. (logout --local signs out \
             here only.)",
        ),
        Revocation::LeftAlive => say_line("The session stays alive at the issuer"),
        Revocation::Failed(error) => notice(&format!(
            "warning: could not end the session at the issuer, so it ends when its tokens \
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
