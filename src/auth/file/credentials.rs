//! One set of credentials in memory, and the choice between those in a file.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::account::{Account, Mode, Plan};
use super::auth_file::{AuthFile, Tokens, same};
use super::claims::Claims;
use super::owner::user_of;
use crate::error::{Error, Result};

/// The margin before an access token expires: the request it is for takes time.
const REFRESH_BEFORE: TimeDelta = TimeDelta::minutes(5);

/// The age at which the Codex CLI renews refresh tokens, which expire when unused.
const REFRESH_AFTER: TimeDelta = TimeDelta::days(28);

/// The lifetime of a new access token that does not state one, when the local clock and the
/// token disagree.
const ASSUMED_LIFETIME: Duration = Duration::from_hours(1);

/// One set of credentials; a refresh makes another one.
#[derive(Clone)]
pub struct Credentials {
    pub mode: Mode,
    pub account: Account,
    /// The file as it was last read or written.
    pub file: AuthFile,
    /// The end of a token that just came from the issuer and yet looks expired by the local
    /// clock, which is wrong.
    fresh_until: Option<Instant>,
    /// The spent refresh token that is still in the file, because these tokens could not be
    /// saved.
    pub unsaved_over: Option<SecretString>,
}

impl Credentials {
    /// Creates the credentials of the environment's key.
    pub fn api_key(key: SecretString) -> Self {
        Self::new(Mode::ApiKey, AuthFile::with_api_key(key))
    }

    /// Chooses the credentials that count in `file`, which is in `place` (spec, section 4).
    pub fn from_file(file: AuthFile, preference: Option<&Mode>, place: &str) -> Result<Self> {
        let mode = mode_of(&file, preference).map_err(|missing| {
            Error::not_signed_in(format!("Not logged in: {place} {missing}"))
                .with_hint("Sign in again")
        })?;
        Ok(Self::new(mode, file))
    }

    fn new(mode: Mode, file: AuthFile) -> Self {
        let account = match (&mode, &file.tokens) {
            (Mode::ChatGpt | Mode::Other(_), Some(tokens)) => Account {
                mode: mode.clone(),
                ..tokens.account()
            },
            _ => Account::unknown(mode.clone()),
        };
        Self {
            mode,
            account,
            file,
            fresh_until: None,
            unsaved_over: None,
        }
    }

    /// Replaces the tokens that `new` has, and keeps the others.
    pub fn replace_tokens(&mut self, new: Tokens) {
        let mut file = std::mem::take(&mut self.file);
        file.tokens.get_or_insert_default().replace_with(new);
        *self = Self {
            unsaved_over: self.unsaved_over.take(),
            ..Self::new(self.mode.clone(), file)
        };
    }

    /// Marks the tokens as just received from the issuer: fresh, whatever the local clock
    /// says.
    #[must_use]
    pub fn just_received(mut self, now: DateTime<Utc>) -> Self {
        self.received_at(now, now);
        self
    }

    /// Marks the tokens as received from the issuer at a time of the local clock: fresh for their
    /// lifetime, although that clock may say that they ended before.
    pub fn received_at(&mut self, at: DateTime<Utc>, now: DateTime<Utc>) {
        let left = (now - at).to_std().ok();
        let left = left.and_then(|age| self.lifetime().checked_sub(age));
        if let Some(left) = left
            && self.is_due(now)
        {
            self.fresh_until = Some(Instant::now() + left);
        }
    }

    /// Returns whether the tokens are fresh although the local clock says otherwise.
    pub fn outlasts_the_clock(&self) -> bool {
        self.fresh_until.is_some()
    }

    /// Returns the token's lifetime by its own claims, without the local clock.
    fn lifetime(&self) -> Duration {
        let claims = self.claims();
        let (issued, expires) = (claims.issued_at(), claims.expires_at());
        let lifetime = issued.zip(expires).map(|(from, until)| until - from);
        match lifetime.and_then(|lifetime| lifetime.to_std().ok()) {
            // The margin is for long-lived tokens; a short one is used for half its life.
            Some(lifetime) => lifetime
                .saturating_sub(Duration::from_mins(5))
                .max(lifetime / 2),
            None => ASSUMED_LIFETIME,
        }
    }

