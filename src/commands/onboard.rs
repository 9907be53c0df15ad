//! No command: the full screen.

use codex_onboarding::auth::{Notify, Store};
use codex_onboarding::onboarding::{self, Ended, Options};
use codex_onboarding::sign_in::PendingFile;
use codex_onboarding::{Error, Result};

use super::output::{command, notify, say_line};
use super::{catch_exit_signals, login, session_options};
use crate::settings::{Settings, at_a_terminal};

/// Returns whether nothing usable is stored.
pub fn is_needed(settings: &Settings) -> bool {
    let mut session = session_options(settings);
    if let Some(slot) = &settings.slot {
        session.store = Store::new(slot);
    }
    onboarding::is_needed(&session)
}

/// Shows the full screen.
pub async fn run(settings: &Settings) -> Result<u8> {
    if !at_a_terminal() {
        return Err(Error::usage("The full screen needs a terminal")
            .with_hint(format!("Without one, use: {}", command("login"))));
    }
    let code = Box::pin(show(options(settings)?)).await?;
    if code > 128 {
        say_what_is_left(settings);
    }
    if code == 0 && !settings.plain() {
        // The last screen disappeared when the full screen closed.
        say_line("You are signed in: run codex to start");
    }
    Ok(code)
}

/// Explains how to resume a sign-in that a signal has interrupted.
fn say_what_is_left(settings: &Settings) {
    let left = PendingFile::of(&settings.store()).load().ok().flatten();
    let left = left.map(|pending| pending.kept.expires_in(chrono::Utc::now()));
    if let Some(left) = left.filter(|left| !left.is_zero()) {
        login::say_how_to_resume(left);
    }
}

/// Returns the options for the full screen.
///
/// # Errors
/// [`ErrorKind::Denied`](codex_onboarding::ErrorKind) if Codex's settings allow none of the
/// workspaces that `--workspace` names.
pub fn options(settings: &Settings) -> Result<Options> {
    let mut sign_in = settings.sign_in();
    // The screen is not shown yet, and reading a keyring may take a while.
    sign_in.store = sign_in.store.notifying(&notify());
    let mut options = Options::new(sign_in, settings.environment.clone());
    options.settings = Some(settings.config().clone());
    options.look();
    if let Some(error) = options.facts.no_workspace {
        return Err(error);
    }
    options.sign_in.store = options.sign_in.store.notifying(&Notify::default());
    options.facts.remote = settings.remote();
    options.facts.animations = !settings.flags.no_animations;
    options.plain = settings.plain();
    let reason = settings.environment.reason_for_lines();
    if let Some(reason) = reason.filter(|_| !settings.flags.plain) {
        say_line(&format!("Line by line, because {reason}"));
    }
    let warnings = &mut options.facts.warnings;
    warnings.extend(
        settings
            .port_warning()
            .map(|text| format!("warning: {text}")),
    );
    warnings.extend(settings.slot_note());
    Ok(options)
}

/// Runs the full screen, and returns the exit code.
pub async fn show(options: Options) -> Result<u8> {
    let _caught = catch_exit_signals()?;
    Ok(match onboarding::run(options).await? {
        Ended::SignedIn => 0,
        Ended::Signal(signal) => signal.exit_code(),
        _ => 130,
    })
}
