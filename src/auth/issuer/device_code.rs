//! Signing in on another device (after RFC 8628, with the endpoints of the Codex CLI).

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Issuer;
use super::answer::{Answer, lacks, required, text};
use super::refusal::Refusal;
use super::token_endpoint::CodeGrant;
use crate::auth::file::auth_file::write_secret;
use crate::auth::system::Clock;
use crate::error::{Error, ErrorKind, Result};

/// The number of polls in a row that may fail because of the network.
const LOST_POLLS: u32 = 5;

/// The pace of polling for a device code's approval. The default follows RFC 8628.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// The time until the device code expires.
    pub lifetime: Duration,
    /// The time between two polls when the issuer names none (RFC 8628, section 3.5).
    pub interval: Duration,
    /// The shortest interval, whatever the issuer says.
    pub at_least: Duration,
    /// The longest interval, whatever the issuer says.
    pub at_most: Duration,
    /// The time added whenever the issuer asks to slow down (section 3.5).
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

impl Pace {
    /// Reads the issuer's interval: seconds, as a number or as a text.
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

/// A device code (RFC 8628, section 3.2) as the person needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceCode {
    /// The code to type in, for example `ABCD-12345`. Cleaned.
    pub user_code: String,
    /// The page to type it in.
    pub verification_url: String,
    /// The time until it expires.
    pub expires_in: Duration,
}

/// A device code together with the values for polling. Another process may continue with it, so
/// its times are on the wall clock, which also runs while the machine sleeps.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DeviceAuthorization {
    #[serde(serialize_with = "write_secret")]
    user_code: SecretString,
    #[serde(serialize_with = "write_secret")]
    device_auth_id: SecretString,
    /// The time between two polls.
    interval: Duration,
    expires_at: DateTime<Utc>,
    /// The last poll, or the request for the code.
    polled_at: DateTime<Utc>,
    /// The number of polls in a row that failed because of the network.
    #[serde(skip)]
    lost: u32,
    /// The end on the monotonic clock, which cannot be set back. Unknown in another process.
    #[serde(skip)]
    expires: Option<Instant>,
}

impl DeviceAuthorization {
    /// Returns the part that the person needs.
    pub(crate) fn code(&self, issuer: &Issuer, now: DateTime<Utc>) -> DeviceCode {
        let page = &issuer.product.protocol.device_page_path;
        DeviceCode {
            user_code: crate::text::clean_short(self.user_code.expose_secret(), 40),
            verification_url: issuer.url.endpoint(page),
            expires_in: self.expires_in(now),
        }
    }

    /// Returns the time that is left, zero once it has expired.
    pub(crate) fn expires_in(&self, now: DateTime<Utc>) -> Duration {
        let left = (self.expires_at - now).to_std().unwrap_or_default();
        let awake = self
            .expires
            .map(|end| end.saturating_duration_since(Instant::now()));
        left.min(awake.unwrap_or(left))
    }

    /// Returns the time until the next poll is due. It stays within the interval even when the
    /// clock was set back.
    pub(crate) fn next_poll_in(&self, now: DateTime<Utc>) -> Duration {
        let passed = (now - self.polled_at).to_std().unwrap_or_default();
        self.interval.saturating_sub(passed)
    }
}

impl Issuer {
    /// Asks for a device code.
    ///
    /// # Errors
    /// "Device code login is not enabled …" when the issuer does not know the endpoint.
    pub(crate) async fn request_device_code(&self, clock: &Clock) -> Result<DeviceAuthorization> {
        let body = json!({ "client_id": self.client_id });
        let path = &self.product.protocol.user_code_path;
        let answer = self.post(path, &[], |it| it.json(&body)).await?;
        let answer = answer.map_err(not_available)?;
        let user_code = text(&answer, "user_code")
            .or_else(|| text(&answer, "usercode"))
            .ok_or_else(|| lacks("user_code"))?;
        let now = clock.now();
        Ok(DeviceAuthorization {
            user_code: user_code.into(),
            device_auth_id: required(&answer, "device_auth_id")?.into(),
            interval: self.pace.read(answer.get("interval")),
            expires_at: now + self.pace.lifetime,
            polled_at: now,
            lost: 0,
            expires: Some(Instant::now() + self.pace.lifetime),
        })
    }

    /// Waits until the next poll is due, then asks once whether the person has approved (RFC 8628,
    /// section 3.5). Returns `None` if not yet.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] once the code has expired, even while the machine was asleep. Any
    /// other error ends the sign-in on the device, too.
    pub(crate) async fn poll_device_code(
        &self,
        authorization: &mut DeviceAuthorization,
        clock: &Clock,
    ) -> Result<Option<CodeGrant>> {
        let now = clock.now();
        let due_in = authorization.next_poll_in(now);
        let left = authorization.expires_in(now);
        tokio::time::sleep(due_in.min(left)).await;
        let now = clock.now();
        if due_in >= left || authorization.expires_in(now).is_zero() {
            return Err(
                Error::timeout("The device code has expired").with_hint("Ask for a new one")
            );
        }
        authorization.polled_at = now;
        let answer = match self.ask_for_approval(authorization).await {
            // A laptop has no network for a moment after it wakes up.
            Err(error)
                if matches!(error.kind(), ErrorKind::Network | ErrorKind::Timeout)
                    && authorization.lost < LOST_POLLS =>
            {
                authorization.lost += 1;
                return Ok(None);
            }
            answer => answer?,
        };
        authorization.lost = 0;
        let refusal = match answer {
            Ok(answer) => {
                return Ok(Some(CodeGrant {
                    code: required(&answer, "authorization_code")?.into(),
                    // The issuer made the PKCE pair itself.
                    code_verifier: required(&answer, "code_verifier")?.into(),
                    redirect_uri: self
                        .url
                        .endpoint(&self.product.protocol.device_redirect_path),
                }));
            }
            Err(refusal) => refusal,
        };
        match (refusal.status, refusal.code.as_deref()) {
            // A refused region may be a 403, too, but is not a pending approval.
            _ if refusal.lasting.is_some() => {
                Err(refusal.into_error("The device code was refused"))
            }
            (429, _) | (_, Some("slow_down")) => {
                authorization.interval += self.pace.slow_down;
                Ok(None)
            }
            (403 | 404, _) => Ok(None),
            (_, Some("access_denied")) => Err(refusal.into_error("The sign-in was denied")),
            _ => Err(refusal.into_error("The device code was refused")),
        }
    }

    async fn ask_for_approval(&self, authorization: &DeviceAuthorization) -> Result<Answer> {
        let body = json!({
            "device_auth_id": authorization.device_auth_id.expose_secret(),
            "user_code": authorization.user_code.expose_secret(),
        });
        let path = &self.product.protocol.device_token_path;
        let secrets = [&authorization.device_auth_id];
        self.post(path, &secrets, |it| it.json(&body)).await
    }
}

fn not_available(refusal: Refusal) -> Error {
    if refusal.status == 404 && refusal.lasting.is_none() {
        Error::denied("Device code login is not enabled for this account or issuer").with_hint(
            "Turn device codes on in your account's security settings, or sign in with a link \
             and paste the address you land on",
        )
    } else {
        refusal.into_error("Could not get a device code")
    }
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
