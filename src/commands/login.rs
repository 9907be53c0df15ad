//! `login`: the sign-in without the full screen. Results and events go to standard output,
//! the conversation to standard error.

mod chatgpt;
mod conversation;
mod keeper;
mod resume;
mod secret;

use std::io::IsTerminal as _;
use std::time::Duration;

use codex_onboarding::auth::accounts::Target;
use codex_onboarding::auth::{
    Account, CodexConfig, Mode, Notify, SecretKind, Session, SessionOptions, Store,
};
use codex_onboarding::sign_in::{Destination, SignInOptions};
use codex_onboarding::text::clean;
use codex_onboarding::{Error, Result, browser};

use super::output::{notice, notify};
use super::running::{Wish, after_change};
use super::{accounts, catch_exit_signals};
use crate::cli::SignInFlags;
use crate::settings::Settings;
pub use conversation::Conversation;
use keeper::Keeper;
pub use keeper::say_left;
pub use resume::Resumed;

/// Signs in, and makes the new account the active one or parks it, as `destination` says.
pub async fn run(
    settings: &Settings,
    flags: &SignInFlags,
    yes: bool,
    destination: Destination,
    resumed: Option<&Resumed>,
) -> Result<u8> {
    let destination = match destination {
        // It ends by itself, and is not worth parking.
        Destination::Keep if holds_a_lent_session(settings) => Destination::Replace,
        destination => destination,
    };
    let target = match destination {
        Destination::Replace => Target::Replace(settings.store()),
        _ => Target::Beside(settings.accounts().notifying(&notify()).new_slot()?),
    };
    let code = sign_in(settings, flags, &target, &destination, resumed).await?;
    if code != 0 {
        return Ok(code);
    }
    let wish = Wish {
        yes,
        json: flags.json,
    };
    let is_active = match target {
        Target::Replace(_) => true,
        Target::Beside(slot) => accounts::take_in(settings, flags, slot, &destination, wish).await,
    };
    if is_active {
        after_change(settings, wish).await;
    }
    Ok(code)
}

fn holds_a_lent_session(settings: &Settings) -> bool {
    let accounts = settings.accounts().list().unwrap_or_default();
    let mut active = accounts.iter().filter(|account| account.active);
    active.any(|account| account.details.as_ref().is_ok_and(|it| it.lent))
}

/// `--no-wait`: begins a sign-in for this destination, and leaves it.
pub async fn leave(
    settings: &Settings,
    flags: &SignInFlags,
    destination: Destination,
) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    let conversation = conversation(settings, flags, None, None);
    let replaced = destination == Destination::Replace;
    let store = settings.store().notifying(&notify());
    let ready = tokio::select! {
        ready = ready(settings, flags, &store, replaced) => ready,
        signal = exit_signals.next() => return Ok(signal.exit_code()),
    };
    let left = match ready {
        Ok(options) => {
            let left = conversation.leave(settings, options, destination, &mut exit_signals);
            left.await
        }
        Err(error) => Err(error),
    };
    Ok(left.unwrap_or_else(|error| conversation.report(Err(error))))
}

/// Returns the conversation about a sign-in to `replaced`, or to another place.
pub fn conversation(
    settings: &Settings,
    flags: &SignInFlags,
    replaced: Option<&Store>,
    changed: Option<Store>,
) -> Conversation {
    let remote = settings.remote();
    Conversation {
        json: flags.json,
        device_auth: flags.device_auth,
        attended: std::io::stdin().is_terminal(),
        timeout: flags.timeout,
        browser: remote.is_none().then(browser::system),
        ssh_target: remote.and_then(|remote| remote.ssh_target),
        store: replaced.cloned(),
        undo: replaced.map(|_| settings.command("logout")),
        changed,
        keeper: None,
    }
}

/// Signs in to `target`.
async fn sign_in(
    settings: &Settings,
    flags: &SignInFlags,
    target: &Target,
    destination: &Destination,
    resumed: Option<&Resumed>,
) -> Result<u8> {
    let (store, replaced) = (target.store(), matches!(target, Target::Replace(_)));
    // A Codex that runs there goes on with the earlier session.
    let changed = (!matches!(destination, Destination::Beside(_))).then(|| settings.store());
    if resumed.is_none() && flags.timeout == Some(Duration::ZERO) {
        return Err(Error::usage("--timeout must be longer than zero"));
    }
    let mut conversation = conversation(settings, flags, replaced.then_some(store), changed);
    if resumed.is_none() {
        conversation.keeper = Some(Keeper::new(settings, destination.clone()));
    }
    let mut exit_signals = catch_exit_signals()?;
    let store = &store.notifying(&notify());
    let ready = tokio::select! {
        ready = ready(settings, flags, store, replaced) => ready,
        signal = exit_signals.next() => return Ok(signal.exit_code()),
    };
    let typed = typed_secret(flags);
    let ended = match (ready, typed, resumed) {
        (Err(error), ..) => Err(error),
        (Ok(mut sign_in), Some(kind), _) => {
            sign_in.store = store.clone();
            conversation.secret(kind, &sign_in, exit_signals).await
        }
        (Ok(mut sign_in), None, None) => {
            sign_in.store = store.notifying(&Notify::default());
            conversation.chatgpt(sign_in, exit_signals).await
        }
        (Ok(mut sign_in), None, Some(resumed)) => {
            sign_in.store = store.notifying(&Notify::default());
            let ended = conversation.resume(resumed, sign_in, &mut exit_signals);
            match ended.await {
                Ok(Err(code)) => return Ok(code),
                Ok(Ok(ended)) => Ok(ended),
                Err(error) => Err(error),
            }
        }
    };
    let code = conversation.report(ended);
    if replaced && code == 0 {
        settings.accounts().tidy().await;
    }
    // A refused secret or address is not the command line's fault.
    Ok(if code == 2 && (typed.is_some() || resumed.is_some()) {
        1
    } else {
        code
    })
}

