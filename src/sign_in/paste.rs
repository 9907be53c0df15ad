//! Reads the address that a person pastes when the browser cannot reach the callback server, or the
//! part of it that matters (spec, section 3).
//!
//! ```text
//! http://localhost:1455/auth/callback?code=C&state=S     the whole address
//! ?code=C&state=S    code=C&state=S                      its query
//! C#S                                                    code and state
//! ```
//!
//! The address is only read, never visited, so its host and port do not matter. The attempt
//! checks its `state` like a callback's.

mod dress;

use thiserror::Error;

use super::callback::{Callback, CallbackQuery, OAuthState, Parameter, STATE_SUFFIX};
use crate::error::Error;
use crate::text::clean;

/// The longest text that is read. Real redirects stay below 4 KiB.
pub const MAX_BYTES: usize = 8 * 1024;

/// The length of a `state`: 32 bytes in base64url without padding.
const STATE_CHARS: usize = 43;

/// The most times that an address is encoded as a whole.
const MAX_ENCODINGS: usize = 3;

const LINE_BREAKS: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];

/// Characters that chats, mails and shells put around an address.
const WRAPPERS: &[char] = &[
    '"', '\'', '`', '<', '>', '(', ')', '[', ']', '{', '}', '*', '“', '”', '„', '‟', '‘', '’', '‚',
    '‛', '«', '»', '‹', '›', '＂', '＇',
];

/// Characters that end a sentence or a clause after an address.
const PUNCTUATION: &[char] = &['.', ',', ';', ':', '!', '?', '…', '。', '，'];

/// The reason why a pasted text is refused. The attempt stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PasteError {
    /// The text is blank, or only quotes and control characters.
    #[error(
        "Nothing to read: paste the whole address that your browser shows after you approve, \
         with code= and state= in it"
    )]
    Empty,
    /// The text is longer than [`MAX_BYTES`].
    #[error("That is longer than 8 KiB: paste only the address that your browser shows")]
    TooLong,
    /// The text is the authorization link, not the address that the browser lands on.
    #[error("that is the link to open: paste the address you land on afterwards")]
    AuthorizationLink,
    /// The text is the address of the page that ends a sign-in.
    #[error(
        "another program received that callback: close it and start again, or paste the address \
         with code= and state= in it"
    )]
    ReceivedElsewhere,
    /// The text holds the state of this attempt in a form that is not understood.
    #[error(
        "That text cannot be read, although the state is in it: paste the address alone, as your \
         browser shows it"
    )]
    Unreadable,
    /// The text is a web address, but not the one that a sign-in ends on.
    #[error(
        "That address does not hold the answer to this sign-in: paste the one that your browser \
         shows after you approve, with code= and state= in it"
    )]
    NotACallback,
    /// The text has a code or an error, but no state that ties it to this attempt.
    #[error("The state is missing: paste the whole address, not only the code")]
    MissingState,
    /// The text has a state, but neither code nor error.
    #[error("The code is missing: paste the whole address, from http to its end")]
    MissingCode,
    /// The text holds two addresses, or a forged one.
    #[error("The code or the state is in there more than once: paste the address once, alone")]
    Repeated,
    /// The text is a callback with another state.
    #[error("That address belongs to an older link or to another sign-in")]
    OtherSignIn,
}

impl From<PasteError> for Error {
    fn from(error: PasteError) -> Self {
        let usage = Self::usage(error.to_string());
        if error == PasteError::OtherSignIn {
            return usage.with_hint("Open the link shown here, and paste the address you land on");
        }
        usage
    }
}

/// Reads a pasted text as a callback of the attempt with this state.
///
/// # Errors
/// The text is not a callback of this attempt. If it contains the state nevertheless, the error is
/// [`PasteError::Unreadable`].
pub fn read_callback(text: &str, state: &OAuthState) -> Result<Callback, PasteError> {
    let callback = read(text).and_then(|query| {
        let callback = state.check(query);
        callback.map_err(|_| PasteError::OtherSignIn)
    });
    match callback {
        Err(PasteError::MissingState | PasteError::NotACallback | PasteError::OtherSignIn)
            if holds(text, state.as_str()) =>
        {
            Err(PasteError::Unreadable)
        }
        callback => callback,
    }
}

