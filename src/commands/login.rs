//! `login`: the sign-in without the full screen. Results and events go to standard output,
//! the conversation to standard error.

mod chatgpt;
mod conversation;
mod later;
mod secret;

use std::time::Duration;

use codex_onboarding::auth::accounts::{Target, check_name};
use codex_onboarding::auth::{
    Account, CodexConfig, Mode, SecretKind, Session, SessionOptions, Store,
};
use codex_onboarding::sign_in::{Destination, SignInOptions};
use codex_onboarding::text::clean;
use codex_onboarding::{Error, Result};

use super::output::{command, note, notice, notify, warn};
use super::running::{Wish, after_change};
use super::{NOT_YET, accounts, catch_exit_signals};
use crate::cli::SignInFlags;
use crate::settings::Settings;
use conversation::report;
pub use conversation::{Conversation, say_how_to_resume};

/// Signs in, and makes the new account the active one or parks it, as `destination` says. With
/// `--no-wait` the sign-in is left for later; `--resume` continues the one that was left, with its
/// own destination.
pub async fn run(
    settings: &Settings,
    flags: &SignInFlags,
    yes: bool,
    destination: Destination,
) -> Result<u8> {
    let mut conversation = if flags.resume.is_some() {
        match Conversation::resume(settings, flags, &destination) {
            Ok(Some(resumed)) => resumed,
            Ok(None) => return Ok(NOT_YET),
            Err(error) => return Ok(report(flags.json, &error)),
        }
    } else if flags.timeout == Some(Duration::ZERO) {
        return Err(Error::usage("--timeout must be longer than zero"));
    } else {
        Conversation::new(settings, flags, destination)
    };
    if let Destination::Beside(Some(name)) = &conversation.destination {
        check_name(name)?;
    }
    if flags.no_wait {
        return conversation.sign_in(&settings.store()).await;
    }
    if conversation.destination == Destination::Keep && holds_a_lent_session(settings) {
        // A lent session ends by itself, and is not worth parking.
        conversation.destination = Destination::Replace;
    }
    let target = match conversation.destination {
        Destination::Replace => Target::Replace(settings.store()),
        _ => Target::Beside(settings.accounts().notifying(&notify()).new_slot()?),
    };
    let code = conversation.sign_in(target.store()).await?;
    if code != 0 {
        return Ok(code);
    }
    let wish = Wish {
        yes,
        json: flags.json,
    };
    let is_active = match target {
        Target::Replace(_) => {
            settings.accounts().tidy().await;
            true
        }
        Target::Beside(slot) => {
            accounts::take_in(settings, flags, slot, &conversation.destination, wish).await
        }
    };
    if is_active {
        after_change(settings, wish).await;
    }
    Ok(0)
}

fn holds_a_lent_session(settings: &Settings) -> bool {
    let accounts = settings.accounts().list().unwrap_or_default();
    accounts.iter().any(|it| it.active && it.is_lent())
}

impl Conversation<'_> {
    /// Signs in to `store` in the way that the flags choose, and returns the exit code.
    async fn sign_in(&self, store: &Store) -> Result<u8> {
        let flags = self.flags;
        let mut exit_signals = catch_exit_signals()?;
        let options = tokio::select! {
            options = self.options(store) => options,
            signal = exit_signals.next() => return Ok(signal.exit_code()),
        };
        let typed = if flags.with_api_key {
            Some(SecretKind::ApiKey)
        } else {
            flags.with_access_token.then_some(SecretKind::AccessToken)
        };
        let code = match (options, typed) {
            (Err(error), _) => report(flags.json, &error),
            (Ok(options), Some(kind)) => self.secret(kind, options, exit_signals).await,
            (Ok(options), None) if flags.no_wait => self.leave(options, exit_signals).await,
            (Ok(options), None) => self.chatgpt(options, exit_signals).await,
        };
        // If the secret or address is refused, the command line is not at fault.
        let was_given = typed.is_some() || flags.resume.is_some();
        Ok(if code == 2 && was_given { 1 } else { code })
    }

    /// Prints the warnings that a person should see before a sign-in, checks that it is allowed and
    /// can be saved, and returns its options.
    async fn options(&self, store: &Store) -> Result<SignInOptions> {
        let (settings, flags) = (self.settings, self.flags);
        let config = settings.config();
        for warning in &config.warnings {
            notice(warning);
        }
        if let Some(warning) = settings.port_warning() {
            warn(&warning);
        }
        say_breach(settings).await;
        check_allowed(flags, config)?;
        config.check_store()?;
        settings.store().check_savable()?;
        store.check_savable()?;
        if self.destination == Destination::Replace {
            note_replaced(&store.notifying(&notify()), flags.with_api_key).await?;
        }
        let mut options = settings.sign_in();
        options.store = store.clone();
        options.exchange_api_key = flags.exchange_api_key;
        options.redeem_credits = flags.redeem_credits;
        // An API key belongs to no workspace.
        if !flags.with_api_key {
            options.workspaces = config.workspaces(&settings.flags.workspace)?;
        }
        Ok(options)
    }
}