/// Checks and says what there is to say before a sign-in, and returns its options.
async fn ready(
    settings: &Settings,
    flags: &SignInFlags,
    store: &Store,
    replaced: bool,
) -> Result<SignInOptions> {
    let config = settings.config();
    for warning in config.warnings.iter().chain(&settings.port_warning()) {
        notice(warning);
    }
    say_breach(settings).await;
    check_allowed(flags, config)?;
    config.check_store()?;
    settings.store().check_savable()?;
    store.check_savable()?;
    if replaced {
        note_replaced(store, flags.with_api_key).await?;
    }
    sign_in_options(settings, flags, config)
}

fn typed_secret(flags: &SignInFlags) -> Option<SecretKind> {
    if flags.with_api_key {
        Some(SecretKind::ApiKey)
    } else if flags.with_access_token {
        Some(SecretKind::AccessToken)
    } else {
        None
    }
}

fn sign_in_options(
    settings: &Settings,
    options: &SignInFlags,
    config: &CodexConfig,
) -> Result<SignInOptions> {
    let mut sign_in = settings.sign_in();
    sign_in.exchange_api_key = options.exchange_api_key;
    sign_in.redeem_credits = options.redeem_credits;
    // An API key belongs to no workspace.
    if !options.with_api_key {
        sign_in.workspaces = config.workspaces(&settings.flags.workspace)?;
    }
    Ok(sign_in)
}

/// Says which stored credentials a sign-in replaces, while the person can still keep them.
///
/// # Errors
/// [`ErrorKind::Storage`](codex_onboarding::ErrorKind::Storage) when they are to go to a keyring
/// that cannot be used.
async fn note_replaced(store: &Store, with_api_key: bool) -> Result<()> {
    let reading = match store.read_async().await {
        Err(error) if store.setting().asks_keyring() => return Err(error),
        Err(_) => return Ok(()),
        Ok(reading) => reading,
    };
    if reading.is_parked_by_save {
        // The save says so.
        return Ok(());
    }
    let place = store.describe(reading.source);
    if reading.holds_api_key() {
        notice(&format!(
            "note: signing in drops the API key stored in {place} (--keep keeps it)"
        ));
    }
    if let Some(account) = reading.account() {
        let who = name_of(&account);
        let has_tokens = account.mode == Mode::ChatGpt;
        let who = who.unwrap_or_else(|| match &account.mode {
            Mode::ChatGpt => "the account".to_owned(),
            other => format!("the {}", clean(other.words())),
        });
        // Nobody knows yet who will sign in, unless it is with an API key.
        let may_stay = has_tokens && !with_api_key;
        let condition = if may_stay { " as anybody else" } else { "" };
        notice(&format!(
            "note: signing in{condition} drops {who} stored in {place} (--keep keeps it)"
        ));
    }
    Ok(())
}

/// Returns the account's email address, or else its workspace, cleaned.
fn name_of(account: &Account) -> Option<String> {
    let email = account.email.as_deref().map(clean);
    let workspace = || {
        Some(format!(
            "workspace {}",
            clean(account.account_id.as_deref()?)
        ))
    };
    email.or_else(workspace)
}

/// Says that the next `codex` will delete what is stored, while the person can still act.
async fn say_breach(settings: &Settings) {
    let store = settings.store();
    // A person should not be asked to unlock a keyring for a warning.
    let options = SessionOptions::new(store.without_unlocking(), settings.issuer.clone());
    let session = Session::load_async(&options).await.ok().flatten();
    if let Some(session) = session
        && let Some(rule) = settings.config().breach(&session)
    {
        let who = name_of(&session.account());
        let who = who.unwrap_or_else(|| session.account().mode.words().to_owned());
        notice(&format!(
            "warning: Codex will sign out the stored credentials ({}): {}",
            clean(&who),
            clean(&rule)
        ));
    }
}

/// Refuses a way that the settings forbid: the Codex CLI would sign out again.
fn check_allowed(options: &SignInFlags, config: &CodexConfig) -> Result<()> {
    let key = (Mode::ApiKey, "codex-onboarding login --with-api-key");
    let account = (Mode::ChatGpt, "codex-onboarding login");
    let (chosen, other) = if options.with_api_key {
        (key, account)
    } else {
        (account, key)
    };
    config.check_allowed(&chosen.0).map_err(|error| {
        error.with_hint(match config.check_allowed(&other.0) {
            Ok(()) => format!("Use: {}", other.1),
            Err(_) => "Change the settings, or ask whoever manages this machine".to_owned(),
        })
    })
}
