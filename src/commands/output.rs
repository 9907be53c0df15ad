//! Results on standard output, the conversation on standard error.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use codex_onboarding::auth::Notify;
use codex_onboarding::product::Product;
use codex_onboarding::text::{clean, shell_word};
use codex_onboarding::{Error, ErrorKind, Result};

use crate::streams;

/// The hint where nobody is signed in.
pub const SIGN_IN: &str = "Sign in with: codex-onboarding login";

/// Prints on standard error what failed, why, and what to do next.
pub fn print_error(error: &Error) {
    let mut lines = vec![format!("error: {}", clean(error.message()))];
    let causes = error.causes();
    lines.extend(
        causes
            .iter()
            .map(|cause| format!("  because: {}", clean(cause))),
    );
    lines.extend(hint_for(error).map(|hint| format!("  next: {}", clean(&hint))));
    say_line(&lines.join("\n"));
}

/// The codex home that a variable names, and the variable.
static NAMED_HOME: OnceLock<(String, &str)> = OnceLock::new();

/// From now on the hint of an error about this folder says which variable names it.
pub fn name_home(home: &Path, variable: &'static str) {
    // The first one is the person's; the demo has another.
    let _ = NAMED_HOME.set((home.display().to_string(), variable));
}

/// Returns the hint with this program's flags and commands, which the library does not know.
pub fn hint_for(error: &Error) -> Option<String> {
    let hint = hint_of(error);
    match NAMED_HOME.get() {
        Some((home, variable))
            if error.kind() == ErrorKind::Storage && error.in_full().contains(home) =>
        {
            let named = format!("{variable} names {home}");
            Some(hint.map_or(named.clone(), |hint| format!("{hint} – {named}")))
        }
        _ => hint,
    }
}

fn hint_of(error: &Error) -> Option<String> {
    if let Some(issuer) = error.session_issuer() {
        return Some(format!(
            "Use --issuer {}, or sign in again: codex-onboarding login",
            shell_word(issuer)
        ));
    }
    match (error.kind(), error.hint()) {
        (ErrorKind::NotSignedIn | ErrorKind::Expired, None) => Some(SIGN_IN.to_owned()),
        (ErrorKind::NotSignedIn | ErrorKind::Expired, Some(hint)) => {
            Some(format!("{hint}: codex-onboarding login"))
        }
        (_, Some(hint)) if error.port().is_some() => {
            let error = error.clone().with_hint(format!("{hint} (--port N)"));
            Product::codex().advise(error).hint().map(str::to_owned)
        }
        _ => Product::codex()
            .advise(error.clone())
            .hint()
            .map(str::to_owned),
    }
}

/// Prints a part of the conversation. A closed standard error is not an error.
pub fn say(text: &str) {
    streams::say(text.as_bytes());
}

/// Prints a line of the conversation.
pub fn say_line(text: &str) {
    say(&format!("{text}\n"));
}

/// Prints a sentence that may hold text from elsewhere, cleaned.
pub fn notice(text: &str) {
    say_line(&clean(text));
}

/// Lets the library print notices while something takes long.
pub fn notify() -> Notify {
    Notify::new(|text| notice(&text))
}

/// Prints a result on standard output. A reader that has had enough is not an error.
pub fn print(bytes: &[u8]) -> Result<u8> {
    is_printed(streams::print(bytes)).map(|()| 0)
}

/// Judges what became of a result.
pub fn is_printed<T: Default>(written: io::Result<T>) -> Result<T> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(T::default()),
        written => written.map_err(cannot_print),
    }
}

pub fn cannot_print(source: io::Error) -> Error {
    Error::internal("Could not write to standard output").with_source(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_this_programs_flags_and_commands() {
        let hint = |error: Error| hint_for(&error).unwrap();
        assert_eq!(
            hint(Error::expired("Over, sign in again")),
            "Sign in with: codex-onboarding login"
        );
        assert_eq!(
            hint(Error::not_signed_in("Empty").with_hint("Sign in again")),
            "Sign in again: codex-onboarding login"
        );
        let taken = Error::port_in_use("Taken").with_port(1455);
        assert_eq!(
            hint(taken.with_hint("Choose another port")),
            "Choose another port (--port N) – to find out more: codex-onboarding doctor"
        );
        assert_eq!(
            hint(Error::usage("Other").with_session_issuer("https://evil.example/$(id)")),
            "Use --issuer 'https://evil.example/$(id)', or sign in again: codex-onboarding login"
        );
        assert_eq!(hint_for(&Error::storage("Full")), None);
    }
}
