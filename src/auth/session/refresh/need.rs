//! The reason for a refresh.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use crate::auth::credentials::Credentials;
use crate::auth::file::auth_file::same;

/// The reason for a refresh, and when it is met.
#[derive(Clone)]
pub struct Need {
    /// The access token to replace.
    pub access_token: Option<SecretString>,
    /// Set when the API refused the token: another one is needed even if no refresh is due.
    pub refused: bool,
    /// The time that a token must last at least.
    pub margin: TimeDelta,
    /// The time when the need arose: tokens received since then are fresh, whatever the clock says.
    pub since: DateTime<Utc>,
}

impl Need {
    /// Creates the need for a token that is not due for a refresh.
    pub fn due(credentials: &Credentials, now: DateTime<Utc>) -> Self {
        Self {
            access_token: credentials.access_token().cloned(),
            refused: false,
            margin: TimeDelta::zero(),
            since: now,
        }
    }

    /// Returns whether the credentials that were found will do.
    pub fn is_met_by(&self, found: &Credentials, now: DateTime<Utc>) -> bool {
        let is_another = !same(found.access_token(), self.access_token.as_ref());
        // Another program was faster while we waited for the lock.
        let is_new = is_another && found.last_refresh().is_some_and(|at| at >= self.since);
        found.access_token().is_some()
            && (is_another || !self.refused)
            && (is_new || !(found.is_due(now) || found.ends_within(self.margin, now)))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;
    use crate::auth::file::auth_file::AuthFile;
    use crate::auth::store::{Source, Store};

    /// Returns credentials whose access token is valid for this many minutes and was received this
    /// long ago.
    fn credentials(token: &str, minutes: i64, received: TimeDelta) -> Credentials {
        let claims =
            json!({"exp": (now() + TimeDelta::minutes(minutes)).timestamp(), "jti": token});
        let access = format!(
            "e30.{}.x",
            BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let file = json!({
            "tokens": {"access_token": access, "refresh_token": "r"},
            "last_refresh": (now() - received).to_rfc3339(),
        });
        let file = AuthFile::parse(file.to_string().as_bytes()).unwrap();
        let store = Store::new("home");
        Credentials::choose(file, None, &store, Source::File).unwrap()
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn a_token_that_is_not_due_meets_the_need_for_one() {
        let need = Need::due(&credentials("a", 0, TimeDelta::hours(1)), now());
        assert!(need.is_met_by(&credentials("b", 60, TimeDelta::hours(1)), now()));
        assert!(need.is_met_by(&credentials("a", 60, TimeDelta::hours(1)), now()));
        assert!(!need.is_met_by(&credentials("a", 0, TimeDelta::hours(1)), now()));
    }

    #[test]
    fn a_refused_token_meets_no_need_however_long_it_lasts() {
        let refused = credentials("a", 60, TimeDelta::hours(1));
        let need = Need {
            refused: true,
            ..Need::due(&refused, now())
        };
        assert!(!need.is_met_by(&refused, now()));
        assert!(need.is_met_by(&credentials("b", 60, TimeDelta::hours(1)), now()));
    }

    #[test]
    fn a_token_received_since_the_need_arose_is_fresh_whatever_the_clock_says() {
        let need = Need::due(&credentials("a", 0, TimeDelta::hours(1)), now());
        let second = TimeDelta::seconds(1);
        for received in [TimeDelta::zero(), -second] {
            assert!(need.is_met_by(&credentials("b", 0, received), now()));
        }
        assert!(!need.is_met_by(&credentials("b", 0, second), now()));
        assert!(!need.is_met_by(&credentials("a", 0, TimeDelta::zero()), now()));
    }

    #[test]
    fn credentials_without_an_access_token_meet_no_need() {
        let need = Need::due(&credentials("a", 0, TimeDelta::hours(1)), now());
        let mut found = credentials("b", 60, TimeDelta::zero());
        found.file.tokens.as_mut().unwrap().access_token = None;
        assert!(!need.is_met_by(&found, now()));
    }
}
