//! `status`: who is signed in, and with `--check` whether Codex can use it. Only that touches the
//! network.

use std::fmt::Write as _;

use codex_onboarding::auth::{Check, Override, Session, Source};
use codex_onboarding::text::{clean, rfc3339};
use codex_onboarding::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::output::{command, hint_for, notice, print, print_error, say_line, sign_in_hint};
use super::{NOT_YET, events, say_who_is_parked, session_of, with_session};
use crate::cli::StatusFlags;
use crate::settings::Settings;

/// Prints the status and returns the exit code: 0 when signed in, 1 when not.
pub fn run(settings: &Settings, options: &StatusFlags) -> u8 {
    if let Some(warning) = settings.store().exposure_warning() {
        notice(&warning);
    }
    let session = session_of(settings, &options.which);
    report(settings, options.json, &session, None)
}

/// As [`run`], and asks whether Codex can use the session. The exit code is 0 if it can, 1 if it
/// cannot, and 75 if the check was inconclusive.
pub async fn check(settings: &Settings, options: &StatusFlags) -> Result<u8> {
    with_session(settings, &options.which, async |session| {
        let verdict = match &session {
            Ok(Some(found)) => found.check().await,
            Ok(None) => Check::Refused(Error::not_signed_in("Not logged in")),
            Err(error) => Check::Refused(error.clone()),
        };
        Ok(report(settings, options.json, &session, Some(&verdict)))
    })
    .await
}

/// Prints the contents of a session, or the reason why there is none, and the result of the check
/// if one was made. Returns the exit code.
pub fn report(
    settings: &Settings,
    as_json: bool,
    session: &Result<Option<Session>>,
    verdict: Option<&Check>,
) -> u8 {
    let usable = session.as_ref().ok().and_then(Option::as_ref);
    let usable = usable.filter(|session| session.lent_has_ended().is_none());
    let code = match (verdict, session) {
        (Some(Check::Alive(_)), _) => 0,
        (Some(Check::Unknown(_)), _) => NOT_YET,
        (_, Err(error)) if error.kind() == ErrorKind::Usage => 2,
        (None, _) if usable.is_some() => 0,
        _ => 1,
    };
    let breach = usable.and_then(|session| settings.config().breach(session));
    let breach = breach.as_deref().map(clean);
    let overrides = Override::all_in(&settings.environment);
    if as_json {
        let mut status = stored_as_json(session);
        if let Some(rule) = breach {
            status["codex_will_sign_out"] = json!(rule);
        }
        if !overrides.is_empty() || matches!(session, Ok(Some(_))) {
            let variables: Vec<_> = overrides.iter().map(Override::variable).collect();
            status["overridden_by"] = json!(variables);
        }
        if let Some(verdict) = verdict {
            add_verdict(&mut status, verdict);
        }
        events::emit(status);
        return code;
    }
    // Scripts look for these words among the results; hints are conversation.
    let mut text = match session {
        Err(_) => String::new(),
        Ok(_) => usable.map_or_else(|| "Not logged in\n".to_owned(), describe),
    };
    // Writing to a String cannot fail.
    if let Some(rule) = breach {
        let _ = writeln!(text, "Codex will sign out these credentials: {rule}");
    }
    for overriding in &overrides {
        let _ = writeln!(text, "{overriding}");
    }
    let verdict = verdict.filter(|_| matches!(session, Ok(Some(_))));
    if let Some(verdict) = verdict {
        let _ = writeln!(text, "{}", sentence(verdict));
    }
    let _ = print(text.as_bytes());
    say_what_next(settings, session, verdict);
    code
}

fn say_what_next(settings: &Settings, session: &Result<Option<Session>>, verdict: Option<&Check>) {
    match session {
        Ok(Some(session)) => {
            if let Some(ended) = session.lent_has_ended() {
                print_error(&ended);
            }
        }
        Ok(None) => {
            if !say_who_is_parked(settings, "Parked") {
                say_line(&sign_in_hint());
            }
        }
        Err(error) => print_error(error),
    }
    if let Some(Check::Refused(error) | Check::Unknown(error)) = verdict
        && let Some(hint) = hint_for(error)
    {
        notice(&format!("next: {hint}"));
    }
}