/// Reads a pasted text.
///
/// Ignores blanks, line breaks and frames from wrapping, quotes, brackets and words around it,
/// invisible characters, and the escapes of an address inside another text. The result has exactly
/// one state, and exactly one code or error (or both: the error takes precedence).
///
/// # Errors
/// The text is not a callback; the error says what is missing.
pub fn read(text: &str) -> Result<CallbackQuery, PasteError> {
    let text = text.trim();
    if text.len() > MAX_BYTES {
        return Err(PasteError::TooLong);
    }
    let mut text = dress::undressed(text);
    let mut result = read_undressed(&text);
    for _ in 0..MAX_ENCODINGS {
        let decoded = dress::percent_decoded(&text);
        // Anything else may be an address that is encoded as a whole.
        if matches!(result, Ok(_) | Err(PasteError::AuthorizationLink)) || decoded == text {
            break;
        }
        text = decoded;
        result = read_undressed(&text);
    }
    result
}

/// Returns whether a pasted text may be submitted without Enter, because it is valid and complete.
pub fn is_complete(text: &str) -> bool {
    read(text).is_ok_and(|query| is_full(&query))
}

/// Returns whether `text` holds `state`, even if it cannot be read.
fn holds(text: &str, state: &str) -> bool {
    text.len() <= MAX_BYTES && unwrap_lines(&dress::undressed(text)).contains(state)
}

/// Returns whether the state has its full length, so that a paste that arrives in pieces is not
/// submitted before its end.
pub fn is_full(query: &CallbackQuery) -> bool {
    let state = query.state.one();
    state.is_some_and(|state| state.len() >= STATE_CHARS)
}

fn read_undressed(text: &str) -> Result<CallbackQuery, PasteError> {
    // Look for a whole address among the words of one line. An address across lines may be wrapped.
    let words = || text.split_whitespace().map(unwrap_lines);
    if !text.contains(LINE_BREAKS) {
        let mut read = words().flat_map(|word| read_joined(&word)).filter(is_full);
        if let (Some(query), None) = (read.next(), read.next()) {
            return Ok(query);
        }
    }
    let result = read_joined(&unwrap_lines(text));
    match result {
        Err(PasteError::NotACallback | PasteError::MissingState)
            if words().any(|word| is_success_page(&word)) =>
        {
            Err(PasteError::ReceivedElsewhere)
        }
        result => result,
    }
}

fn read_joined(text: &str) -> Result<CallbackQuery, PasteError> {
    if text.is_empty() {
        return Err(PasteError::Empty);
    }
    let is_address = is_web_address(text)?;
    let query = CallbackQuery::parse(parameters_of(text)).without_dress();
    if is_authorization_link(text, &query) {
        return Err(PasteError::AuthorizationLink);
    }
    if query == CallbackQuery::default() {
        return if is_address {
            Err(not_a_callback(text))
        } else {
            code_and_state(text)
        };
    }
    whole(query)
}

/// Puts the text on one line, without the traces of wrapping and quoting.
fn unwrap_lines(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.split(LINE_BREAKS) {
        // Borders of frames and quotation marks of mails are only at the ends of a line.
        let line = line.trim_matches(|c: char| c == '|' || is_blank(c));
        let line = line.trim_start_matches(|c: char| c == '>' || is_blank(c));
        joined.extend(clean(line).chars().filter(|&c| !is_blank(c)));
    }
    let text = joined.trim_start_matches(WRAPPERS);
    let text = text.trim_end_matches(|c| WRAPPERS.contains(&c) || PUNCTUATION.contains(&c));
    text.to_owned()
}

/// Returns whether a character is never part of an address: white space, control characters,
/// box drawing and blocks.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || ('\u{2500}'..='\u{259F}').contains(&c)
}

