//! The program itself, and the way it was started.

use std::io::IsTerminal as _;

use super::finding::Finding;
use super::redact::Redacted;
use super::subject::Subject;

pub fn build(subject: &Subject) -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    let summary = format!("codex-onboarding {version} on {os} {architecture}");
    let executable = std::env::current_exe().ok();
    let home = subject.user_home();
    let started = if std::io::stdin().is_terminal() {
        "at a terminal"
    } else {
        "without a terminal"
    };
    Finding::ok(Redacted::sentence(summary))
        .with_some(
            "executable",
            executable.map(|path| Redacted::path(&path, home.as_deref())),
        )
        .with("started", started)
        .with_some(
            "startedBy",
            parent().map(|name| Redacted::fact(&name, None)),
        )
}

/// The name of the program that started this one (Linux).
fn parent() -> Option<String> {
    let parent = crate::platform::parent_process()?;
    let name = std::fs::read_to_string(format!("/proc/{parent}/comm")).ok()?;
    Some(name.trim().to_owned())
}
