//! Codex's own settings that change a sign-in.

use std::path::Path;

use super::finding::Finding;
use super::redact::Redacted;
use super::subject::Subject;
use crate::auth::{Allows, CodexConfig, Mode, Rule, Session};

pub fn config(subject: &Subject) -> Finding {
    let store = &subject.session.store;
    let config = CodexConfig::of(subject.sign_in.issuer.product(), store);
    let home = subject.user_home();
    let home = home.as_deref();
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
            Redacted::sentence(format!(
                "Codex will sign out the stored credentials: {} has {}",
                Redacted::path(&rule.file, home).as_str(),
                setting(rule)
            )),
            if ways[0] {
                "Sign in to an account that is allowed: `codex-onboarding login`"
            } else {
                "Sign in with an API key: `codex-onboarding login --with-api-key`"
            },
        ),
        (.., Some(warning)) => Finding::warning(without_value(warning, home), repair(warning)),
        _ => Finding::ok(summary(&config, home)),
    };
    let obeyed = session.map(|_| if broken.is_none() { "yes" } else { "no" });
    let machine = store.machine_settings();
    let rules = config.rules().iter();
    finding
        .with_list(
            "restrictions",
            rules.map(|rule| {
                let file = Redacted::path(&rule.file, home);
                Redacted::sentence(format!("{}: {}", file.as_str(), setting(rule)))
            }),
        )
        .with_some("storedCredentialsObey", obeyed)
        .with_some(
            "machineSettings",
            machine.map(|it| Redacted::path(it, None)),
        )
        .with(
            "notRead",
            "settings from the cloud or a device manager (MDM)",
        )
}

fn summary(config: &CodexConfig, home: Option<&Path>) -> Redacted {
    let Some(rule) = config.rules().first() else {
        return "Codex's settings forbid nothing".into();
    };
    let file = Redacted::path(&rule.file, home);
    let what = match &rule.allows {
        Allows::Methods(methods) if methods.len() == 1 => "allows one way to sign in",
        Allows::Methods(_) => "lists the ways to sign in",
        Allows::Workspaces(_) => "restricts the workspace",
    };
    Redacted::sentence(format!("{} {what}", file.as_str()))
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

/// The Codex CLI ignores nothing: it ends with the line and column.
fn repair(warning: &str) -> Redacted {
    let file = if warning.contains("/requirements.toml") {
        "requirements.toml"
    } else if warning.contains("/managed_config.toml") {
        "managed_config.toml"
    } else {
        "config.toml"
    };
    Redacted::sentence(format!("Repair {file}: Codex does not start with it"))
}

/// A warning may quote a value of the file.
fn without_value(warning: &str, home: Option<&Path>) -> Redacted {
    match warning.split_once(" = ") {
        Some((key, _)) => Redacted::fact(&format!("{key} is not understood"), home),
        None => Redacted::fact(warning, home),
    }
}
