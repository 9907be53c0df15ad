//! Signing in on another device (after RFC 8628, with the endpoints of the Codex CLI).

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::time::Instant;

use super::answer::{Refusal, lacks, required, text};
use super::clock::Clock;
use super::issuer::{CodeGrant, Issuer};
use crate::error::{Error, ErrorKind, Result};

/// The number of polls in a row that may be lost to the network.
const LOST_POLLS: u32 = 5;

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

/// A device code together with the values for polling.
#[derive(Clone, Debug)]
pub struct DeviceAuthorization {
    /// The part that the person needs.
    pub code: DeviceCode,
    raw_user_code: String,
    device_auth_id: SecretString,
    interval: Duration,
    expires_at: Instant,
    /// The same on the wall clock, which goes on while the machine sleeps.
    expires_on: DateTime<Utc>,
}

enum Poll {
    Approved(CodeGrant),
    Pending,
    SlowDown,
}

impl Issuer {
    /// Asks for a device code.
    ///
    /// # Errors
    /// "Device code login is not enabled …" when the issuer does not know the endpoint.
    pub(crate) async fn request_device_code(&self, clock: &Clock) -> Result<DeviceAuthorization> {
        let body = json!({ "client_id": self.client_id() });
        let answer = self
            .post_json(&self.product().protocol.user_code_path, &[], &body)
            .await?
            .map_err(not_available)?;
        let user_code = text(&answer, "user_code")
            .or_else(|| text(&answer, "usercode"))
            .ok_or_else(|| lacks("user_code"))?;
        let lifetime = self.pace().lifetime;
        Ok(DeviceAuthorization {
            code: DeviceCode {
                user_code: crate::text::clean_short(user_code, 40),
                verification_url: self
                    .url()
                    .endpoint(&self.product().protocol.device_page_path),
                expires_in: lifetime,
            },
            raw_user_code: user_code.to_owned(),
            device_auth_id: required(&answer, "device_auth_id")?.into(),
            interval: self.pace().read(answer.get("interval")),
            expires_at: Instant::now() + lifetime,
            expires_on: clock.now() + lifetime,
        })
    }

    /// Polls until the person has approved (RFC 8628, section 3.5).
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] after 15 minutes, asleep or awake; whatever else the issuer answers ends it too.
    pub(crate) async fn await_device_approval(
        &self,
        authorization: &DeviceAuthorization,
        clock: &Clock,
    ) -> Result<CodeGrant> {
        let mut interval = authorization.interval;
        let mut lost = 0;
        loop {
            let next = Instant::now() + interval;
            tokio::time::sleep_until(next.min(authorization.expires_at)).await;
            if next >= authorization.expires_at || clock.now() >= authorization.expires_on {
                return Err(
                    Error::timeout("The device code has expired").with_hint("Ask for a new one")
                );
            }
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
            .post_json(
                &self.product().protocol.device_token_path,
                &[&authorization.device_auth_id],
                &body,
            )
            .await?;
        match answer {
            Ok(answer) => Ok(Poll::Approved(CodeGrant {
                code: required(&answer, "authorization_code")?.into(),
                // The issuer made the PKCE pair itself.
                code_verifier: required(&answer, "code_verifier")?.into(),
                redirect_uri: self
                    .url()
                    .endpoint(&self.product().protocol.device_redirect_path),
            })),
            // A region that is refused is no pending approval, though it may be 403.
            Err(refusal) if refusal.lasting.is_some() => {
                Err(refusal.into_error("The device code was refused"))
            }
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
    if refusal.status == 404 && refusal.lasting.is_none() {
        Error::denied("Device code login is not enabled for this account or issuer").with_hint(
            "Turn device codes on in your account's security settings, or sign in with a link \
             and paste the address you land on",
        )
    } else {
        refusal.into_error("Could not get a device code")
    }
}

fn is_transient(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Network | ErrorKind::Timeout)
}
