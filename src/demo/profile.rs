//! The demo account, as the issuer's tokens describe it.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::CLIENT_ID;
use crate::product::codex::AUTH_CLAIM;

/// A token that carries claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenKind {
    /// The id token.
    Id,
    /// The access token.
    Access,
}

/// The account that signs in at the issuer, and how the issuer treats it.
///
/// The default is a Plus subscriber whose organization is set up.
#[derive(Clone, Debug)]
#[must_use]
pub struct Profile {
    pub(super) client_id: String,
    /// The claims of each [`TokenKind`], without those that differ from token to token. A null
    /// leaves its claim out.
    pub(super) claims: [Value; 2],
    /// The lifetime of each [`TokenKind`].
    pub(super) lifetimes: [TimeDelta; 2],
    pub(super) clock_offset: TimeDelta,
    pub(super) code_lifetime: Duration,
    pub(super) device_code_lifetime: Duration,
    pub(super) device_interval: Value,
    pub(super) refusal: Option<(String, String)>,
    pub(super) state_suffix: String,
}

impl Default for Profile {
    fn default() -> Self {
        let id_claims = json!({
            "sub": "user-demo",
            "email_verified": true,
            AUTH_CLAIM: {
                "chatgpt_user_id": "user-demo",
                "user_id": "user-demo",
                "organization_id": "org-demo",
                "project_id": "proj-demo",
                "completed_platform_onboarding": true,
                "is_org_owner": true,
            },
        });
        let access_claims = json!({
            "sub": "user-demo",
            "aud": ["https://api.openai.com/v1"],
            AUTH_CLAIM: {"chatgpt_user_id": "user-demo", "user_id": "user-demo"},
        });
        let profile = Self {
            client_id: String::new(),
            claims: [id_claims, access_claims],
            // The real issuer's lifetimes: an hour for the id token, and ten days for the access
            // token.
            lifetimes: [TimeDelta::hours(1), TimeDelta::days(10)],
            clock_offset: TimeDelta::zero(),
            // RFC 6749, section 4.1.2: ten minutes at most, and short-lived.
            code_lifetime: Duration::from_mins(1),
            device_code_lifetime: Duration::from_mins(15),
            // A text, as the real issuer sends it, and short, because no other client polls here.
            device_interval: Value::from("1"),
            refusal: None,
            state_suffix: String::new(),
        };
        profile
            .client_id(CLIENT_ID)
            .email("demo@example.com")
            .account_id("acct-demo")
            .plan("plus")
            .subscribed_for(TimeDelta::days(30))
    }
}

/// Setters, each of which changes one thing and returns the profile.
impl Profile {
    /// Sets the one client that is registered here.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        let client_id = self.client_id.clone();
        self.claim(TokenKind::Id, "aud", json!([client_id])).claim(
            TokenKind::Access,
            "client_id",
            client_id,
        )
    }

    /// Sets the e-mail address in the id token.
    pub fn email(self, email: impl Into<String>) -> Self {
        self.claim(TokenKind::Id, "email", email.into())
    }

    /// Sets `chatgpt_account_id`, the workspace.
    pub fn account_id(self, account_id: impl Into<String>) -> Self {
        self.auth_claims("chatgpt_account_id", account_id.into())
    }

    /// Sets `chatgpt_plan_type`.
    pub fn plan(self, plan: impl Into<String>) -> Self {
        self.auth_claims("chatgpt_plan_type", plan.into())
    }

    /// Removes organization and project, so no API key can be made.
    pub fn without_organization(self) -> Self {
        self.auth_claim(TokenKind::Id, "organization_id", Value::Null)
            .auth_claim(TokenKind::Id, "project_id", Value::Null)
    }

    /// Makes the person an owner whose organization still needs a payment method.
    pub fn needs_setup(self) -> Self {
        self.auth_claim(TokenKind::Id, "completed_platform_onboarding", false)
    }

    /// Sets the time since the subscription began; `None` leaves the claim out.
    pub fn subscribed_for(self, time: impl Into<Option<TimeDelta>>) -> Self {
        let start = time.into().map(|time| (Utc::now() - time).to_rfc3339());
        self.auth_claim(TokenKind::Id, "chatgpt_subscription_active_start", start)
    }

    /// Sets the lifetime of access tokens; negative for tokens that have already expired.
    pub fn access_token_lifetime(mut self, lifetime: TimeDelta) -> Self {
        self.lifetimes[TokenKind::Access as usize] = lifetime;
        self
    }

    /// Sets the lifetime of id tokens; negative for tokens that have already expired.
    pub fn id_token_lifetime(mut self, lifetime: TimeDelta) -> Self {
        self.lifetimes[TokenKind::Id as usize] = lifetime;
        self
    }

    /// Sets how far the clock in the issuer's tokens is ahead of this machine's.
    #[doc(hidden)]
    pub fn clock_offset(mut self, offset: TimeDelta) -> Self {
        self.clock_offset = offset;
        self
    }

    /// Sets the lifetime of authorization codes; zero for codes that have already expired.
    pub fn code_lifetime(mut self, lifetime: Duration) -> Self {
        self.code_lifetime = lifetime;
        self
    }

    /// Sets the lifetime of device codes; zero for codes that have already expired.
    pub fn device_code_lifetime(mut self, lifetime: Duration) -> Self {
        self.device_code_lifetime = lifetime;
        self
    }

    /// Sets the polling interval in the device answer, in any JSON type; null leaves it out.
    pub fn device_interval(mut self, interval: impl Into<Value>) -> Self {
        self.device_interval = interval.into();
        self
    }

    /// Refuses every authorization with this error and description, without asking the person.
    #[doc(hidden)]
    pub fn refusal(mut self, error: impl Into<String>, description: impl Into<String>) -> Self {
        self.refusal = Some((error.into(), description.into()));
        self
    }

    /// Sets a suffix to the returned state, which the real issuer adds for some entry points.
    #[doc(hidden)]
    pub fn state_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.state_suffix = suffix.into();
        self
    }

    /// Sets a top-level claim of one token (`exp`, `iss`, `aud`, …); null removes it.
    #[doc(hidden)]
    pub fn claim(mut self, token: TokenKind, name: &str, value: impl Into<Value>) -> Self {
        self.claims[token as usize][name] = value.into();
        self
    }

    /// Sets a claim under `https://api.openai.com/auth` of one token; null removes it.
    #[doc(hidden)]
    pub fn auth_claim(mut self, token: TokenKind, name: &str, value: impl Into<Value>) -> Self {
        self.claims[token as usize][AUTH_CLAIM][name] = value.into();
        self
    }

    fn auth_claims(self, name: &str, value: String) -> Self {
        self.auth_claim(TokenKind::Id, name, value.clone())
            .auth_claim(TokenKind::Access, name, value)
    }

    /// Returns the e-mail address.
    pub(super) fn email_address(&self) -> &str {
        self.claims[0]["email"].as_str().unwrap_or_default()
    }

    /// Returns a text among the issuer's own claims in the id token.
    pub(super) fn auth_text(&self, name: &str) -> &str {
        self.claims[0][AUTH_CLAIM][name]
            .as_str()
            .unwrap_or_default()
    }
}
