//! The environment variables as a value, so that code that depends on them can be tested
//! without touching the process.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use secrecy::SecretString;

use crate::platform::TERMINALS_HAVE_NAMES;

/// A terminal multiplexer that this program runs in.
#[cfg(feature = "screen")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Multiplexer {
    /// tmux.
    Tmux,
    /// GNU screen.
    GnuScreen,
}

/// A snapshot of the environment. Blanks around a value are ignored, and so is the carriage return
/// that a file from Windows leaves at its end. An empty variable counts as unset.
///
/// ```
/// use codex_onboarding::environment::Environment;
///
/// let environment = Environment::from([("TERM", "dumb\r"), ("NO_COLOR", "")]);
/// assert_eq!(environment.get("TERM"), Some("dumb"));
/// assert!(!environment.has("NO_COLOR"));
/// ```
#[derive(Clone, Default)]
pub struct Environment(HashMap<OsString, OsString>);

impl Environment {
    /// Takes a snapshot of this process's environment.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Returns the value as text; one that is not UTF-8 counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(OsStr::new(name))?.to_str()?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// As [`Environment::get`], without quotes around the value: no shell removes those in a
    /// container's `--env-file`.
    pub fn unquoted(&self, name: &str) -> Option<&str> {
        let value = self.get(name)?;
        let between = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
        let value = between('"')
            .or_else(|| between('\''))
            .map_or(value, str::trim);
        (!value.is_empty()).then_some(value)
    }

    /// Returns the value as a path, whatever its encoding.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        match self.0.get(OsStr::new(name))? {
            value if value.to_str().is_some() => self.get(name).map(PathBuf::from),
            value => Some(value.into()),
        }
    }

    /// Returns the value of a variable that holds a secret.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }

    /// Returns whether the variable is set and not empty.
    pub fn has(&self, name: &str) -> bool {
        self.path(name).is_some()
    }

    /// Returns the multiplexer that the terminal belongs to.
    #[cfg(feature = "screen")]
    pub(crate) fn multiplexer(&self) -> Option<Multiplexer> {
        let term = self.get("TERM").unwrap_or_default();
        if self.has("TMUX") {
            return Some(Multiplexer::Tmux);
        }
        (self.has("STY") || term.starts_with("screen")).then_some(Multiplexer::GnuScreen)
    }

    /// Returns the reason to use plain lines instead of the full screen, in words for a person;
    /// `None` if the terminal can have a full screen.
    ///
    /// ```
    /// use codex_onboarding::environment::Environment;
    ///
    /// let terminal = |term| Environment::from([("TERM", term)]).reason_for_lines();
    /// assert_eq!(terminal("xterm-256color"), None);
    /// assert_eq!(terminal("dumb"), Some("TERM is dumb"));
    /// ```
    pub fn reason_for_lines(&self) -> Option<&'static str> {
        // People who use a screen reader set `ACCESSIBLE` for huh and other tools.
        if self.get("ACCESSIBLE").is_some_and(|value| value != "0") {
            return Some("ACCESSIBLE is set");
        }
        match self.get("TERM") {
            Some("dumb") => Some("TERM is dumb"),
            Some("unknown") => Some("TERM is unknown"),
            None if TERMINALS_HAVE_NAMES => Some("TERM is not set"),
            _ => None,
        }
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl std::fmt::Debug for Environment {
    /// Shows names only: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_a_value_does_not_count() {
        for value in ["x", " x ", "x\r", "\tx \r\n", "\u{a0}x"] {
            let environment = Environment::from([("A", value)]);
            assert_eq!(environment.get("A"), Some("x"), "{value:?}");
            assert_eq!(environment.path("A"), Some("x".into()), "{value:?}");
            assert!(environment.secret("A").is_some() && environment.has("A"));
        }
        for value in ["", " ", "\r", "\r\n"] {
            let environment = Environment::from([("A", value)]);
            assert_eq!(environment.get("A"), None, "{value:?}");
            assert!(!environment.has("A") && environment.secret("A").is_none());
        }
    }

    #[test]
    fn one_pair_of_quotes_can_be_left_out() {
        for (value, expected) in [
            ("\"a b\"", Some("a b")),
            (" ' a ' \r", Some("a")),
            ("a", Some("a")),
            ("\"a", Some("\"a")),
            ("\"a'", Some("\"a'")),
            ("\"", Some("\"")),
            ("''", None),
        ] {
            let environment = Environment::from([("A", value)]);
            assert_eq!(environment.unquoted("A"), expected, "{value:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_is_kept() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = OsStr::from_bytes(b"/caf\xe9");
        let environment = Environment(HashMap::from([("A".into(), path.into())]));
        assert_eq!(environment.path("A"), Some(path.into()));
        assert_eq!(environment.get("A"), None);
    }

    #[test]
    fn lines_are_for_accessible_and_for_terminals_without_a_usable_name() {
        let reason = |variables: [(&str, &str); 2]| Environment::from(variables).reason_for_lines();
        for accessible in ["1", "true", "yes"] {
            let set = [("ACCESSIBLE", accessible), ("TERM", "xterm")];
            assert_eq!(reason(set), Some("ACCESSIBLE is set"));
        }
        for (accessible, term) in [("", "xterm"), ("0", "xterm-256color"), ("0", "linux")] {
            assert_eq!(reason([("ACCESSIBLE", accessible), ("TERM", term)]), None);
        }
        for (term, why) in [("dumb", "TERM is dumb"), ("unknown", "TERM is unknown")] {
            assert_eq!(reason([("ACCESSIBLE", "0"), ("TERM", term)]), Some(why));
        }
        let unset = TERMINALS_HAVE_NAMES.then_some("TERM is not set");
        assert_eq!(reason([("ACCESSIBLE", "0"), ("TERM", "")]), unset);
    }
}
