//! Codex's own settings that change a sign-in.

use std::path::Path;

use super::finding::Finding;
use super::redact::Redacted;
use super::subject::Subject;
use crate::auth::CodexConfig;

pub fn config(subject: &Subject) -> Finding {
    let config = CodexConfig::load(subject.session.store.home());
    let home = subject.user_home();
    let method = config.forced_login_method.as_ref().map(|mode| {
        let value = if mode.as_str() == "apikey" {
            "api"
        } else {
            mode.as_str()
        };
        Redacted::fact(value, None)
    });
    let workspaces = config
        .forced_workspaces
        .iter()
        .map(|id| Redacted::account_id(id));
    let finding = match config.warnings.first() {
        Some(warning) => Finding::warning(
            without_value(warning, home.as_deref()),
            "Repair config.toml in the codex home",
        ),
        None if method.is_some() => Finding::ok("config.toml allows one way to sign in"),
        None if !config.forced_workspaces.is_empty() => {
            Finding::ok("config.toml restricts the workspace")
        }
        None => Finding::ok("config.toml forbids nothing"),
    };
    finding
        .with_some("forcedLoginMethod", method)
        .with_list("forcedWorkspaces", workspaces)
}

/// A warning may quote a value of the file.
fn without_value(warning: &str, home: Option<&Path>) -> Redacted {
    match warning.split_once(" = ") {
        Some((key, _)) => Redacted::fact(&format!("{key} is not understood"), home),
        None => Redacted::fact(warning, home),
    }
}
