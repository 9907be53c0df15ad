//! The callback (RFC 6749, sections 4.1.2 and 4.1.2.1): reads its query, and checks that it belongs
//! to this attempt.

use std::borrow::Cow;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use crate::auth::write_secret;
use crate::text::clean_short;

/// A suffix that the issuer may append to the state (spec, section 2).
pub const STATE_SUFFIX: &str = ".onboarding_entrypoint=life_sciences";

/// The parameters of an authorization response, as received.
///
/// Nothing in it may be trusted before [`OAuthState::check`]. `Debug` shows neither `state` nor
/// `code`: both are secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CallbackQuery {
    /// Ties the response to the attempt (RFC 6749, section 10.12).
    pub state: Parameter,
    /// The authorization code.
    pub code: Parameter,
    /// The issuer's error code, which takes precedence over `code`.
    pub error: Parameter,
    /// The issuer's description of the error, raw: clean and escape it before showing it. The first
    /// nonempty one counts. It affects no decision, so a repetition is harmless.
    pub error_description: Option<String>,
}

/// One parameter of a query, which must not come twice (RFC 6749, section 3.1).
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Parameter {
    /// It is missing, or came once without a value, which counts the same (section 3.1).
    #[default]
    Absent,
    /// It came once, decoded. Never empty.
    One(String),
    /// It came more than once, even without a value: the sender is not our issuer.
    Repeated,
}

/// A callback of this attempt, with the right state.
#[derive(Clone, Debug)]
pub enum Callback {
    /// The person has approved.
    Code(SecretString),
    /// The issuer or the person refused. The texts are not cleaned yet.
    Error {
        /// The issuer's error code.
        code: String,
        /// Its description.
        description: Option<String>,
    },
}

/// The reason why a callback is ignored. The attempt is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The state is missing, repeated or wrong.
    StateMismatch,
    /// `code` or `error` is repeated.
    Repeated,
    /// Both `code` and `error` are missing.
    MissingCode,
}

impl CallbackQuery {
    /// Reads a query without its leading `?`, in time linear in its length.
    ///
    /// Decodes percent-encoding and `+` as in a form; bytes that are not UTF-8 become U+FFFD, which
    /// no state contains. Ignores unknown parameters, however often they come.
    pub fn parse(query: &str) -> Self {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "state" => read.state.add(value),
                "code" => read.code.add(value),
                "error" => read.error.add(value),
                "error_description" if read.error_description.is_none() && !value.is_empty() => {
                    read.error_description = Some(value.into_owned());
                }
                _ => {}
            }
        }
        for parameter in [&mut read.state, &mut read.code, &mut read.error] {
            if parameter.one() == Some("") {
                *parameter = Parameter::Absent;
            }
        }
        read
    }
}

impl Parameter {
    /// Returns the value, when there is exactly one.
    pub fn one(&self) -> Option<&str> {
        match self {
            Self::One(value) => Some(value),
            Self::Absent | Self::Repeated => None,
        }
    }

    /// Counts empty occurrences as well: `code=&code=x` is a repetition.
    fn add(&mut self, value: Cow<'_, str>) {
        *self = match self {
            Self::Absent => Self::One(value.into_owned()),
            Self::One(_) | Self::Repeated => Self::Repeated,
        };
    }
}

/// The value that ties a callback to this attempt (RFC 6749, section 10.12).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct OAuthState(#[serde(serialize_with = "write_secret")] SecretString);

impl OAuthState {
    /// Wraps a random value.
    pub fn new(value: String) -> Self {
        Self(value.into())
    }

    /// Returns the value for the authorization URL.
    pub fn as_str(&self) -> &str {
        self.0.expose_secret()
    }

    /// Compares in constant time: the time to answer reveals nothing about the value.
    pub fn matches(&self, received: &str) -> bool {
        let expected = self.as_str().as_bytes();
        let bare = received.strip_suffix(STATE_SUFFIX).unwrap_or(received);
        bare.as_bytes().ct_eq(expected).into()
    }

    /// Checks the state before trusting anything else in the query, and returns the callback.
    ///
    /// # Errors
    /// The query belongs to another attempt, or holds no answer.
    pub fn check(&self, query: CallbackQuery) -> Result<Callback, Ignored> {
        if !query.state.one().is_some_and(|state| self.matches(state)) {
            return Err(Ignored::StateMismatch);
        }
        match (query.error, query.code) {
            (Parameter::Repeated, _) | (_, Parameter::Repeated) => Err(Ignored::Repeated),
            // `error` takes precedence over `code`.
            (Parameter::One(code), _) => Ok(Callback::Error {
                code,
                description: query.error_description,
            }),
            (Parameter::Absent, Parameter::One(code)) => Ok(Callback::Code(code.into())),
            (Parameter::Absent, Parameter::Absent) => Err(Ignored::MissingCode),
        }
    }
}

impl Callback {
    /// Returns whether this is the first callback again: a reload, or a double click.
    pub fn repeats(&self, first: &Self) -> bool {
        match (self, first) {
            (Self::Code(code), Self::Code(first)) => code.expose_secret() == first.expose_secret(),
            (Self::Error { code, .. }, Self::Error { code: first, .. }) => code == first,
            _ => false,
        }
    }
}

impl fmt::Debug for CallbackQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackQuery")
            .field("state", &self.state)
            .field("code", &self.code)
            .field("error", &self.error.one().map(|code| clean_short(code, 80)))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::One(_) => "One(…)",
            Self::Repeated => "Repeated",
        })
    }
}

#[cfg(test)]
mod tests;
