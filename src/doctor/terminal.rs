//! The terminal, and its abilities that a sign-in uses.

use std::io::IsTerminal as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::finding::Finding;
use super::redact::{Redacted, sentence};
use super::subject::Subject;
use crate::browser;
use crate::environment::Multiplexer;
use crate::onboarding::SMALLEST;
use crate::remote::RemoteSession;

/// The time limit for tmux's answer.
const TMUX_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns which of the streams is a terminal, or that only the controlling one is: a report
/// that goes through a pipe is about the terminal that it was started in.
fn terminal() -> Option<&'static str> {
    if std::io::stdin().is_terminal() {
        Some("stdin")
    } else if std::io::stdout().is_terminal() {
        Some("stdout")
    } else if std::io::stderr().is_terminal() {
        Some("stderr")
    } else {
        std::fs::File::open("/dev/tty")
            .is_ok_and(|terminal| terminal.is_terminal())
            .then_some("controlling terminal")
    }
}

pub fn screen(subject: &Subject) -> Finding {
    let environment = &subject.environment;
    let terminal = terminal();
    let term = environment.get("TERM").unwrap_or("(not set)");
    let term = Redacted::fact(term);
    let finding = match terminal {
        Some(_) => sized(subject, &term),
        None => Finding::skipped("There is no terminal"),
    };
    let colours = if environment.has("NO_COLOR") {
        "off (NO_COLOR)"
    } else {
        "on"
    };
    let lines = environment.reason_for_lines();
    let paste = if lines.is_some() {
        "not asked for"
    } else {
        "asked for by the full screen"
    };
    finding
        .with_some("terminal", terminal)
        .with("term", term)
        .with("utf8", if is_utf8(subject) { "yes" } else { "no" })
        .with("colours", colours)
        .with("bracketedPaste", paste)
        .with_some("lineByLine", lines)
}

fn sized(subject: &Subject, term: &Redacted) -> Finding {
    let size = crossterm::terminal::size().ok();
    let (columns, rows) = size.unwrap_or((80, 24));
    if columns < SMALLEST.0 || rows < SMALLEST.1 {
        Finding::warning(
            sentence!("The terminal is too small: {columns}x{rows}"),
            "Make it at least 24 columns wide and 8 rows high, or use `codex-onboarding --plain`",
        )
    } else if !is_utf8(subject) {
        Finding::warning(
            "The locale is not UTF-8, so the wordmark and the QR code may be garbled",
            "Set a UTF-8 locale: `export LC_ALL=C.UTF-8`",
        )
    } else {
        Finding::ok(sentence!("{columns}x{rows}, {term}"))
    }
}

/// Returns whether the locale is UTF-8: the first variable that is set decides (POSIX, section
/// 8.2).
fn is_utf8(subject: &Subject) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| subject.environment.get(name));
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    cfg!(target_os = "macos") || locale.contains("utf-8") || locale.contains("utf8")
}

pub fn clipboard(subject: &Subject) -> Finding {
    let multiplexer = subject.environment.multiplexer();
    let name = match multiplexer {
        Some(Multiplexer::Tmux) => return tmux_clipboard(),
        Some(Multiplexer::GnuScreen) => "screen",
        None => "none",
    };
    let finding = match multiplexer {
        _ if terminal().is_none() => Finding::skipped("There is no terminal"),
        Some(_) => Finding::ok("Copies go through screen to the terminal"),
        None => Finding::ok("Copies go to the terminal (OSC 52)"),
    };
    finding.with("multiplexer", name)
}

fn tmux_clipboard() -> Finding {
    let setting = tmux_option("set-clipboard");
    let passthrough = tmux_option("allow-passthrough");
    let passes = matches!(passthrough.as_deref(), Some("on" | "all"));
    let finding = match setting.as_deref() {
        None => Finding::ok("Copies go to tmux; whether it passes them on is unknown"),
        Some("off" | "external") if !passes => Finding::warning(
            "tmux does not let a copy through to the terminal",
            "Run `tmux set -s set-clipboard on`, or press u and copy the link by hand",
        ),
        Some(_) => Finding::ok("Copies go through tmux to the terminal"),
    };
    finding
        .with("multiplexer", "tmux")
        .with_some("setClipboard", setting.as_deref().map(Redacted::fact))
        .with_some(
            "allowPassthrough",
            passthrough.as_deref().map(Redacted::fact),
        )
}

/// Asks tmux for one of its options.
fn tmux_option(name: &str) -> Option<String> {
    let mut tmux = Command::new("tmux")
        .args(["show-options", "-Aqv", name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let asked = Instant::now();
    while matches!(tmux.try_wait(), Ok(None)) {
        if asked.elapsed() > TMUX_TIMEOUT {
            // A failure changes nothing here.
            let _ = tmux.kill();
            let _ = tmux.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = tmux.wait_with_output().ok()?;
    let value = String::from_utf8(output.stdout).ok()?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

pub fn browser(subject: &Subject) -> Finding {
    if RemoteSession::detect(&subject.environment).is_some() {
        return Finding::skipped("No browser is opened in a remote session");
    }
    if browser::is_available(&subject.environment) {
        return Finding::ok("A browser can be opened");
    }
    Finding::warning(
        "No browser was found",
        "Open the link on any machine and paste the address you land on, or use \
         `codex-onboarding login --device-auth`",
    )
}

pub fn remote(subject: &Subject) -> Finding {
    let Some(session) = RemoteSession::detect(&subject.environment) else {
        return Finding::ok("This is a local session");
    };
    let sign = RemoteSession::sign(&subject.environment).unwrap_or("no display");
    let reachable = if session.ssh_target.is_some() {
        "over ssh"
    } else {
        "by paste or device code"
    };
    Finding::ok(sentence!(
        "This is a remote session ({sign}): the browser is on another machine"
    ))
    .with("sign", sign)
    .with("reachable", reachable)
}
