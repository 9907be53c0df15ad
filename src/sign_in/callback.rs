//! The query of a redirect (RFC 6749, sections 4.1.2 and 4.1.2.1).

use std::borrow::Cow;
use std::fmt;

use url::form_urlencoded;

use crate::text::clean_short;

/// The parameters of an authorization response, as received.
///
/// Nothing in it may be trusted before its `state` is checked. `Debug` shows neither `state` nor
/// `code`: both are secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CallbackQuery {
    /// Ties the response to the attempt (RFC 6749, section 10.12).
    pub state: Parameter,
    /// The authorization code.
    pub code: Parameter,
    /// The issuer's error code, which takes precedence over `code`.
    pub error: Parameter,
    /// The issuer's description of the error, raw: clean and escape it before showing it. The
    /// first that is not empty counts; it decides nothing, so a repetition is harmless.
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

impl CallbackQuery {
    /// Reads a query without its leading `?`, in time linear in its length.
    ///
    /// Decodes percent-encoding and `+` as in a form; bytes that are not UTF-8 become U+FFFD, which
    /// no state contains. Ignores unknown parameters, however often they come.
    pub fn parse(query: &str) -> Self {
        let (mut state, mut code, mut error) = <(Seen, Seen, Seen)>::default();
        let mut error_description = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "state" => state.add(value),
                "code" => code.add(value),
                "error" => error.add(value),
                "error_description" if error_description.is_none() && !value.is_empty() => {
                    error_description = Some(value.into_owned());
                }
                _ => {}
            }
        }
        Self {
            state: state.into(),
            code: code.into(),
            error: error.into(),
            error_description,
        }
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

    /// Returns whether it is missing.
    pub fn is_absent(&self) -> bool {
        *self == Self::Absent
    }

    /// Returns whether it came more than once.
    pub fn is_repeated(&self) -> bool {
        *self == Self::Repeated
    }
}

/// Counts occurrences, empty ones too: `code=&code=x` is a repetition.
#[derive(Default)]
enum Seen<'a> {
    #[default]
    Never,
    Once(Cow<'a, str>),
    Again,
}

impl<'a> Seen<'a> {
    fn add(&mut self, value: Cow<'a, str>) {
        *self = match self {
            Self::Never => Self::Once(value),
            Self::Once(_) | Self::Again => Self::Again,
        };
    }
}

impl From<Seen<'_>> for Parameter {
    fn from(seen: Seen<'_>) -> Self {
        match seen {
            Seen::Once(value) if !value.is_empty() => Self::One(value.into_owned()),
            Seen::Never | Seen::Once(_) => Self::Absent,
            Seen::Again => Self::Repeated,
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(value: &str) -> Parameter {
        Parameter::One(value.to_owned())
    }

    #[test]
    fn an_approval_is_read() {
        let query = CallbackQuery::parse("code=abc&state=xyz");
        assert_eq!(query.code, one("abc"));
        assert_eq!(query.state, one("xyz"));
        assert_eq!(query.error, Parameter::Absent);
        assert_eq!(query.error_description, None);
    }

    #[test]
    fn a_denial_is_read() {
        let query =
            CallbackQuery::parse("error=access_denied&error_description=not+now%2C%20ever&state=s");
        assert_eq!(query.error, one("access_denied"));
        assert_eq!(query.error_description.as_deref(), Some("not now, ever"));
        assert_eq!(query.code, Parameter::Absent);
    }

    #[test]
    fn a_parameter_without_a_value_is_absent() {
        for query in ["", "code=&state=&error=", "code&state&error", "&&&"] {
            assert_eq!(CallbackQuery::parse(query), CallbackQuery::default());
        }
    }

    #[test]
    fn a_repetition_is_told_apart_even_when_it_is_empty_or_the_same() {
        for query in [
            "code=a&code=b",
            "code=a&code=a",
            "code=&code=a",
            "code&code",
        ] {
            assert_eq!(
                CallbackQuery::parse(query).code,
                Parameter::Repeated,
                "{query}"
            );
        }
        assert!(CallbackQuery::parse("state=s&state=s").state.is_repeated());
        assert!(CallbackQuery::parse("error=&error=").error.is_repeated());
        assert!(CallbackQuery::parse("c%6fde=a&code=a").code.is_repeated());
    }

    #[test]
    fn what_we_do_not_know_is_ignored_however_often_it_comes() {
        let query = CallbackQuery::parse("iss=a&iss=b&scope=x&scope=&code=c&Code=d&state=s");
        assert_eq!((query.code, query.state), (one("c"), one("s")));
    }

    #[test]
    fn the_suffix_an_issuer_appends_to_the_state_stays() {
        let state = "xyz.onboarding_entrypoint=life_sciences";
        assert_eq!(
            CallbackQuery::parse(&format!("state={state}")).state,
            one(state)
        );
    }

    #[test]
    fn hostile_bytes_are_only_text() {
        assert_eq!(
            CallbackQuery::parse("state=%FF%00%").state,
            one("\u{FFFD}\0%")
        );
        let many = "a=1&".repeat(4_096);
        assert_eq!(CallbackQuery::parse(&many), CallbackQuery::default());
        let repeated = "state=x&".repeat(2_048);
        assert!(CallbackQuery::parse(&repeated).state.is_repeated());
        let long = format!("code={}", "%41".repeat(5_461));
        assert_eq!(CallbackQuery::parse(&long).code, one(&"A".repeat(5_461)));
    }

    #[test]
    fn debug_shows_no_secret() {
        let query =
            CallbackQuery::parse("code=SECRET&state=SECRET&error=e%1b&error_description=SECRET");
        let debug = format!("{query:?} {:?}", query.code);
        assert!(!debug.contains("SECRET"), "{debug}");
        assert!(debug.contains("\"e\""), "{debug}");
    }

    proptest! {
        #[test]
        fn it_never_panics_and_agrees_with_the_form_decoder(
            query in "((state|code|error|x|%63ode)?[=&%+a\u{0}\u{e9}]{0,4}){0,8}|.{0,200}"
        ) {
            let read = CallbackQuery::parse(&query);
            for (name, parameter) in [("state", read.state), ("code", read.code), ("error", read.error)] {
                let values: Vec<String> = form_urlencoded::parse(query.as_bytes())
                    .filter(|(key, _)| key == name)
                    .map(|(_, value)| value.into_owned())
                    .collect();
                let expected = match values.as_slice() {
                    [] => Parameter::Absent,
                    [value] if value.is_empty() => Parameter::Absent,
                    [value] => one(value),
                    _ => Parameter::Repeated,
                };
                prop_assert_eq!(parameter, expected);
            }
        }
    }
}
