//! The demo account, as the issuer's tokens describe it.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::Value;

use super::CLIENT_ID;

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
    pub(super) email: String,
    pub(super) account_id: String,
    pub(super) user_id: String,
    pub(super) plan: String,
    /// Organization and project.
    pub(super) organization: Option<(String, String)>,
    pub(super) completed_platform_onboarding: bool,
    pub(super) is_org_owner: bool,
    /// Days since the subscription began.
    pub(super) subscribed_for: Option<TimeDelta>,
    pub(super) credits: Option<u64>,
    pub(super) access_token_lifetime: TimeDelta,
    pub(super) id_token_lifetime: TimeDelta,
    pub(super) clock_offset: TimeDelta,
    pub(super) code_lifetime: Duration,
    pub(super) device_code_lifetime: Duration,
    pub(super) device_interval: Value,
    pub(super) refusal: Option<(String, String)>,
    pub(super) state_suffix: String,
    pub(super) claims: Vec<ClaimEdit>,
}

/// A change to one claim.
#[derive(Clone, Debug)]
pub(super) struct ClaimEdit {
    pub(super) token: TokenKind,
    /// Under `https://api.openai.com/auth` rather than at the top.
    pub(super) in_auth: bool,
    pub(super) name: String,
    /// Null removes the claim.
    pub(super) value: Value,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            client_id: CLIENT_ID.to_owned(),
            email: "demo@example.com".to_owned(),
            account_id: "acct-demo".to_owned(),
            user_id: "user-demo".to_owned(),
            plan: "plus".to_owned(),
            organization: Some(("org-demo".to_owned(), "proj-demo".to_owned())),
            completed_platform_onboarding: true,
            is_org_owner: true,
            subscribed_for: Some(TimeDelta::days(30)),
            credits: None,
            // As the real issuer grants them: ten days, and an hour for the id token.
            access_token_lifetime: TimeDelta::days(10),
            id_token_lifetime: TimeDelta::hours(1),
            clock_offset: TimeDelta::zero(),
            // RFC 6749, section 4.1.2: ten minutes at most, and short-lived.
            code_lifetime: Duration::from_mins(1),
            device_code_lifetime: Duration::from_mins(15),
            // Text, as the real issuer sends it; short, because no other client polls here.
            device_interval: Value::from("1"),
            refusal: None,
            state_suffix: String::new(),
            claims: Vec::new(),
        }
    }
}

/// Each of these changes one thing and returns the profile.
impl Profile {
    /// Sets the one client that is registered here.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// Sets the e-mail address in the id token.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = email.into();
        self
    }

    /// Sets `chatgpt_account_id`, the workspace.
    pub fn account_id(mut self, account_id: impl Into<String>) -> Self {
        self.account_id = account_id.into();
        self
    }

    /// Sets `chatgpt_plan_type`.
    pub fn plan(mut self, plan: impl Into<String>) -> Self {
        self.plan = plan.into();
        self
    }

    /// Sets `organization_id` and `project_id`.
    pub fn organization(mut self, id: impl Into<String>, project: impl Into<String>) -> Self {
        self.organization = Some((id.into(), project.into()));
        self
    }

    /// Removes organization and project, so no API key can be made.
    pub fn without_organization(mut self) -> Self {
        self.organization = None;
        self
    }

    /// Makes the person an owner whose organization still needs a payment method.
    pub fn needs_setup(self) -> Self {
        self.setup(false, true)
    }

    /// Sets `completed_platform_onboarding` and `is_org_owner`.
    #[doc(hidden)]
    pub fn setup(mut self, completed: bool, owner: bool) -> Self {
        self.completed_platform_onboarding = completed;
        self.is_org_owner = owner;
        self
    }

    /// Sets the time since the subscription began; `None` leaves the claim out.
    pub fn subscribed_for(mut self, time: impl Into<Option<TimeDelta>>) -> Self {
        self.subscribed_for = time.into();
        self
    }

    /// Sets the credits that redeeming grants, instead of the plan's own number.
    pub fn credits(mut self, credits: u64) -> Self {
        self.credits = Some(credits);
        self
    }

    /// Sets the lifetime of access tokens; negative for tokens that have already expired.
    pub fn access_token_lifetime(mut self, lifetime: TimeDelta) -> Self {
        self.access_token_lifetime = lifetime;
        self
    }

    /// Sets the lifetime of id tokens; negative for tokens that have already expired.
    pub fn id_token_lifetime(mut self, lifetime: TimeDelta) -> Self {
        self.id_token_lifetime = lifetime;
        self
    }

    /// Sets how far the issuer's clock, as its tokens show it, is ahead of this machine's.
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
    pub fn claim(self, token: TokenKind, name: &str, value: impl Into<Value>) -> Self {
        self.claim_edit(token, false, name, value.into())
    }

    /// Sets a claim under `https://api.openai.com/auth` of one token; null removes it.
    #[doc(hidden)]
    pub fn auth_claim(self, token: TokenKind, name: &str, value: impl Into<Value>) -> Self {
        self.claim_edit(token, true, name, value.into())
    }

    fn claim_edit(mut self, token: TokenKind, in_auth: bool, name: &str, value: Value) -> Self {
        self.claims.push(ClaimEdit {
            token,
            in_auth,
            name: name.to_owned(),
            value,
        });
        self
    }
}
