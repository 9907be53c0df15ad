//! Reads the address that a person pastes where the browser cannot reach the callback server, or
//! the part of it that matters (spec, section 3).
//!
//! ```text
//! http://localhost:1455/auth/callback?code=C&state=S     the whole address
//! ?code=C&state=S    code=C&state=S                      its query
//! C#S                                                    code and state
//! ```
//!
//! The address is only read, never visited, so its host and port do not matter. The attempt
//! checks its `state` like a callback's.

use thiserror::Error;
use url::form_urlencoded;

use super::callback::{CallbackQuery, Parameter};
use crate::error::{Error, ErrorKind};
use crate::text::{clean, without_paste_markers};

/// The longest text that is read. Real redirects stay below 4 KiB.
pub const MAX_BYTES: usize = 8 * 1024;

/// The length of a `state`: 32 bytes in base64url without padding.
const STATE_CHARS: usize = 43;

/// Characters that chats, mails and shells put around an address.
const WRAPPERS: &[char] = &[
    '"', '\'', '`', '<', '>', '“', '”', '„', '‟', '‘', '’', '‚', '‛', '«', '»', '‹', '›', '＂',
    '＇',
];

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
    /// The text is the authorization link, not the address that it leads to.
    #[error("that is the link to open: paste the address you land on afterwards")]
    AuthorizationLink,
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
}

impl From<PasteError> for Error {
    fn from(error: PasteError) -> Self {
        Self::new(ErrorKind::Usage, error.to_string())
    }
}

/// Reads a pasted text.
///
/// Ignores blanks, line breaks and frames from wrapping, quotes and brackets around it, and
/// invisible characters. The result has exactly one state, and exactly one code or error (or
/// both: the error takes precedence).
///
/// # Errors
/// The text is no callback; the error says what it lacks.
pub fn read(text: &str) -> Result<CallbackQuery, PasteError> {
    let text = text.trim();
    if text.len() > MAX_BYTES {
        return Err(PasteError::TooLong);
    }
    let text = unwrap_lines(text);
    if text.is_empty() {
        return Err(PasteError::Empty);
    }
    let address = Address::of(&text)?;
    let parameters = query_of(&text, address);
    let query = CallbackQuery::parse(parameters);
    if is_authorization_link(parameters, &query) {
        return Err(PasteError::AuthorizationLink);
    }
    if query.state.is_absent() && query.code.is_absent() && query.error.is_absent() {
        return match address {
            Address::Web => Err(not_a_callback(&text)),
            Address::None => code_and_state(&text),
        };
    }
    whole(query)
}

/// Returns whether a pasted text may submit itself, without Enter.
///
/// It has to be valid, with a state of full length: a paste that arrives in pieces is not taken
/// before its end.
pub fn is_complete(text: &str) -> bool {
    read(text).is_ok_and(|query| {
        query
            .state
            .one()
            .is_some_and(|state| state.len() >= STATE_CHARS)
    })
}

/// Puts the text on one line, without the traces of wrapping and quoting.
fn unwrap_lines(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let text = without_paste_markers(text);
    for line in text.split(['\n', '\r', '\u{2028}', '\u{2029}']) {
        // Borders of frames and quotation marks of mails are only at the ends of a line.
        let line = line.trim_matches(|c: char| c == '|' || is_blank(c));
        let line = line.trim_start_matches(|c: char| c == '>' || is_blank(c));
        joined.extend(clean(line).chars().filter(|&c| !is_blank(c)));
    }
    joined.trim_matches(WRAPPERS).to_owned()
}

/// Returns whether a character is never part of an address: white space, control characters,
/// box drawing and blocks.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || ('\u{2500}'..='\u{259F}').contains(&c)
}

/// The address that a text begins with, if any. Words before it, such as `Location:`, do not
/// matter.
#[derive(Clone, Copy)]
enum Address {
    Web,
    None,
}

impl Address {
    fn of(text: &str) -> Result<Self, PasteError> {
        // After the first of these, a scheme is part of a parameter's value.
        let head = text.split(['?', '=', '#']).next().unwrap_or_default();
        let Some((scheme, _)) = head.split_once("://") else {
            return Ok(Self::None);
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme.ends_with("http") || scheme.ends_with("https") {
            Ok(Self::Web)
        } else {
            Err(PasteError::NotACallback)
        }
    }
}

/// Returns the query in a text: the part after an address's `?`, else the whole text, up to `#`.
fn query_of(text: &str, address: Address) -> &str {
    let query = match (text.split_once('?'), address) {
        (Some((_, query)), Address::Web) => query,
        (None, Address::Web) => "",
        // An address without its scheme, or a query with its `?`. A `?` after the first `=`
        // belongs to a value.
        (Some((head, query)), Address::None) if !head.contains('=') => query,
        (_, Address::None) => text,
    };
    query.split('#').next().unwrap_or_default()
}

/// Recognizes an authorization request (RFC 6749, section 4.1.1): it has a client id and a
/// request parameter, of which a response has neither.
fn is_authorization_link(parameters: &str, query: &CallbackQuery) -> bool {
    let (mut client, mut request) = (false, false);
    for (name, _) in form_urlencoded::parse(parameters.as_bytes()) {
        match name.as_ref() {
            "client_id" => client = true,
            "response_type" | "code_challenge" | "redirect_uri" => request = true,
            _ => {}
        }
    }
    client && request && query.code.is_absent() && query.error.is_absent()
}

/// Names what is wrong with an address that has no answer: our short link is a link to open.
fn not_a_callback(address: &str) -> PasteError {
    let short_link = address
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .is_some_and(|(_, path)| path.starts_with("login/"));
    if short_link {
        PasteError::AuthorizationLink
    } else {
        PasteError::NotACallback
    }
}

/// Reads `code#state` literally: a page that shows it has decoded it already.
fn code_and_state(text: &str) -> Result<CallbackQuery, PasteError> {
    let (code, state) = text.split_once('#').unwrap_or((text, ""));
    match (code, state) {
        (_, "") => Err(PasteError::MissingState),
        ("", _) => Err(PasteError::MissingCode),
        (code, state) => Ok(CallbackQuery {
            state: Parameter::One(state.to_owned()),
            code: Parameter::One(code.to_owned()),
            ..CallbackQuery::default()
        }),
    }
}

fn whole(query: CallbackQuery) -> Result<CallbackQuery, PasteError> {
    if query.state.is_repeated() || query.code.is_repeated() || query.error.is_repeated() {
        Err(PasteError::Repeated)
    } else if query.state.is_absent() {
        Err(PasteError::MissingState)
    } else if query.code.is_absent() && query.error.is_absent() {
        Err(PasteError::MissingCode)
    } else {
        Ok(query)
    }
}

#[cfg(test)]
mod tests;