fn sentence(verdict: &Check) -> String {
    let (words, detail) = match verdict {
        Check::Alive(workspace) => {
            let name = workspace
                .as_ref()
                .map(|it| it.name.as_ref().unwrap_or(&it.id));
            (
                "Codex can use it",
                name.map(|name| format!("workspace {name}")),
            )
        }
        Check::Refused(error) => ("Codex cannot use it", Some(error.in_full())),
        Check::Unknown(error) => (UNKNOWN, Some(error.in_full())),
        _ => (UNKNOWN, None),
    };
    let detail = detail.map(|detail| format!(": {}", clean(&detail)));
    format!("{words}{}", detail.unwrap_or_default())
}

const UNKNOWN: &str = "Could not find out whether Codex can use it";

fn describe(session: &Session) -> String {
    let account = session.account();
    let in_environment = session.source() == Source::Environment;
    let mut text = format!("Logged in using {}\n", clean(account.mode.words()));
    if session.is_lent() {
        let until = session.expires_at().map(rfc3339);
        let until = until.map_or_else(String::new, |end| format!("valid until {end}, "));
        let _ = writeln!(text, "Lent: {until}cannot be renewed here");
    }
    let place = session.place();
    let place = place.unwrap_or_else(|| "the environment (OPENAI_API_KEY)".to_owned());
    let rows = [
        ("Account", account.email),
        ("Plan", account.plan.map(|plan| plan.to_string())),
        ("Workspace", account.account_id),
        ("Stored in", Some(place)),
        ("Expires", session.expires_at().map(rfc3339)),
        ("Last refresh", session.last_refresh().map(rfc3339)),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            let _ = writeln!(text, "  {name:<13} {}", clean(&value));
        }
    }
    if let Some(problem) = session.codex_problem() {
        let _ = writeln!(text, "Codex cannot load these credentials: {problem}");
    }
    if let Some(refused) = session.renewal_refused() {
        let _ = writeln!(text, "Cannot be renewed: {}", clean(refused.message()));
    }
    if in_environment {
        let _ = writeln!(
            text,
            "Codex itself does not read OPENAI_API_KEY. To sign it in with this key, use:\n  \
             printenv OPENAI_API_KEY | {}",
            command("login --with-api-key")
        );
    } else if session.codex_mode() != account.mode {
        let words = clean(session.codex_mode().words());
        let _ = writeln!(
            text,
            "Codex itself uses {words} here: the file holds both and names no auth_mode"
        );
    }
    text
}

fn stored_as_json(session: &Result<Option<Session>>) -> Value {
    let session = match session {
        Ok(Some(session)) => session,
        Ok(None) => return json!({ "signed_in": false }),
        Err(error) if error.kind() == ErrorKind::NotSignedIn => {
            return json!({ "signed_in": false, "error": events::error(error) });
        }
        Err(error) => return json!({ "error": events::error(error) }),
    };
    let mut status = events::account(&session.account());
    status["signed_in"] = json!(session.lent_has_ended().is_none());
    status["source"] = json!(session.source().as_str());
    // JSON is Unicode, but a path may not be.
    status["path"] = json!(session.path().map(|it| it.to_string_lossy().into_owned()));
    status["expires_at"] = json!(session.expires_at().map(rfc3339));
    status["last_refresh"] = json!(session.last_refresh().map(rfc3339));
    if session.is_lent() {
        status["lent"] = json!(true);
    }
    if let Some(problem) = session.codex_problem() {
        status["codex_can_load"] = json!(false);
        status["codex_problem"] = json!(problem);
    }
    status
}

fn add_verdict(status: &mut Value, verdict: &Check) {
    let (alive, workspace, problem) = match verdict {
        Check::Alive(workspace) => (Some(true), workspace.as_ref(), None),
        Check::Refused(error) => (Some(false), None, Some(error.in_full())),
        Check::Unknown(error) => (None, None, Some(error.in_full())),
        _ => (None, None, None),
    };
    status["alive"] = json!(alive);
    status["workspace"] = json!(workspace.map(|it| json!({ "id": it.id, "name": it.name })));
    status["problem"] = json!(problem);
}
