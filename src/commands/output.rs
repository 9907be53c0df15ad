//! Results on standard output, the conversation on standard error.

use std::io::{self, Write as _};

use codex_onboarding::auth::Notify;
use codex_onboarding::text::clean;
use codex_onboarding::{Error, Result};

/// What failed, why, and what to do next, on standard error.
pub fn print_error(error: &Error) {
    let mut lines = vec![format!("error: {}", clean(error.message()))];
    let causes = error.causes();
    lines.extend(
        causes
            .iter()
            .map(|cause| format!("  because: {}", clean(cause))),
    );
    lines.extend(error.hint().map(|hint| format!("  next: {}", clean(hint))));
    say_line(&lines.join("\n"));
}

/// A part of the conversation. That nobody reads it is no reason to fail.
pub fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// A line of the conversation.
pub fn say_line(text: &str) {
    say(&format!("{text}\n"));
}

/// A sentence from the library, which may hold somebody else's text.
pub fn notice(text: &str) {
    say_line(&clean(text));
}

/// Prints what the library says while something takes long.
pub fn notify() -> Notify {
    Notify::new(|text| notice(&text))
}

/// A result on standard output. Who has read enough has not failed.
pub fn print(bytes: &[u8]) -> Result<u8> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(0),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(cannot_print(error)),
    }
}

pub fn cannot_print(source: io::Error) -> Error {
    Error::storage("Standard output cannot be written").with_source(source)
}
