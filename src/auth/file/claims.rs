//! The claims of the tokens: the payload of a JWT (RFC 7519), unverified.
//!
//! The tokens come straight from the issuer over TLS, so their signature need not be
//! checked (OpenID Connect Core, section 3.1.3.7). A claim that is missing or has the
//! wrong type is absent, never a failure.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::auth::issuer_url::IssuerUrl;
use crate::error::{Error, Result};
use crate::product::codex::AUTH_CLAIM;

/// The tolerance for this machine's clock.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// The payload of one token.
#[derive(Clone, Default)]
pub struct Claims(Value);

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims")
    }
}

impl Claims {
    /// Decodes the payload; `None` when `token` is not a JWT.
    pub fn decode(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        // Some issuers pad although RFC 7515 section 2 forbids it.
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let claims: Value = serde_json::from_slice(&bytes).ok()?;
        claims.is_object().then_some(Self(claims))
    }

    /// Decodes a token. One that is missing or is not a JWT has no claims.
    pub fn of(token: Option<&SecretString>) -> Self {
        token
            .and_then(|token| Self::decode(token.expose_secret()))
            .unwrap_or_default()
    }

    /// Returns `exp`, when the token stops being valid.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.time("exp")
    }

    /// Returns `iat`, when the token was issued, by the issuer's clock.
    pub fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.time("iat")
    }

    fn time(&self, name: &str) -> Option<DateTime<Utc>> {
        let time = self.0.get(name)?;
        // Some issuers write seconds with a fraction.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates, and from_timestamp checks"
        )]
        let seconds = time.as_i64().or_else(|| time.as_f64().map(|f| f as i64))?;
        DateTime::from_timestamp(seconds, 0)
    }

    /// Returns `email`, which is at the top level.
    pub fn email(&self) -> Option<&str> {
        text(&self.0, "email")
    }

    /// Returns `iss`, the issuer of the token, without a trailing slash.
    pub fn issuer(&self) -> Option<&str> {
        text(&self.0, "iss").map(|iss| iss.trim_end_matches('/'))
    }

    /// Returns a text among the issuer's own claims, unless it is empty.
    pub fn auth_text(&self, name: &str) -> Option<&str> {
        text(self.0.get(AUTH_CLAIM)?, name)
    }

    /// Returns a flag among them.
    pub fn auth_bool(&self, name: &str) -> Option<bool> {
        self.0.get(AUTH_CLAIM)?.get(name)?.as_bool()
    }

    /// Checks `exp`, `iss` and `aud` of an id token when they are present.
    pub fn check(&self, issuer: &IssuerUrl, client_id: &str, now: DateTime<Utc>) -> Result<()> {
        if let Some(expires_at) = self.expires_at()
            && now - CLOCK_SKEW > expires_at
        {
            return Err(Error::issuer(format!(
                "The issuer's id token expired at {expires_at}, and this machine's clock says {}",
                now.format("%F %T UTC")
            ))
            .with_hint("Set this machine's clock, then sign in again"));
        }
        if let Some(iss) = self.issuer()
            && iss != issuer.to_string()
        {
            let from = IssuerUrl::parse(iss).map_or(String::new(), |iss| format!(": {iss}"));
            return Err(
                Error::issuer(format!("The id token is from another issuer{from}"))
                    .with_hint("Check the issuer, then sign in again"),
            );
        }
        let for_us = match self.0.get("aud") {
            Some(Value::String(one)) => one == client_id,
            Some(Value::Array(many)) => many.iter().any(|aud| aud == client_id),
            _ => true,
        };
        if !for_us {
            let message = "The id token was issued for another program".to_owned();
            return Err(Error::issuer(message).with_hint("Check the client id, then sign in again"));
        }
        Ok(())
    }
}

/// Returns a text in an object, unless it is missing or empty.
pub fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: &Value) -> Claims {
        let payload = URL_SAFE_NO_PAD.encode(value.to_string());
        Claims::decode(&format!("e30.{payload}.sig")).unwrap()
    }

    fn issuer() -> IssuerUrl {
        IssuerUrl::parse("https://auth.openai.com").unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn only_three_parts_with_an_object_inside_are_a_jwt() {
        for bad in [
            "",
            "a.b",
            "a.b.c",
            "a.b.c.d",
            "e30.W10.x",
            "e30.!!.x",
            "...",
        ] {
            assert!(Claims::decode(bad).is_none(), "{bad}");
        }
        assert!(Claims::decode("e30.e30=.x").is_some());
    }

    #[test]
    fn a_time_may_have_a_fraction() {
        let token = claims(&json!({"exp": 1000.9, "iat": 400}));
        assert_eq!(token.expires_at(), Some(at(1000)));
        assert_eq!(token.issued_at(), Some(at(400)));
    }

    #[test]
    fn malformed_claims_are_absent() {
        let id = claims(&json!({"email": 5, "exp": "soon", AUTH_CLAIM: "nonsense"}));
        assert_eq!((id.email(), id.auth_text("user_id")), (None, None));
        assert_eq!(
            (id.expires_at(), id.auth_bool("is_org_owner")),
            (None, None)
        );
        assert_eq!(claims(&json!({"exp": 1e300})).expires_at(), None);
    }

    #[test]
    fn an_expired_id_token_names_the_clock() {
        let token = claims(&json!({"exp": 1000}));
        assert!(token.check(&issuer(), "me", at(1300)).is_ok());
        let error = token.check(&issuer(), "me", at(1301)).unwrap_err();
        assert!(error.message().contains("clock"), "{error}");
    }

    #[test]
    fn another_issuer_or_audience_is_refused() {
        let check = |value| claims(&value).check(&issuer(), "me", at(0));
        assert!(check(json!({"iss": "https://auth.openai.com/"})).is_ok());
        assert!(check(json!({"iss": "https://evil.example"})).is_err());
        assert!(check(json!({"aud": "me"})).is_ok());
        assert!(check(json!({"aud": ["you", "me"]})).is_ok());
        assert!(check(json!({"aud": ["you"]})).is_err());
        assert!(check(json!({})).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn no_token_whatever_it_holds_is_a_panic(
            head in ".{0,20}", payload in proptest::collection::vec(0u8.., 0..200), text in ".{0,80}",
        ) {
            let _ = Claims::decode(&text);
            let payload = URL_SAFE_NO_PAD.encode(payload);
            if let Some(claims) = Claims::decode(&format!("{head}.{payload}.x")) {
                let _ = claims.check(&issuer(), "me", at(0));
                let _ = (claims.auth_text("user_id"), claims.auth_bool("is_org_owner"));
            }
        }

        #[test]
        fn any_expiry_is_a_time_or_absent(exp in proptest::num::f64::ANY, now in -4_000_000_000i64..4_000_000_000) {
            let token = claims(&json!({"exp": exp}));
            let _ = token.check(&issuer(), "me", at(now));
        }
    }
}
