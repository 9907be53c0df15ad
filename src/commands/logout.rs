//! `logout`: the session ends at the issuer, and the credentials go.

use codex_onboarding::auth::accounts::{RunningPrograms, StoredAccount};
use codex_onboarding::auth::{Revocation, SignedOut};
use codex_onboarding::signals::ExitSignals;
use codex_onboarding::text::clean;
use codex_onboarding::{ErrorKind, Result};

use super::output::{notice, notify, print_error, say_line};
use super::running::{Wish, after_change, make_way};
use super::{aside, catch_exit_signals, chosen, say_who_is_parked};
use crate::cli::Logout;
use crate::settings::Settings;

/// Signs out and says what was found; `local` leaves the session alive at the issuer.
pub async fn run(settings: &Settings, options: &Logout) -> Result<u8> {
    let wish = Wish {
        yes: options.yes,
        json: false,
    };
    if options.all {
        return all(settings, options.local, wish).await;
    }
    if let Some(account) = chosen(settings, options.which.name())? {
        return one(settings, &account, options.local, options.yes).await;
    }
    if settings.slot.is_some() {
        say_whether(false);
        return Ok(0);
    }
    let running = RunningPrograms::look(&settings.store()).await;
    if running.is_held()
        && let Some(active) = active(settings)
    {
        make_way(&active, wish).await?;
    }
    let mut exit_signals = catch_exit_signals()?;
    let outcome = sign_out_home(settings, options.local, &mut exit_signals).await?;
    settings.accounts().tidy().await;
    say_whether(outcome.removed);
    say_what_is_left(settings);
    after_change(settings, wish).await;
    Ok(0)
}

/// Ends what holds the account only by the lock that its own program left behind. The active
/// one may go while a Codex runs, which is told afterwards.
pub async fn let_go(account: &StoredAccount, wish: Wish) -> Result<()> {
    let running = RunningPrograms::look(account.store()).await;
    if account.active && !running.is_held() {
        return Ok(());
    }
    make_way(account, wish).await
}

fn active(settings: &Settings) -> Option<StoredAccount> {
    let accounts = settings.accounts().list().unwrap_or_default();
    accounts.into_iter().find(|account| account.active)
}

/// Signs out whatever is in the codex home itself.
async fn sign_out_home(
    settings: &Settings,
    local: bool,
    exit_signals: &mut ExitSignals,
) -> Result<SignedOut> {
    let hurry = async { _ = exit_signals.next().await };
    let issuer = (!local).then_some(&settings.issuer);
    let accounts = settings.accounts().notifying(&notify());
    let outcome = accounts.sign_out_active(issuer, hurry).await?;
    say(&outcome);
    Ok(outcome)
}

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
    sign_out(settings, account, local, &mut exit_signals).await?;
    say_what_is_left(settings);
    if account.active {
        after_change(settings, wish).await;
    }
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
    let accounts = settings.accounts().notifying(&notify());
    let outcome = accounts.remove(account, issuer, hurry).await?;
    say(&outcome);
    notice(&format!(
        "Successfully logged out: {}",
        account.description()
    ));
    Ok(())
}

/// Signs out every account. One that cannot be signed out does not keep the others.
async fn all(settings: &Settings, local: bool, wish: Wish) -> Result<u8> {
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
            Ok(_) => match let_go(account, wish).await {
                Ok(()) => sign_out(settings, account, local, &mut exit_signals).await,
                Err(error) => Err(error),
            },
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
    settings.accounts().tidy().await;
    say_about_the_environment(settings);
    after_change(settings, wish).await;
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