/// Returns whether the text begins with a web address. Words before it, such as `Location:`, do
/// not matter.
fn is_web_address(text: &str) -> Result<bool, PasteError> {
    // After the first of these characters, a scheme is part of a parameter's value.
    let head = text.split(['?', '=', '#']).next().unwrap_or_default();
    let Some((scheme, _)) = head.split_once("://") else {
        return Ok(false);
    };
    let scheme = scheme.to_ascii_lowercase();
    if scheme.ends_with("http") || scheme.ends_with("https") {
        Ok(true)
    } else {
        Err(PasteError::NotACallback)
    }
}

/// Returns the query in a text, from the first parameter of a response to `#`, ignoring any text
/// before it.
fn parameters_of(text: &str) -> &str {
    let names = ["state", "code", "error", "error_description"];
    let first = names.iter().filter_map(|name| parameter(text, name)).min();
    let query = first.map_or("", |at| &text[at..]);
    query.split('#').next().unwrap_or_default()
}

/// Finds `name=` in a text, unless it is the end of another word.
fn parameter(text: &str, name: &str) -> Option<usize> {
    let mut found = text.match_indices(name);
    found.find_map(|(at, _)| {
        let before = text[..at].chars().next_back();
        let begins = before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
        (begins && text[at + name.len()..].starts_with('=')).then_some(at)
    })
}

/// Recognizes an authorization request (RFC 6749, section 4.1.1) by its client id and a request
/// parameter, neither of which a response has.
fn is_authorization_link(text: &str, query: &CallbackQuery) -> bool {
    let has = |name| parameter(text, name).is_some();
    has("client_id")
        && ["response_type", "code_challenge", "redirect_uri"]
            .into_iter()
            .any(has)
        && query.code == Parameter::Absent
        && query.error == Parameter::Absent
}

/// Returns the error for an address without an answer, such as our own short link, which is meant
/// to be opened.
fn not_a_callback(address: &str) -> PasteError {
    if address.split('/').nth(3) == Some("login") {
        PasteError::AuthorizationLink
    } else {
        PasteError::NotACallback
    }
}

/// Returns whether this is the address of the page that ends a sign-in of any program.
fn is_success_page(address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/').ends_with("/success")
}

/// Reads `code#state` literally, because a page that shows it has already decoded it.
fn code_and_state(text: &str) -> Result<CallbackQuery, PasteError> {
    let (code, state) = text.split_once('#').unwrap_or((text, ""));
    let query = CallbackQuery {
        state: Parameter::of(state),
        code: Parameter::of(code),
        ..CallbackQuery::default()
    };
    whole(query.without_dress())
}

fn whole(query: CallbackQuery) -> Result<CallbackQuery, PasteError> {
    match (&query.state, &query.code, &query.error) {
        (Parameter::Repeated, ..) | (_, Parameter::Repeated, _) | (.., Parameter::Repeated) => {
            Err(PasteError::Repeated)
        }
        (Parameter::Absent, ..) => Err(PasteError::MissingState),
        (_, Parameter::Absent, Parameter::Absent) => Err(PasteError::MissingCode),
        _ => Ok(query),
    }
}

impl CallbackQuery {
    /// Removes the surrounding text from the values.
    fn without_dress(self) -> Self {
        Self {
            state: self
                .state
                .map(|state| bare_state(state.trim_start_matches(WRAPPERS))),
            code: self.code.map(|code| code.trim_matches(WRAPPERS)),
            ..self
        }
    }
}

impl Parameter {
    fn of(value: &str) -> Self {
        if value.is_empty() {
            Self::Absent
        } else {
            Self::One(value.to_owned())
        }
    }

    fn map(self, change: impl FnOnce(&str) -> &str) -> Self {
        match self {
            Self::One(value) => Self::of(change(&value)),
            other => other,
        }
    }
}

/// Cuts everything after a state of full length, except the suffix that the issuer may append.
fn bare_state(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let Some((state, rest)) = text.split_at_checked(STATE_CHARS) else {
        return text;
    };
    if !state.chars().all(is_part) {
        return text;
    }
    if rest.starts_with(STATE_SUFFIX) {
        &text[..STATE_CHARS + STATE_SUFFIX.len()]
    } else {
        state
    }
}

#[cfg(test)]
mod tests;
