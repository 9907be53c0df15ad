//! The two lock files that Codex and this program take.

use super::finding::Finding;
use super::home;
use super::redact::Redacted;
use super::subject::Subject;
use crate::auth::{LockState, lock_state};

pub fn auth(subject: &Subject) -> Finding {
    look(subject, "auth.lock")
}

pub fn write(subject: &Subject) -> Finding {
    look(subject, "auth.json.lock")
}

fn look(subject: &Subject, name: &'static str) -> Finding {
    let path = subject.session.store.home().join(name);
    if home::is_in_the_way(subject, &path) {
        return Finding::skipped(Redacted::sentence(format!(
            "{name} cannot be used: see home.permissions"
        )));
    }
    match lock_state(&path) {
        LockState::Free => Finding::ok(Redacted::sentence(format!("{name} is free"))),
        LockState::Unknown(error) => Finding::warning(
            Redacted::sentence(format!("Could not look at {name}")),
            "Check the permissions of the codex home",
        )
        .with(
            "error",
            Redacted::fact(&error, subject.user_home().as_deref()),
        ),
        LockState::Held { by, running_for } => {
            let by = by.map(|by| Redacted::fact(&by, None));
            let holder = by.as_ref().map_or("another program", Redacted::as_str);
            let finding = Finding::warning(
                Redacted::sentence(format!("{name} is held by {holder}")),
                "Wait for that program or end it: a sign-in waits 10 seconds for the lock",
            );
            let running_for = running_for.map(|time| {
                let seconds = std::time::Duration::from_secs(time.as_secs());
                Redacted::sentence(humantime::format_duration(seconds).to_string())
            });
            finding.with_some("holderRunningFor", running_for)
        }
    }
}
