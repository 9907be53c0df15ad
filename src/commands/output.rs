//! Results on standard output, the conversation on standard error.

use std::io;
use std::sync::OnceLock;

use codex_onboarding::auth::Notify;
use codex_onboarding::product::Product;
use codex_onboarding::product::codex::HOME_VARIABLE;
use codex_onboarding::text::{clean, shell_word};
use codex_onboarding::{Error, ErrorKind, Result};

use crate::cli::NAME;
use crate::settings::Settings;
use crate::streams;

/// Prints an error on standard error: its message, causes and hint.
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

/// The part of the command line that is repeated in hints.
static CALLED: OnceLock<Called> = OnceLock::new();

struct Called {
    /// Options with their values, each after a blank.
    options: String,
    /// The codex home, if a variable names it.
    home: Option<String>,
}

/// Makes hints name commands for the issuer, client and codex home of these settings, and the
/// variable that names the home.
pub fn remember(settings: &Settings) {
    let is_variable = settings.home_named_by == HOME_VARIABLE;
    let home = is_variable.then(|| settings.named_home().display().to_string());
    let options = settings.repeated_options();
    // Keep the first settings, which are the person's; the demo has its own.
    let _ = CALLED.set(Called { options, home });
}

/// Returns one of this program's commands for the same issuer, client and codex home as this one,
/// for a shell.
pub fn command(words: &str) -> String {
    let options = CALLED.get().map_or("", |called| &called.options);
    format!("{NAME} {words}{options}")
}

/// Returns the hint for a person who is not signed in.
pub fn sign_in_hint() -> String {
    format!("Sign in with: {}", command("login"))
}

/// Returns the error's hint, completed with this program's flags and commands.
pub fn hint_for(error: &Error) -> Option<String> {
    let hint = hint_of(error);
    let home = CALLED.get().and_then(|called| called.home.as_ref());
    match home {
        Some(home) if error.kind() == ErrorKind::Storage && error.in_full().contains(home) => {
            let named = format!("{HOME_VARIABLE} names {home}");
            Some(hint.map_or(named.clone(), |hint| format!("{hint} – {named}")))
        }
        _ => hint,
    }
}

fn hint_of(error: &Error) -> Option<String> {
    if let Some(issuer) = error.session_issuer() {
        return Some(format!(
            "Use --issuer {}, or sign in again: {}",
            shell_word(issuer),
            command("login")
        ));
    }
    if let ErrorKind::NotSignedIn | ErrorKind::Expired = error.kind() {
        return Some(match error.hint() {
            None => sign_in_hint(),
            Some(hint) => format!("{hint}: {}", command("login")),
        });
    }
    let hint = error.hint()?;
    let option = error.port().map_or("", |_| " (--port N)");
    let error = error.clone().with_hint(format!("{hint}{option}"));
    let mut product = Product::codex();
    product.doctor = Some(command("doctor").into());
    product.advise(error).hint().map(str::to_owned)
}

/// Prints a part of the conversation. A closed standard error is not an error.
pub fn say(text: &str) {
    streams::say(text.as_bytes());
}

/// Prints a line of the conversation.
pub fn say_line(text: &str) {
    say(&format!("{text}\n"));
}

/// Prints a line of the conversation that may hold text from elsewhere, cleaned.
pub fn notice(text: &str) {
    say_line(&clean(text));
}

/// Prints a warning, cleaned.
pub fn warn(text: &str) {
    notice(&format!("warning: {text}"));
}

/// Prints a note, cleaned.
pub fn note(text: &str) {
    notice(&format!("note: {text}"));
}

/// Returns a `Notify` that prints the library's notices, such as the wait for a lock.
pub fn notify() -> Notify {
    Notify::new(|text| notice(&text))
}

/// Prints a result on standard output. A closed pipe is not an error.
pub fn print(bytes: &[u8]) -> Result<u8> {
    ignore_closed_pipe(streams::print(bytes)).map(|()| 0)
}

/// Turns the outcome of writing a result into an error, unless its reader has closed the pipe.
pub fn ignore_closed_pipe<T: Default>(written: io::Result<T>) -> Result<T> {
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
