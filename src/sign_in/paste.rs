//! Reads what a person pasted instead of being redirected: the address that the
//! browser landed on, or the part of it that matters (spec, section 3).
//!
//! ```text
//! http://localhost:1455/auth/callback?code=C&state=S     the whole address
//! ?code=C&state=S    code=C&state=S                      its query
//! C#S                                                    code and state
//! ```
//!
//! The address is only read, never visited, so its host and port do not matter;
//! the `state` does, and is compared by the attempt like a callback's.

use thiserror::Error;
use url::form_urlencoded;

use super::callback::{CallbackQuery, Parameter};
use crate::error::{Error, ErrorKind};
use crate::text::{clean, without_paste_markers};

/// A longer text is refused unread. Real redirects stay below 4 KiB.
pub const MAX_BYTES: usize = 8 * 1024;

/// A state of ours: 32 bytes in base64url without padding.
const STATE_CHARS: usize = 43;

/// What chats, mails and shells put around an address.
const WRAPPERS: &[char] = &[
    '"', '\'', '`', '<', '>', '“', '”', '„', '‟', '‘', '’', '‚', '‛', '«', '»', '‹', '›', '＂',
    '＇',
];

/// Why a pasted text cannot be taken. The attempt stays open after each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PasteError {
    /// Nothing but blanks, quotes or control characters.
    #[error(
        "Nothing to read: paste the whole address that your browser shows after you approve, \
         with code= and state= in it"
    )]
    Empty,
    /// More than [`MAX_BYTES`].
    #[error("That is longer than 8 KiB: paste only the address that your browser shows")]
    TooLong,
    /// The link the person should open, not the one it leads to.
    #[error("that is the link to open: paste the address you land on afterwards")]
    AuthorizationLink,
    /// A web address, but not the one a sign-in ends on.
    #[error(
        "That address does not hold the answer to this sign-in: paste the one that your browser \
         shows after you approve, with code= and state= in it"
    )]
    NotACallback,
    /// A code, or an error, without the state that ties it to this attempt.
    #[error("The state is missing: paste the whole address, not only the code")]
    MissingState,
    /// A state, but neither code nor error.
    #[error("The code is missing: paste the whole address, from http to its end")]
    MissingCode,
    /// Two addresses in one text, or a forged one.
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
/// Forgiven are blanks, line breaks and frames from wrapping, quotes and
/// brackets around it, and invisible characters. What is returned holds exactly
/// one state, and exactly one code or error (or both: the error wins).
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

/// Whether a text that was pasted at once may submit itself, without Enter.
///
/// It reads, and its state is as long as ours are: a paste that arrives in
/// pieces is not taken before its end.
pub fn is_complete(text: &str) -> bool {
    read(text).is_ok_and(|query| {
        query
            .state
            .one()
            .is_some_and(|state| state.len() >= STATE_CHARS)
    })
}

/// The text on one line, without what wrapping and quoting put into it.
fn unwrap_lines(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let text = without_paste_markers(text);
    for line in text.split(['\n', '\r', '\u{2028}', '\u{2029}']) {
        // A frame's border or a mail's quotation marks stand only at a line's ends.
        let line = line.trim_matches(|c: char| c == '|' || is_blank(c));
        let line = line.trim_start_matches(|c: char| c == '>' || is_blank(c));
        joined.extend(clean(line).chars().filter(|&c| !is_blank(c)));
    }
    joined.trim_matches(WRAPPERS).to_owned()
}

/// Never part of an address: white space, control characters, box drawing and blocks.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || ('\u{2500}'..='\u{259F}').contains(&c)
}

/// Whether a text begins with a web address (browsers' address bars and a
/// `Location:` in front of it are no hindrance).
#[derive(Clone, Copy)]
enum Address {
    Web,
    None,
}

impl Address {
    fn of(text: &str) -> Result<Self, PasteError> {
        // Behind the first of these a scheme is only a parameter's value.
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

/// The query within a text: behind an address's `?`, else the text, up to a `#`.
fn query_of(text: &str, address: Address) -> &str {
    let query = match (text.split_once('?'), address) {
        (Some((_, query)), Address::Web) => query,
        (None, Address::Web) => "",
        // An address without its scheme, or a query with its `?`; a `?` behind
        // the first `=` belongs to a value.
        (Some((head, query)), Address::None) if !head.contains('=') => query,
        (_, Address::None) => text,
    };
    query.split('#').next().unwrap_or_default()
}

/// An authorization request (RFC 6749, section 4.1.1) carries the client's id
/// beside what it wants; a response carries neither.
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

/// An address without an answer: our own short link is one to open, too.
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

/// `code#state`, taken literally: who shows it so has decoded it already.
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
