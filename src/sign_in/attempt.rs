//! One sign-in attempt: the first valid answer wins, a repetition of it joins, and every other
//! answer conflicts. Pure: no clock, no network, no disk.

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::callback::{CallbackQuery, Parameter};

/// A suffix that the issuer may append to the state (spec, section 2).
pub const STATE_SUFFIX: &str = ".onboarding_entrypoint=life_sciences";

/// The value that ties a callback to this attempt (RFC 6749, section 10.12).
#[derive(Clone, Debug)]
pub struct OAuthState(SecretString);

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
    fn matches(&self, received: &str) -> bool {
        let expected = self.as_str().as_bytes();
        let bare = received.strip_suffix(STATE_SUFFIX).unwrap_or(received);
        bare.as_bytes().ct_eq(expected).into()
    }

    /// Checks a callback. Nothing in it may be trusted before.
    pub fn check(&self, query: &CallbackQuery) -> Result<(), Ignored> {
        match &query.state {
            Parameter::One(state) if self.matches(state) => {}
            _ => return Err(Ignored::StateMismatch),
        }
        if matches!(query.code, Parameter::Repeated) || matches!(query.error, Parameter::Repeated) {
            return Err(Ignored::Repeated);
        }
        match (&query.error, &query.code) {
            (Parameter::Absent, Parameter::Absent) => Err(Ignored::MissingCode),
            _ => Ok(()),
        }
    }
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

/// The decision about a callback.
#[derive(Debug)]
pub enum Verdict {
    /// Ignore it.
    Ignore(Ignored),
    /// It won: exchange this code.
    Exchange(SecretString),
    /// It won, and it is the issuer's error.
    Fail,
    /// It repeats the winner: answer it like the winner.
    Join,
    /// Another callback has won.
    Conflict,
}

/// The callback or device code that decided the attempt.
#[derive(Debug)]
enum Winner {
    Code(SecretString),
    Error(String),
    /// An approved device code; no callback repeats it.
    Device,
}

/// An attempt and its winner.
#[derive(Debug)]
pub struct Attempt {
    state: OAuthState,
    winner: Option<Winner>,
}

impl Attempt {
    /// Creates an open attempt.
    pub fn new(state: OAuthState) -> Self {
        Self {
            state,
            winner: None,
        }
    }

    /// Decides about a callback that came through the server or was pasted.
    pub fn receive(&mut self, query: &CallbackQuery) -> Verdict {
        if let Err(ignored) = self.state.check(query) {
            return Verdict::Ignore(ignored);
        }
        // `error` takes precedence over `code`.
        if let Parameter::One(error) = &query.error {
            return match &self.winner {
                None => {
                    self.winner = Some(Winner::Error(error.clone()));
                    Verdict::Fail
                }
                Some(Winner::Error(first)) if first == error => Verdict::Join,
                Some(_) => Verdict::Conflict,
            };
        }
        let Parameter::One(code) = &query.code else {
            return Verdict::Ignore(Ignored::MissingCode);
        };
        match &self.winner {
            None => {
                let code = SecretString::from(code.as_str());
                self.winner = Some(Winner::Code(code.clone()));
                Verdict::Exchange(code)
            }
            Some(Winner::Code(first)) if first.expose_secret() == code => Verdict::Join,
            Some(_) => Verdict::Conflict,
        }
    }

    /// Records that the device code was approved. Returns whether that decides the attempt.
    pub fn device_approved(&mut self) -> bool {
        let open = self.winner.is_none();
        if open {
            self.winner = Some(Winner::Device);
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> Attempt {
        Attempt::new(OAuthState::new("right".to_owned()))
    }

    fn receive(attempt: &mut Attempt, query: &str) -> Verdict {
        attempt.receive(&CallbackQuery::parse(query))
    }

    fn ignored(query: &str) -> Ignored {
        let mut attempt = attempt();
        let Verdict::Ignore(ignored) = receive(&mut attempt, query) else {
            panic!("{query} was not ignored");
        };
        assert!(attempt.winner.is_none(), "{query} used the attempt up");
        ignored
    }

    #[test]
    fn a_wrong_absent_or_doubled_state_costs_nothing() {
        for query in [
            "",
            "code=c",
            "code=c&state=wrong",
            "code=c&state=",
            "code=c&state=right&state=right",
            "error=access_denied&state=wrong",
            "code=c&state=rightx",
            "code=c&state=right.onboarding_entrypoint=other",
        ] {
            assert_eq!(ignored(query), Ignored::StateMismatch, "{query}");
        }
    }

    #[test]
    fn a_doubled_code_or_error_and_a_missing_code_cost_nothing() {
        assert_eq!(ignored("state=right&code=a&code=b"), Ignored::Repeated);
        assert_eq!(ignored("state=right&error=a&error=a"), Ignored::Repeated);
        assert_eq!(ignored("state=right"), Ignored::MissingCode);
        assert_eq!(ignored("state=right&code=&error="), Ignored::MissingCode);
    }

    /// Without an attempt: it decides whether the sender is looked up.
    #[test]
    fn a_state_alone_is_no_answer() {
        let state = OAuthState::new("right".to_owned());
        let check = |query| state.check(&CallbackQuery::parse(query));
        assert_eq!(check("state=right"), Err(Ignored::MissingCode));
        assert_eq!(check("state=right&code=a"), Ok(()));
        assert_eq!(check("state=right&error=a"), Ok(()));
    }

    #[test]
    fn the_first_code_wins_its_reload_joins_and_others_conflict() {
        let mut attempt = attempt();
        let verdict = receive(&mut attempt, "code=a&state=right");
        assert!(matches!(verdict, Verdict::Exchange(code) if code.expose_secret() == "a"));
        assert!(matches!(
            receive(&mut attempt, "code=a&state=right"),
            Verdict::Join
        ));
        assert!(matches!(
            receive(&mut attempt, "code=b&state=right"),
            Verdict::Conflict
        ));
        assert!(matches!(
            receive(&mut attempt, "error=x&state=right"),
            Verdict::Conflict
        ));
        assert!(!attempt.device_approved());
    }

    #[test]
    fn the_issuers_suffix_on_the_state_is_accepted() {
        let mut attempt = attempt();
        let query = "code=a&state=right.onboarding_entrypoint%3Dlife_sciences";
        assert!(matches!(receive(&mut attempt, query), Verdict::Exchange(_)));
    }

    #[test]
    fn an_error_wins_over_a_code() {
        let mut attempt = attempt();
        assert!(matches!(
            receive(&mut attempt, "code=a&state=right&error=access_denied"),
            Verdict::Fail
        ));
        assert!(matches!(
            receive(&mut attempt, "error=access_denied&state=right"),
            Verdict::Join
        ));
        assert!(matches!(
            receive(&mut attempt, "error=server_error&state=right"),
            Verdict::Conflict
        ));
        assert!(matches!(
            receive(&mut attempt, "code=a&state=right"),
            Verdict::Conflict
        ));
    }

    #[test]
    fn an_approved_device_code_closes_the_door_to_callbacks() {
        let mut attempt = attempt();
        assert!(attempt.device_approved());
        assert!(!attempt.device_approved());
        for query in ["code=a&state=right", "error=a&state=right"] {
            let verdict = receive(&mut attempt, query);
            assert!(matches!(verdict, Verdict::Conflict), "{query}");
        }
    }
}
