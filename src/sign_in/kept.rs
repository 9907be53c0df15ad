//! The secrets of one attempt, of its link and its device code, with which another process can
//! resume it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::callback::OAuthState;
use super::options::SignInOptions;
use crate::auth::{
    AuthorizeRequest, CodeGrant, DeviceAuthorization, DeviceCode, Issuer, Pkce, random_base64url,
    redirect_uri, write_secret,
};
use crate::error::{Error, Result};
use crate::text::clean_short;

/// The longest lifetime of a kept sign-in.
const LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// The values with which this process or another one can resume a sign-in: see
/// [`SignIn::kept`](super::SignIn::kept) and [`SignIn::resume`](super::SignIn::resume). They are
/// secret: store them where only their owner can read them, and remove them when the sign-in ends.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Kept {
    /// The issuer, the only one that redeems the code.
    pub issuer: String,
    /// The client id of the link.
    pub client_id: String,
    /// The account ids that may sign in; empty for any.
    pub workspaces: Vec<String>,
    /// Set to exchange the id token for an API key afterwards.
    pub exchange_api_key: bool,
    /// Set to redeem credits afterwards.
    pub redeem_credits: bool,
    /// The time at which it began.
    pub began_at: DateTime<Utc>,
    redirect_uri: String,
    pub(super) state: OAuthState,
    #[serde(serialize_with = "write_secret")]
    code_verifier: SecretString,
    pub(super) device: Option<DeviceAuthorization>,
}

impl Kept {
    /// Begins an attempt with new secrets. `port` is `None` without a callback server.
    pub(super) fn new(options: &SignInOptions, port: Option<u16>) -> Result<Self> {
        Ok(Self {
            issuer: options.issuer.url().to_string(),
            client_id: options.issuer.client_id().to_owned(),
            workspaces: options.workspaces.clone(),
            exchange_api_key: options.exchange_api_key,
            redeem_credits: options.redeem_credits,
            began_at: options.clock.now(),
            redirect_uri: redirect_uri(port.unwrap_or(options.port.without_server())),
            state: OAuthState::new(random_base64url::<32>()?),
            code_verifier: Pkce::generate()?.code_verifier,
            device: None,
        })
    }

    /// Returns the link that the person opens.
    pub(super) fn authorization_url(&self, issuer: &Issuer) -> Result<String> {
        let pkce = Pkce::from_verifier(self.code_verifier.clone());
        let request = AuthorizeRequest {
            issuer,
            redirect_uri: &self.redirect_uri,
            code_challenge: &pkce.code_challenge,
            state: self.state.as_str(),
            workspaces: &self.workspaces,
        };
        Ok(request.url()?.to_string())
    }

    /// Combines an authorization code with the values that redeem it.
    pub(super) fn grant(&self, code: SecretString) -> CodeGrant {
        CodeGrant {
            code,
            redirect_uri: self.redirect_uri.clone(),
            code_verifier: self.code_verifier.clone(),
        }
    }

    /// Returns whether both are the same sign-in.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.state.matches(other.state.as_str())
    }

    /// Returns the device code, with the time that is left to enter it.
    pub fn device_code(&self, issuer: &Issuer, now: DateTime<Utc>) -> Option<DeviceCode> {
        Some(self.device.as_ref()?.code(issuer, now))
    }

    /// Returns whether it has a device code that is neither spent nor refused.
    pub fn has_device_code(&self) -> bool {
        self.device.is_some()
    }

    /// Returns the time until the issuer may be asked again.
    pub fn next_poll_in(&self, now: DateTime<Utc>) -> Option<Duration> {
        Some(self.device.as_ref()?.next_poll_in(now))
    }

    /// Returns the time that is left to approve it.
    pub fn expires_in(&self, now: DateTime<Utc>) -> Duration {
        let left = (self.began_at + LIFETIME - now).min(LIFETIME);
        let left = left.to_std().unwrap_or_default();
        let of_code = self.device.as_ref().map(|device| device.expires_in(now));
        of_code.map_or(left, |of_code| of_code.min(left))
    }

    /// Returns whether the sign-in began more than 15 minutes ago, or, because the clock was set
    /// back, as far in the future.
    pub fn has_expired(&self, now: DateTime<Utc>) -> bool {
        (now - self.began_at).abs() >= LIFETIME
    }

    /// Checks that the sign-in began with this issuer and client id, because no other can redeem
    /// the code.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage), with the issuer and client it began with.
    pub fn check(&self, issuer: &Issuer) -> Result<()> {
        if self.issuer == issuer.url().to_string() && self.client_id == issuer.client_id() {
            return Ok(());
        }
        let message = format!(
            "The sign-in was begun with another issuer or client: {}, {}",
            clean_short(&self.issuer, 80),
            clean_short(&self.client_id, 60)
        );
        Err(Error::usage(message).with_hint("Use the same, or begin a new sign-in"))
    }
}
