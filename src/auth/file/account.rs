//! The account that is signed in, without its secrets.

use std::fmt;

use crate::error::{Error, Result};

/// The `auth_mode` of tokens that are renewed elsewhere: by a host of the Codex CLI, or a lender.
pub(in crate::auth) const LENT_MODE: &str = "chatgptAuthTokens";

/// The kind of credentials: `auth_mode` in `auth.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// With a ChatGPT account: OAuth tokens.
    ChatGpt,
    /// With an API key.
    ApiKey,
    /// With a personal access token, which is its own bearer and never refreshed.
    PersonalAccessToken,
    /// A mode that only the Codex CLI can use, by its name.
    Other(String),
}

impl Mode {
    /// Returns the name used in `auth.json` and in JSON output.
    pub fn as_str(&self) -> &str {
        match self {
            Self::ChatGpt => "chatgpt",
            Self::ApiKey => "apikey",
            Self::PersonalAccessToken => "personalAccessToken",
            Self::Other(name) => name,
        }
    }

    /// Returns the Codex CLI's name for the mode. The name of an unknown mode is not cleaned.
    pub fn words(&self) -> &str {
        match self {
            Self::ChatGpt => "ChatGPT",
            Self::ApiKey => "an API key",
            Self::PersonalAccessToken => "personal access token",
            Self::Other(name) => match name.as_str() {
                "agentIdentity" => "access token",
                "bedrockApiKey" => "Amazon Bedrock API key",
                "bedrockAccessKeys" => "Amazon Bedrock AWS access keys",
                unknown => unknown,
            },
        }
    }
}

impl From<&str> for Mode {
    fn from(name: &str) -> Self {
        match name {
            "chatgpt" | LENT_MODE => Self::ChatGpt,
            "apikey" => Self::ApiKey,
            "personalAccessToken" => Self::PersonalAccessToken,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// A subscription plan, kept exactly as the issuer names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan(String);

impl Plan {
    /// Takes the issuer's word for the plan, for example `plus`.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the issuer's name for it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether an API organization is billed for usage, so that a stored API key
    /// comes first (spec, section 4).
    pub fn is_metered(&self) -> bool {
        matches!(self.0.as_str(), "business" | "enterprise" | "edu")
    }
}

impl fmt::Display for Plan {
    /// Writes the plan for a person, such as `Plus`; unknown names stay as they came.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            "free" => f.write_str("Free"),
            "plus" => f.write_str("Plus"),
            "pro" => f.write_str("Pro"),
            "team" => f.write_str("Team"),
            "business" => f.write_str("Business"),
            "enterprise" => f.write_str("Enterprise"),
            "edu" => f.write_str("Edu"),
            other => f.write_str(other),
        }
    }
}

/// The account that is signed in. Contains no secret. Text comes from the issuer and must be
/// cleaned with [`crate::text::clean`] before it is shown on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The kind of credentials.
    pub mode: Mode,
    /// The e-mail address in the id token.
    pub email: Option<String>,
    /// The ChatGPT plan.
    pub plan: Option<Plan>,
    /// `chatgpt_account_id`: the workspace.
    pub account_id: Option<String>,
    /// Set if the API organization still has to be set up (a payment method is missing).
    pub needs_setup: bool,
}

impl Account {
    /// Returns the account of an API key, which names no person.
    pub fn api_key() -> Self {
        Self::unknown(Mode::ApiKey)
    }

    /// Returns an account of which only the mode is known.
    pub fn unknown(mode: Mode) -> Self {
        Self {
            mode,
            email: None,
            plan: None,
            account_id: None,
            needs_setup: false,
        }
    }
}

/// A secret that has been saved.
#[derive(Debug)]
#[non_exhaustive]
pub struct Saved {
    /// The account that is signed in now.
    pub account: Account,
    /// A problem that did not prevent it.
    pub warning: Option<String>,
}

/// Checks that `account_id` is one of `workspaces`; none means any.
///
/// # Errors
/// [`ErrorKind::Denied`](crate::ErrorKind::Denied) with both.
pub(crate) fn check_workspace(account_id: Option<&str>, workspaces: &[String]) -> Result<()> {
    let is_allowed = |id: &str| workspaces.iter().any(|workspace| workspace == id);
    if workspaces.is_empty() || account_id.is_some_and(is_allowed) {
        return Ok(());
    }
    let who = account_id.unwrap_or("unknown");
    Err(Error::denied(format!(
        "The account belongs to workspace {}, but sign-in is restricted to {}",
        crate::text::clean_short(who, 60),
        workspaces.join(", ")
    )))
}
