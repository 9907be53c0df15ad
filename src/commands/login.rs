//! `login`: the sign-in without the full screen. Results and events go to standard output,
//! the conversation to standard error.

mod conversation;

use std::io::IsTerminal as _;

use codex_onboarding::auth::{Account, CodexConfig, Mode, Store};
use codex_onboarding::sign_in::SignInOptions;
use codex_onboarding::text::clean;
use codex_onboarding::{Error, Result, browser};

use super::catch_exit_signals;
use super::output::notice;
use crate::cli::SignInFlags;
use crate::settings::Settings;
pub use conversation::Conversation;

/// Signs in, in place of the active account.
pub async fn run(settings: &Settings, flags: &SignInFlags) -> Result<u8> {
    sign_in(settings, flags, &settings.store(), true).await
}

/// Signs in to `store`; it is the codex home's own when what is there is `replaced`.
pub async fn sign_in(
    settings: &Settings,
    flags: &SignInFlags,
    store: &Store,
    replaced: bool,
) -> Result<u8> {
    let remote = settings.remote();
    let conversation = Conversation {
        json: flags.json,
        device_auth: flags.device_auth,
        attended: std::io::stdin().is_terminal(),
        timeout: flags.timeout,
        browser: remote.is_none().then(browser::system),
        ssh_target: remote.and_then(|remote| remote.ssh_target),
        undo: replaced.then_some("codex-onboarding logout"),
    };
    let exit_signals = catch_exit_signals()?;
    let config = CodexConfig::load(&settings.codex_home);
    for warning in config.warnings.iter().chain(&settings.port_warning()) {
        notice(warning);
    }
    if replaced && check_allowed(flags, &config).is_ok() {
        note_replaced(store, flags.with_api_key);
    }
    let ended = if let Err(error) = check_allowed(flags, &config) {
        Err(error)
    } else if flags.with_api_key {
        conversation.api_key(store, exit_signals).await
    } else {
        match sign_in_options(settings, flags, &config) {
            Ok(mut sign_in) => {
                sign_in.store = store.clone();
                conversation.chatgpt(sign_in, exit_signals).await
            }
            Err(error) => Err(error),
        }
    };
    let code = conversation.report(ended);
    // A refused key came from standard input, not from the command line.
    Ok(if flags.with_api_key && code == 2 {
        1
    } else {
        code
    })
}

fn sign_in_options(
    settings: &Settings,
    options: &SignInFlags,
    config: &CodexConfig,
) -> Result<SignInOptions> {
    let mut sign_in = settings.sign_in();
    sign_in.exchange_api_key = options.exchange_api_key;
    sign_in.redeem_credits = options.redeem_credits;
    sign_in.workspaces = config.workspaces(&settings.workspaces, &settings.codex_home)?;
    Ok(sign_in)
}

/// Says which stored credentials a sign-in replaces, while the person can still keep them.
fn note_replaced(store: &Store, with_api_key: bool) {
    let Ok(Some(file)) = store.load() else {
        return;
    };
    let path = store.path();
    let path = path.display();
    if file.api_key().is_some() {
        notice(&format!(
            "note: signing in drops the API key stored in {path}"
        ));
    }
    if let Some(tokens) = &file.tokens {
        let who = name_of(&tokens.account());
        let who = who.unwrap_or_else(|| "the account".to_owned());
        // Nobody knows yet who will sign in, unless it is with an API key.
        let condition = if with_api_key { "" } else { " as anybody else" };
        notice(&format!(
            "note: signing in{condition} drops {who} stored in {path}"
        ));
    }
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

/// Refuses a way that `config.toml` forbids: the Codex CLI would sign out again.
fn check_allowed(options: &SignInFlags, config: &CodexConfig) -> Result<()> {
    let (other, instead) = match (&config.forced_login_method, options.with_api_key) {
        (Some(Mode::ChatGpt), true) => ("chatgpt", "codex-onboarding login"),
        (Some(Mode::ApiKey), false) => ("api", "codex-onboarding login --with-api-key"),
        _ => return Ok(()),
    };
    Err(Error::denied(format!(
        "Not allowed: config.toml has forced_login_method = \"{other}\""
    ))
    .with_hint(format!("Use: {instead}")))
}
