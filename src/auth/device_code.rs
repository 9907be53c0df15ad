//! Signing in on another device (after RFC 8628, with the endpoints of the Codex CLI).

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::http::Refusal;
use super::issuer::Issuer;
use crate::error::{Error, ErrorKind, Result};

/// How a device code is waited for. The default is RFC 8628's, and what the program promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long in all.
    pub lifetime: Duration,
    /// Between two polls when the issuer names no interval (RFC 8628, section 3.5).
    pub interval: Duration,
    /// Whatever the issuer says: not a busy loop, …
    pub at_least: Duration,
    /// … and not slower than a person's patience.
    pub at_most: Duration,
    /// More between two polls, whenever the issuer asks to slow down (section 3.5).
    pub slow_down: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_mins(15),
            interval: Duration::from_secs(5),
            at_least: Duration::from_secs(1),
            at_most: Duration::from_mins(1),
            slow_down: Duration::from_secs(5),
        }
    }
}

/// So many polls in a row may be lost to the network.
const LOST_POLLS: u32 = 5;

/// What the issuer handed out (RFC 8628, section 3.2).
#[derive(Clone, Debug)]
pub struct DeviceAuthorization {
    /// What the person types in. Cleaned.
    pub user_code: String,
    /// Where.
    pub verification_url: String,
    /// How long it is waited for.
    pub expires_in: Duration,
    raw_user_code: String,
    device_auth_id: SecretString,
    interval: Duration,
    expires_at: Instant,
}

/// What an approved device code turns into.
#[derive(Debug)]
pub struct DeviceGrant {
    /// To be redeemed like any authorization code.
    pub code: SecretString,
    /// The issuer made the PKCE pair itself.
    pub code_verifier: SecretString,
    /// `{issuer}/deviceauth/callback`
    pub redirect_uri: String,
}

enum Poll {
    Approved(DeviceGrant),
    Pending,
    SlowDown,
}

impl Issuer {
    /// Asks for a device code.
    ///
    /// # Errors
    /// "Device code login is not enabled …" when the issuer does not know the endpoint.
    pub async fn request_device_code(&self) -> Result<DeviceAuthorization> {
        let body = json!({ "client_id": self.client_id() });
        let answer = self
            .post_json("/api/accounts/deviceauth/usercode", &body)
            .await?
            .map_err(not_available)?;
        let raw_user_code = text(&answer, "user_code")
            .or_else(|missing| text(&answer, "usercode").map_err(|_| missing))?;
        Ok(DeviceAuthorization {
            user_code: crate::text::clean_short(&raw_user_code, 40),
            verification_url: self.url().endpoint("/codex/device"),
            raw_user_code,
            device_auth_id: text(&answer, "device_auth_id")?.into(),
            interval: self.pace().read(answer.get("interval")),
            expires_in: self.pace().lifetime,
            expires_at: Instant::now() + self.pace().lifetime,
        })
    }

    /// Polls until the person has approved (RFC 8628, section 3.5).
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] after 15 minutes; whatever else the issuer answers ends it too.
    pub async fn await_device_approval(
        &self,
        authorization: &DeviceAuthorization,
    ) -> Result<DeviceGrant> {
        let mut interval = authorization.interval;
        let mut lost = 0;
        loop {
            let next = Instant::now() + interval;
            if next >= authorization.expires_at {
                tokio::time::sleep_until(authorization.expires_at).await;
                return Err(
                    Error::timeout("The device code has expired").with_hint("Ask for a new one")
                );
            }
            tokio::time::sleep_until(next).await;
            match self.poll(authorization).await {
                Ok(Poll::Approved(grant)) => return Ok(grant),
                Ok(Poll::Pending) => lost = 0,
                Ok(Poll::SlowDown) => interval += self.pace().slow_down,
                // A laptop that wakes up has no network for a moment.
                Err(error) if is_transient(&error) && lost < LOST_POLLS => lost += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn poll(&self, authorization: &DeviceAuthorization) -> Result<Poll> {
        let body = json!({
            "device_auth_id": authorization.device_auth_id.expose_secret(),
            "user_code": authorization.raw_user_code,
        });
        let answer = self
            .post_json("/api/accounts/deviceauth/token", &body)
            .await?;
        match answer {
            Ok(answer) => Ok(Poll::Approved(DeviceGrant {
                code: text(&answer, "authorization_code")?.into(),
                code_verifier: text(&answer, "code_verifier")?.into(),
                redirect_uri: self.url().endpoint("/deviceauth/callback"),
            })),
            Err(refusal) => match (refusal.status, refusal.code.as_deref()) {
                (429, _) | (_, Some("slow_down")) => Ok(Poll::SlowDown),
                (403 | 404, _) => Ok(Poll::Pending),
                (_, Some("access_denied")) => Err(refusal.into_error("The sign-in was denied")),
                _ => Err(refusal.into_error("The device code was refused")),
            },
        }
    }
}

fn not_available(refusal: Refusal) -> Error {
    if refusal.status == 404 {
        Error::denied("Device code login is not enabled for this account or issuer").with_hint(
            "Enable it in ChatGPT's security settings, or open the link and paste the address \
             you land on",
        )
    } else {
        refusal.into_error("No device code could be had")
    }
}

fn text(answer: &Value, name: &str) -> Result<String> {
    answer
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| {
            Error::issuer(format!("The issuer's answer lacks {name}"))
                .with_hint("Try again in a few minutes")
        })
}

impl Pace {
    /// The issuer's interval: seconds, as a number or as a text.
    fn read(self, value: Option<&Value>) -> Duration {
        let seconds = value.and_then(|value| match value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        });
        seconds
            .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds.min(1e6)).ok())
            .unwrap_or(self.interval)
            .clamp(self.at_least, self.at_most)
    }
}

fn is_transient(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Network | ErrorKind::Timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_from_texts_and_numbers_and_kept_sane() {
        let pace = Pace::default();
        let seconds = |value: Value| pace.read(Some(&value)).as_secs();
        assert_eq!(pace.read(None), Duration::from_secs(5));
        assert_eq!(seconds(json!("7")), 7);
        assert_eq!(seconds(json!(3)), 3);
        assert_eq!(seconds(json!(0)), 1);
        assert_eq!(seconds(json!(-4)), 5);
        assert_eq!(seconds(json!(1e9)), 60);
        assert_eq!(seconds(json!("soon")), 5);
        assert_eq!(seconds(json!(null)), 5);
    }
}
