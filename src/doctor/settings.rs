//! Codex's own settings that change a sign-in.

use super::finding::Finding;
use super::redact::{Redacted, sentence};
use super::subject::Subject;
use crate::auth::{Allows, Mode, Rule, Session};

pub fn config(subject: &Subject) -> Finding {
    let config = &subject.config;
    let session = Session::load(&subject.session).ok().flatten();
    let broken = session
        .as_ref()
        .and_then(|session| config.broken_rule(session));
    let ways = [Mode::ChatGpt, Mode::ApiKey].map(|mode| config.check_allowed(&mode).is_ok());
    let finding = match (ways, broken, config.warnings.first()) {
        ([false, false], ..) => Finding::fail(
            "Codex does not start: its settings leave no way to sign in",
            "Change config.toml in the codex home, or ask whoever manages this machine",
        ),
        (_, Some(rule), _) => Finding::fail(
            sentence!(
                "Codex will sign out the stored credentials: {} has {}",
                subject.path(&rule.file),
                setting(rule)
            ),
            if ways[0] {
                "Sign in to an account that is allowed: `codex-onboarding login`"
            } else {
                "Sign in with an API key: `codex-onboarding login --with-api-key`"
            },
        ),
        (.., Some(warning)) => Finding::warning(without_value(subject, warning), repair(warning)),
        _ => Finding::ok(summary(subject)),
    };
    let obeyed = session.map(|_| if broken.is_none() { "yes" } else { "no" });
    let rules = config.rules().iter();
    finding
        .with_list(
            "restrictions",
            rules.map(|rule| sentence!("{}: {}", subject.path(&rule.file), setting(rule))),
        )
        .with_some("storedCredentialsObey", obeyed)
        .with_some(
            "machineSettings",
            subject.machine_folder.map(|it| subject.path(it)),
        )
        .with(
            "notRead",
            "settings from the cloud or a device manager (MDM)",
        )
}

fn summary(subject: &Subject) -> Redacted {
    let Some(rule) = subject.config.rules().first() else {
        return "Codex's settings forbid nothing".into();
    };
    let what = match &rule.allows {
        Allows::Methods(methods) if methods.len() == 1 => "allows one way to sign in",
        Allows::Methods(_) => "lists the ways to sign in",
        Allows::Workspaces(_) => "restricts the workspace",
    };
    sentence!("{} {what}", subject.path(&rule.file))
}

/// Returns key and value, the workspaces by their last characters.
fn setting(rule: &Rule) -> String {
    match &rule.allows {
        Allows::Workspaces(ids) if !ids.is_empty() => {
            let ids: Vec<_> = ids
                .iter()
                .map(|id| Redacted::account_id(id).into_string())
                .collect();
            format!("{} = {}", rule.key, ids.join(", "))
        }
        _ => rule.setting(),
    }
}

/// Names the file to repair: the Codex CLI does not start with it.
fn repair(warning: &str) -> Redacted {
    let file = if warning.contains("/requirements.toml") {
        "requirements.toml"
    } else if warning.contains("/managed_config.toml") {
        "managed_config.toml"
    } else {
        "config.toml"
    };
    sentence!("Repair {file}: Codex does not start with it")
}

/// Drops the value that a warning may quote from the file.
fn without_value(subject: &Subject, warning: &str) -> Redacted {
    match warning.split_once(" = ") {
        Some((key, _)) => subject.fact(&format!("{key} is not understood")),
        None => subject.fact(warning),
    }
}
