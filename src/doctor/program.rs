//! The program itself, and the way it was started.

use std::io::IsTerminal as _;

use super::finding::Finding;
use super::redact::{Redacted, sentence};
use super::subject::Subject;
use crate::auth::accounts::{RunningProgram, RunningPrograms};

pub fn build(subject: &Subject) -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    let executable = std::env::current_exe().ok();
    let started = if std::io::stdin().is_terminal() {
        "at a terminal"
    } else {
        "without a terminal"
    };
    Finding::ok(sentence!(
        "codex-onboarding {version} on {os} {architecture}"
    ))
    .with_some("executable", executable.map(|path| subject.path(&path)))
    .with("started", started)
    .with_some("startedBy", parent().map(|name| Redacted::fact(&name)))
}

/// Finds programs that hold a session of this codex home in memory, from before its last change.
pub fn codex(subject: &Subject) -> Finding {
    let store = &subject.session.store;
    let running = RunningPrograms::find(store);
    let earlier = running.started_before_the_change().programs;
    let is_earlier = |it: &&RunningProgram| earlier.contains(it);
    let (earlier, current): (Vec<_>, Vec<_>) = running.programs.iter().partition(is_earlier);
    let finding = if earlier.is_empty() {
        Finding::ok("No running Codex holds an earlier session")
    } else {
        let remedy = match running.stop_command() {
            Some(command) => subject.fact(&format!("End it with `{command}`")),
            None => Redacted::from("Quit it, and start it again"),
        };
        Finding::warning(
            "A running Codex holds the session from before the last change of the credentials",
            remedy,
        )
    };
    let named = |it: &RunningProgram| Redacted::fact(&it.to_string());
    finding
        .with_list("earlier", earlier.into_iter().map(named))
        .with_list("current", current.into_iter().map(named))
}

/// Returns the name of the program that started this one (Linux).
fn parent() -> Option<String> {
    let parent = crate::platform::parent_process()?;
    let name = std::fs::read_to_string(format!("/proc/{parent}/comm")).ok()?;
    Some(name.trim().to_owned())
}
