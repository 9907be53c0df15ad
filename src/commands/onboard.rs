//! No command: the full screen.

use codex_onboarding::auth::{CodexConfig, Mode, Session, Source};
use codex_onboarding::onboarding::{self, Ended, Facts, Options, Remote, SignedIn};
use codex_onboarding::{Error, ErrorKind, Result, browser};

use super::session_options;
use crate::settings::{Settings, at_a_terminal};

/// Shows the full screen.
pub async fn run(mut settings: Settings, if_needed: bool) -> Result<u8> {
    let session = Session::load(&session_options(&settings));
    if if_needed && matches!(session, Ok(Some(_))) {
        return Ok(0);
    }
    if !at_a_terminal() {
        return Err(no_terminal());
    }
    let config = CodexConfig::load(&settings.codex_home);
    if settings.workspaces.is_empty() {
        settings.workspaces.clone_from(&config.forced_workspaces);
    }
    let mut facts = facts(&settings, config);
    let stored = settings.store().load().ok().flatten();
    facts.replaces_api_key = stored.is_some_and(|file| file.api_key().is_some());
    remember(session, &mut facts);
    show(&settings, facts).await
}

/// Runs the full screen with what is known, and turns its end into an exit code.
pub async fn show(settings: &Settings, facts: Facts) -> Result<u8> {
    let options = Options {
        sign_in: settings.sign_in(),
        facts,
        browser: browser::system(),
        environment: settings.environment.clone(),
        plain: settings.plain,
    };
    Ok(match onboarding::run(options).await? {
        Ended::SignedIn => 0,
        Ended::Cancelled => 130,
        Ended::Signal(ending) => ending.exit_code(),
    })
}

/// What holds for the whole session, whoever is signed in.
pub fn facts(settings: &Settings, config: CodexConfig) -> Facts {
    let mut warnings = config.warnings;
    warnings.extend(settings.port_warning());
    Facts {
        remote: settings.remote.clone().map(|remote| Remote {
            ssh_target: remote.ssh_target,
        }),
        demo: false,
        animations: settings.animations,
        color: settings.color,
        environment_key: settings.environment_key.clone(),
        forced: config.forced_login_method,
        auth_file: settings.store().path().display().to_string(),
        signed_in: None,
        problem: None,
        replaces_api_key: false,
        warnings,
    }
}

/// Who is signed in already, or why that is unknown.
fn remember(session: Result<Option<Session>>, facts: &mut Facts) {
    match session {
        Ok(Some(session)) if session.source() == Source::File => {
            let account = session.account();
            facts.signed_in = Some(SignedIn {
                stored: match account.mode {
                    Mode::ChatGpt => "ChatGPT tokens".to_owned(),
                    Mode::ApiKey => "an API key".to_owned(),
                    Mode::Other(ref name) => name.clone(),
                },
                since: session
                    .last_refresh()
                    .map(|time| time.format("%F %R UTC").to_string()),
                account,
            });
        }
        Ok(_) => {}
        Err(error) => facts.problem = Some(error),
    }
}

fn no_terminal() -> Error {
    Error::new(ErrorKind::Usage, "The full screen needs a terminal")
        .with_hint("Without one, use: codex-onboarding login")
}
