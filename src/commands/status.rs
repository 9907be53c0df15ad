//! `status`: who is signed in. Never touches the network.

use std::fmt::Write as _;

use codex_onboarding::auth::{Override, Plan, Session, Source};
use codex_onboarding::text::clean;
use codex_onboarding::{ErrorKind, Result};
use serde_json::{Value, json};

use super::output::{SIGN_IN, notice, print, print_error, rfc3339, say_line};
use super::{events, say_who_is_parked, session_of};
use crate::settings::Settings;

/// Prints the status and returns the exit code: 0 when signed in, 1 when not.
pub fn run(settings: &Settings, as_json: bool, named: Option<&str>) -> u8 {
    if let Some(warning) = settings.store().exposure_warning() {
        notice(&warning);
    }
    report(settings, as_json, &session_of(settings, named))
}

/// Prints what a session holds, or why there is none.
pub fn report(settings: &Settings, as_json: bool, session: &Result<Option<Session>>) -> u8 {
    let code = match session {
        Ok(Some(session)) if session.lent_has_ended().is_some() => 1,
        Ok(Some(_)) => 0,
        Err(error) if error.kind() == ErrorKind::Usage => 2,
        _ => 1,
    };
    let overrides = Override::all_in(&settings.environment);
    if as_json {
        events::emit(json(session, &overrides));
        return code;
    }
    match session {
        Ok(Some(session)) => match session.lent_has_ended() {
            Some(ended) => {
                let _ = print(b"Not logged in\n");
                print_error(&ended);
            }
            None => _ = print(text(session).as_bytes()),
        },
        Ok(None) => {
            // Scripts look for these words among the results; the hint is conversation.
            let _ = print(b"Not logged in\n");
            if !say_who_is_parked(settings, "Parked") {
                say_line(SIGN_IN);
            }
        }
        Err(error) => print_error(error),
    }
    for overriding in &overrides {
        let _ = print(format!("{overriding}\n").as_bytes());
    }
    code
}

fn text(session: &Session) -> String {
    let account = session.account();
    let mut text = format!("Logged in using {}\n", clean(account.mode.words()));
    let stored = match session.place() {
        Some(place) => clean(&place),
        None => "the environment (OPENAI_API_KEY)".to_owned(),
    };
    let rows = [
        ("Account", account.email.as_deref().map(clean)),
        (
            "Plan",
            account.plan.as_ref().map(|plan| clean(&plan.to_string())),
        ),
        ("Workspace", account.account_id.as_deref().map(clean)),
        ("Stored in", Some(stored)),
        ("Expires", session.expires_at().map(rfc3339)),
        ("Last refresh", session.last_refresh().map(rfc3339)),
    ];
    if session.is_lent() {
        let until = session.expires_at().map(rfc3339);
        let until = until.map_or_else(String::new, |end| format!("valid until {end}, "));
        let _ = writeln!(text, "Lent: {until}cannot be renewed here");
    }
    for (name, value) in rows {
        if let Some(value) = value {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<13} {value}");
        }
    }
    if let Some(problem) = session.codex_problem() {
        let _ = writeln!(text, "Codex cannot load these credentials: {problem}");
    }
    if session.source() != Source::Environment && session.codex_mode() != account.mode {
        let words = session.codex_mode();
        let _ = writeln!(
            text,
            "Codex itself uses {} here: the file holds both and names no auth_mode",
            clean(words.words())
        );
    }
    if session.source() == Source::Environment {
        text.push_str(
            "Codex itself does not read OPENAI_API_KEY. To sign it in with this key, use:\n  \
             printenv OPENAI_API_KEY | codex-onboarding login --with-api-key\n",
        );
    }
    text
}

fn json(session: &Result<Option<Session>>, overrides: &[Override]) -> Value {
    let mut status = stored_as_json(session);
    let problem = session.as_ref().ok().and_then(Option::as_ref);
    if let Some(problem) = problem.and_then(Session::codex_problem) {
        status["codex_can_load"] = json!(false);
        status["codex_problem"] = json!(problem);
    }
    if !overrides.is_empty() || matches!(session, Ok(Some(_))) {
        let variables: Vec<_> = overrides.iter().map(Override::variable).collect();
        status["overridden_by"] = json!(variables);
    }
    status
}

fn stored_as_json(session: &Result<Option<Session>>) -> Value {
    match session {
        Ok(None) => json!({ "signed_in": false }),
        Err(error) if error.kind() == ErrorKind::NotSignedIn => {
            json!({ "signed_in": false, "error": events::error(error) })
        }
        Err(error) => json!({ "error": events::error(error) }),
        Ok(Some(session)) => {
            let account = session.account();
            let mut status = json!({
                "signed_in": session.lent_has_ended().is_none(),
                "mode": account.mode.as_str(),
                "email": account.email,
                "plan": account.plan.as_ref().map(Plan::as_str),
                "account_id": account.account_id,
                "source": session.source().as_str(),
                // JSON is Unicode, and a path may be anything.
                "path": session.path().map(|path| path.to_string_lossy().into_owned()),
                "expires_at": session.expires_at().map(rfc3339),
                "last_refresh": session.last_refresh().map(rfc3339),
            });
            if session.is_lent() {
                status["lent"] = json!(true);
            }
            status
        }
    }
}
