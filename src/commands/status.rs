//! `status`: who is signed in, and with `--check` whether Codex can use it. Only that touches the
//! network.

use std::fmt::Write as _;

use codex_onboarding::auth::{Check, Override, Plan, Session, Source};
use codex_onboarding::text::{clean, rfc3339};
use codex_onboarding::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::output::{SIGN_IN, hint_for, notice, print, print_error, say_line};
use super::{
    NOT_YET, aside, catch_exit_signals, events, say_who_is_parked, session_of, unless_signalled,
};
use crate::settings::Settings;

/// Prints the status and returns the exit code: 0 when signed in, 1 when not.
pub fn run(settings: &Settings, as_json: bool, named: Option<&str>) -> u8 {
    if let Some(warning) = settings.store().exposure_warning() {
        notice(&warning);
    }
    report(settings, as_json, &session_of(settings, named))
}

/// As [`run`], and asks whether Codex can use the session. Exit code 0 when it can, 1 when it
/// cannot, 75 when nobody could tell.
pub async fn check(settings: &Settings, as_json: bool, named: Option<&str>) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    let (copy, named) = (settings.clone(), named.map(str::to_owned));
    let session = tokio::select! {
        session = aside(move || session_of(&copy, named.as_deref())) => session,
        signal = exit_signals.next() => return Ok(signal.exit_code()),
    };
    let Ok(Some(found)) = &session else {
        return Ok(report_checked(settings, as_json, &session, None));
    };
    let checked = async { Ok(found.check().await) };
    match unless_signalled(found, checked, &mut exit_signals).await? {
        Ok(checked) => Ok(report_checked(settings, as_json, &session, Some(checked))),
        Err(signal) => Ok(signal.exit_code()),
    }
}

fn report_checked(
    settings: &Settings,
    as_json: bool,
    session: &Result<Option<Session>>,
    checked: Option<Check>,
) -> u8 {
    let code = match &checked {
        Some(Check::Alive(_)) => 0,
        Some(Check::Unknown(_)) => NOT_YET,
        _ => code_of(session).max(1),
    };
    if as_json {
        let mut status = json(settings, session, &Override::all_in(&settings.environment));
        add_check(&mut status, session, checked);
        events::emit(status);
        return code;
    }
    report(settings, false, session);
    match checked {
        Some(Check::Alive(workspace)) => {
            let name = workspace.map(|it| clean(&it.name.unwrap_or(it.id)));
            let name = name.map_or_else(String::new, |name| format!(": workspace {name}"));
            let _ = print(format!("Codex can use it{name}\n").as_bytes());
        }
        Some(Check::Refused(error)) => say_verdict("Codex cannot use it", &error),
        Some(Check::Unknown(error)) => {
            say_verdict("Could not find out whether Codex can use it", &error);
        }
        _ => {}
    }
    code
}

fn say_verdict(verdict: &str, error: &Error) {
    let _ = print(format!("{verdict}: {}\n", clean(&error.in_full())).as_bytes());
    if let Some(hint) = hint_for(error) {
        notice(&format!("next: {hint}"));
    }
}

fn add_check(status: &mut Value, session: &Result<Option<Session>>, checked: Option<Check>) {
    let (alive, workspace, problem) = match checked {
        Some(Check::Alive(workspace)) => (Some(true), workspace, None),
        Some(Check::Refused(error)) => (Some(false), None, Some(error.in_full())),
        Some(Check::Unknown(error)) => (None, None, Some(error.in_full())),
        _ => {
            let error = session.as_ref().err().map(Error::in_full);
            let problem = error.unwrap_or_else(|| "Not logged in".to_owned());
            (Some(false), None, Some(problem))
        }
    };
    status["alive"] = json!(alive);
    status["workspace"] = json!(workspace.map(|it| json!({ "id": it.id, "name": it.name })));
    status["problem"] = json!(problem);
}

/// 0 when signed in, 1 when not.
fn code_of(session: &Result<Option<Session>>) -> u8 {
    match session {
        Ok(Some(session)) if session.lent_has_ended().is_some() => 1,
        Ok(Some(_)) => 0,
        Err(error) if error.kind() == ErrorKind::Usage => 2,
        _ => 1,
    }
}

/// Prints what a session holds, or why there is none.
pub fn report(settings: &Settings, as_json: bool, session: &Result<Option<Session>>) -> u8 {
    let code = code_of(session);
    let overrides = Override::all_in(&settings.environment);
    if as_json {
        events::emit(json(settings, session, &overrides));
        return code;
    }
    match session {
        Ok(Some(session)) => {
            if let Some(ended) = session.lent_has_ended() {
                let _ = print(b"Not logged in\n");
                print_error(&ended);
                return code;
            }
            let _ = print(text(session).as_bytes());
            if let Some(rule) = breach(settings, Some(session)) {
                let line = format!("Codex will sign out these credentials: {rule}\n");
                let _ = print(line.as_bytes());
            }
        }
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
    if let Some(refused) = session.renewal_refused() {
        let _ = writeln!(text, "Cannot be renewed: {}", clean(refused.message()));
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

/// Returns the setting for which Codex will sign out the stored credentials.
fn breach(settings: &Settings, session: Option<&Session>) -> Option<String> {
    let session = session.filter(|session| session.lent_has_ended().is_none())?;
    settings.config().breach(session).as_deref().map(clean)
}

fn json(settings: &Settings, session: &Result<Option<Session>>, overrides: &[Override]) -> Value {
    let mut status = stored_as_json(session);
    let found = session.as_ref().ok().and_then(Option::as_ref);
    if let Some(problem) = found.and_then(Session::codex_problem) {
        status["codex_can_load"] = json!(false);
        status["codex_problem"] = json!(problem);
    }
    if let Some(rule) = breach(settings, found) {
        status["codex_will_sign_out"] = json!(rule);
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