/// Names the stored credentials that the sign-in will replace, while the person can still keep
/// them.
///
/// # Errors
/// [`ErrorKind::Storage`](codex_onboarding::ErrorKind::Storage) if they belong in a keyring that
/// cannot be used.
async fn note_replaced(store: &Store, with_api_key: bool) -> Result<()> {
    let reading = match store.read_async().await {
        Err(error) if store.setting().asks_keyring() => return Err(error),
        Err(_) => return Ok(()),
        // The save itself reports this.
        Ok(reading) if reading.is_parked_by_save => return Ok(()),
        Ok(reading) => reading,
    };
    let drops = |condition, what| {
        let place = store.describe(reading.source);
        note(&format!(
            "signing in{condition} drops {what} stored in {place} (--keep keeps it)"
        ));
    };
    if reading.holds_api_key() {
        drops("", "the API key".to_owned());
    }
    if let Some(account) = reading.account() {
        // The same account may sign in again, unless it is with an API key.
        let may_stay = account.mode == Mode::ChatGpt && !with_api_key;
        let condition = if may_stay { " as anybody else" } else { "" };
        let who = name_of(&account).unwrap_or_else(|| match &account.mode {
            Mode::ChatGpt => "the account".to_owned(),
            other => format!("the {}", other.words()),
        });
        drops(condition, who);
    }
    Ok(())
}

/// Returns the account's email address, or else its workspace, cleaned.
fn name_of(account: &Account) -> Option<String> {
    let workspace = || Some(format!("workspace {}", account.account_id.as_deref()?));
    let name = account.email.clone().or_else(workspace);
    name.as_deref().map(clean)
}

/// Warns that the next `codex` will delete the stored credentials, while the person can still act.
async fn say_breach(settings: &Settings) {
    // A person should not be asked to unlock a keyring for a warning.
    let store = settings.store().without_unlocking();
    let options = SessionOptions::new(store, settings.issuer.clone());
    let session = Session::load_async(&options).await.ok().flatten();
    if let Some(session) = session
        && let Some(rule) = settings.config().breach(&session)
    {
        let account = session.account();
        let who = name_of(&account).unwrap_or_else(|| account.mode.words().to_owned());
        warn(&format!(
            "Codex will sign out the stored credentials ({who}): {rule}"
        ));
    }
}

/// Refuses a way to sign in that the settings forbid: the Codex CLI would sign out again.
fn check_allowed(flags: &SignInFlags, config: &CodexConfig) -> Result<()> {
    let mut ways = [
        (Mode::ChatGpt, "login"),
        (Mode::ApiKey, "login --with-api-key"),
    ];
    if flags.with_api_key {
        ways.reverse();
    }
    let [(chosen, _), (other, words)] = ways;
    config.check_allowed(&chosen).map_err(|error| {
        error.with_hint(match config.check_allowed(&other) {
            Ok(()) => format!("Use: {}", command(words)),
            Err(_) => "Change the settings, or ask whoever manages this machine".to_owned(),
        })
    })
}