    /// Returns whether a refresh is due.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        let is_old = |at: DateTime<Utc>| now - at > REFRESH_AFTER;
        self.access_token().is_none()
            || self.ends_within(REFRESH_BEFORE, now)
            || (self.fresh_until.is_none() && self.last_refresh().is_none_or(is_old))
    }

    /// Returns whether the access token ends within `margin`.
    pub fn ends_within(&self, margin: TimeDelta, now: DateTime<Utc>) -> bool {
        match self.fresh_until {
            Some(fresh_until) => Instant::now() >= fresh_until,
            None => self.expires_at().is_some_and(|at| at - now <= margin),
        }
    }

    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self.mode {
            Mode::ChatGpt => self.claims().expires_at(),
            _ => None,
        }
    }

    pub fn last_refresh(&self) -> Option<DateTime<Utc>> {
        match self.mode {
            Mode::ChatGpt | Mode::Other(_) => self.file.last_refresh,
            _ => None,
        }
    }

    pub fn access_token(&self) -> Option<&SecretString> {
        self.file.tokens.as_ref()?.access_token.as_ref()
    }

    pub fn refresh_token(&self) -> Option<&SecretString> {
        self.file.tokens.as_ref()?.refresh_token.as_ref()
    }

    /// Returns the bearer, due or not.
    pub fn bearer(&self) -> Result<SecretString> {
        let secret = match &self.mode {
            Mode::ApiKey => self.file.api_key(),
            Mode::ChatGpt => self.access_token(),
            Mode::PersonalAccessToken => self.file.personal_access_token.as_ref(),
            other => {
                let name = crate::text::clean_short(other.as_str(), 40);
                let message = format!("Signed in by \"{name}\", a mode that gives no token here");
                return Err(Error::not_signed_in(message)
                    .with_hint("Use the program that signed in, or sign in again"));
            }
        };
        let secret = secret
            .cloned()
            .ok_or_else(|| Error::expired("There is no access token, sign in again"))?;
        // It is used in headers and scripts (RFC 6750, section 2.1).
        if secret
            .expose_secret()
            .bytes()
            .all(|byte| byte.is_ascii_graphic())
        {
            return Ok(secret);
        }
        let message = "The stored secret contains invalid characters, sign in again";
        Err(Error::storage(message))
    }

    /// Returns whether both belong to the same person in the same workspace.
    pub fn same_account(&self, other: &Self) -> bool {
        self.mode == other.mode
            && self.same_workspace(other)
            // Many may share a workspace.
            && match (self.user(), other.user()) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => true,
            }
    }

    /// Returns whether the person switched to another workspace in Codex, which writes its id
    /// beside an id token that names the one of the sign-in.
    pub fn workspace_was_switched(&self) -> bool {
        let tokens = self.file.tokens.as_ref();
        tokens.is_some_and(|tokens| {
            let signed_in_to = tokens.identity().account_id;
            let used = tokens.account_id();
            used.is_some() && signed_in_to.is_some() && used != signed_in_to.as_deref()
        })
    }

    /// Compares the workspaces that are used, else those of the sign-in: a person may switch from
    /// one to another in Codex, with the same grant.
    fn same_workspace(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.account, &other.account);
        let signed_in_to = |it: &Self| it.file.tokens.as_ref()?.identity().account_id;
        match (&ours.account_id, &theirs.account_id) {
            // Without an id only the address tells.
            (None, None) => ours.email == theirs.email,
            (used, other_used) if used == other_used => true,
            _ => {
                let signed_in = signed_in_to(self);
                signed_in.is_some() && signed_in == signed_in_to(other)
            }
        }
    }

    fn user(&self) -> Option<String> {
        self.file.tokens.as_ref().and_then(user_of)
    }

    pub fn same_secret(&self, other: &Self) -> bool {
        let secrets = |credentials: &Self| match credentials.mode {
            Mode::ApiKey => [credentials.file.api_key().cloned(), None],
            Mode::PersonalAccessToken => [credentials.file.personal_access_token.clone(), None],
            _ => [
                credentials.access_token().cloned(),
                credentials.refresh_token().cloned(),
            ],
        };
        secrets(self)
            .iter()
            .zip(&secrets(other))
            .all(|(ours, theirs)| same(ours.as_ref(), theirs.as_ref()))
    }

    pub fn claims(&self) -> Claims {
        Claims::of(self.access_token())
    }
}

/// Returns the mode that the Codex CLI reads from the same file: without a name a key comes before
/// tokens, whatever the plan.
pub fn codex_mode(file: &AuthFile) -> Mode {
    let named = file.named_mode().or_else(|| file.implied_mode());
    named.unwrap_or_else(|| match file.api_key() {
        Some(_) => Mode::ApiKey,
        None => Mode::ChatGpt,
    })
}

/// Returns the mode that counts, or what is missing for it.
fn mode_of(file: &AuthFile, preference: Option<&Mode>) -> Result<Mode, &'static str> {
    let has_key = file.api_key().is_some();
    let has_tokens = file.tokens.as_ref().is_some_and(Tokens::hold_a_secret);
    let named = file.named_mode().or_else(|| file.implied_mode());
    let mode = match (named, preference) {
        (
            None | Some(Mode::ChatGpt | Mode::ApiKey),
            Some(wanted @ (Mode::ChatGpt | Mode::ApiKey)),
        ) if has_key && has_tokens => wanted.clone(),
        (Some(named), _) => named,
        (None, _) if has_tokens && !(has_key && is_metered(file)) => Mode::ChatGpt,
        (None, _) if has_key => Mode::ApiKey,
        (None, _) => return Err("holds neither tokens nor an API key"),
    };
    match mode {
        Mode::ChatGpt if !has_tokens => Err("is for an account, but holds no tokens"),
        Mode::ApiKey if !has_key => Err("says API key, but holds none"),
        Mode::PersonalAccessToken if file.personal_access_token.is_none() => {
            Err("says personal access token, but holds none")
        }
        mode => Ok(mode),
    }
}

/// Returns whether an organization is billed for usage: the key then takes precedence.
fn is_metered(file: &AuthFile) -> bool {
    let plan = file
        .tokens
        .as_ref()
        .and_then(|tokens| tokens.identity().plan);
    plan.as_ref().is_some_and(Plan::is_metered)
}
