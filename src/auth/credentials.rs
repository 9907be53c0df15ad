//! One set of credentials in memory, and the choice between those in a file.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::store::{Source, Store};
use crate::auth::file::account::{Account, Mode, Plan};
use crate::auth::file::auth_file::{AuthFile, Tokens, same};
use crate::auth::file::claims::Claims;
use crate::auth::file::owner::Owner;
use crate::error::{Error, Result};

/// The time before its expiry at which an access token is renewed, because the request that uses it
/// takes time.
const REFRESH_BEFORE: TimeDelta = TimeDelta::minutes(5);

/// The age at which the Codex CLI renews refresh tokens, which expire when unused.
const REFRESH_AFTER: TimeDelta = TimeDelta::days(28);

/// The lifetime of a new access token that does not state one, when the local clock and the
/// token disagree.
const ASSUMED_LIFETIME: Duration = Duration::from_hours(1);

/// One set of credentials; a refresh makes another one.
#[derive(Clone)]
pub struct Credentials {
    /// Where they come from.
    pub source: Source,
    pub account: Account,
    /// The file as it was last read or written.
    pub file: AuthFile,
    /// The expiry of a token that has just arrived but looks expired because the local clock is
    /// wrong.
    fresh_until: Option<Instant>,
    /// The spent refresh token that is still in the file because these tokens could not be
    /// saved.
    pub unsaved_over: Option<SecretString>,
}

impl Credentials {
    /// Creates the credentials of the environment's key.
    pub fn of_environment(key: SecretString) -> Self {
        let file = AuthFile::with_api_key(key);
        Self::new(Source::Environment, Mode::ApiKey, file)
    }

    /// Chooses the credentials that count in a file of this store (spec, section 4).
    pub fn choose(
        file: AuthFile,
        preference: Option<&Mode>,
        store: &Store,
        source: Source,
    ) -> Result<Self> {
        let mode = mode_of(&file, preference).map_err(|missing| {
            let place = store.describe(source);
            Error::not_signed_in(format!("Not logged in: {place} {missing}"))
                .with_hint("Sign in again")
        })?;
        Ok(Self::new(source, mode, file))
    }

    fn new(source: Source, mode: Mode, file: AuthFile) -> Self {
        let account = match (&mode, &file.tokens) {
            (Mode::ChatGpt | Mode::Other(_), Some(tokens)) => Account {
                mode,
                ..tokens.account()
            },
            _ => Account::unknown(mode),
        };
        Self {
            source,
            account,
            file,
            fresh_until: None,
            unsaved_over: None,
        }
    }

    /// Replaces the tokens that `new` has, and keeps the others.
    pub fn replace_tokens(&mut self, new: Tokens) {
        self.file.tokens.get_or_insert_default().replace_with(new);
        let (mode, file) = (self.account.mode.clone(), std::mem::take(&mut self.file));
        *self = Self {
            unsaved_over: self.unsaved_over.take(),
            ..Self::new(self.source, mode, file)
        };
    }

    /// Notes when the issuer sent the tokens, by the local clock. They are fresh for their
    /// lifetime from then on, even if that clock says that they have expired.
    pub fn received_at(&mut self, at: DateTime<Utc>, now: DateTime<Utc>) {
        let age = (now - at).to_std().ok();
        let left = age.and_then(|age| self.lifetime().checked_sub(age));
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
        match self.account.mode {
            Mode::ChatGpt => self.claims().expires_at(),
            _ => None,
        }
    }

    pub fn last_refresh(&self) -> Option<DateTime<Utc>> {
        match self.account.mode {
            Mode::ChatGpt | Mode::Other(_) => self.file.last_refresh,
            _ => None,
        }
    }

    pub fn claims(&self) -> Claims {
        Claims::of(self.access_token())
    }

    pub fn access_token(&self) -> Option<&SecretString> {
        self.file.tokens.as_ref()?.access_token.as_ref()
    }

    pub fn refresh_token(&self) -> Option<&SecretString> {
        self.file.tokens.as_ref()?.refresh_token.as_ref()
    }

    /// Returns the bearer, even if it is due.
    pub fn bearer(&self) -> Result<SecretString> {
        if let Mode::Other(name) = &self.account.mode {
            let name = crate::text::clean_short(name, 40);
            let message = format!("Signed in by \"{name}\", a mode that gives no token here");
            return Err(Error::not_signed_in(message)
                .with_hint("Use the program that signed in, or sign in again"));
        }
        let [bearer, _] = self.secrets();
        let bearer =
            bearer.ok_or_else(|| Error::expired("There is no access token, sign in again"))?;
        // The bearer goes into headers and scripts (RFC 6750, section 2.1).
        let mut bytes = bearer.expose_secret().bytes();
        if bytes.all(|byte| byte.is_ascii_graphic()) {
            return Ok(bearer.clone());
        }
        let message = "The stored secret contains invalid characters, sign in again";
        Err(Error::storage(message))
    }

    /// Returns the secrets that count, the bearer first.
    fn secrets(&self) -> [Option<&SecretString>; 2] {
        match self.account.mode {
            Mode::ApiKey => [self.file.api_key.as_ref(), None],
            Mode::PersonalAccessToken => [self.file.personal_access_token.as_ref(), None],
            Mode::ChatGpt | Mode::Other(_) => [self.access_token(), self.refresh_token()],
        }
    }

    pub fn same_secret(&self, other: &Self) -> bool {
        let [bearer, refresh_token] = self.secrets();
        let [other_bearer, other_refresh_token] = other.secrets();
        same(bearer, other_bearer) && same(refresh_token, other_refresh_token)
    }

    /// Returns the owner, by which several files of one account are recognized.
    pub fn owner(&self) -> Owner {
        Owner::of(&self.account.mode, &self.file)
    }

    /// Returns whether both belong to the same person in the same workspace.
    pub fn same_account(&self, other: &Self) -> bool {
        let user = |it: &Self| it.file.tokens.as_ref().and_then(Tokens::user_id);
        self.account.mode == other.account.mode
            && self.same_workspace(other)
            // Many people may share a workspace.
            && match (user(self), user(other)) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => true,
            }
    }

    /// Compares the workspaces in use, else those of the sign-in: a person may switch from one to
    /// another in Codex, with the same grant.
    fn same_workspace(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.account, &other.account);
        if ours.account_id.is_none() && theirs.account_id.is_none() {
            // Without a workspace id, only the address can distinguish them.
            return ours.email == theirs.email;
        }
        let signed_in_to = self.signed_in_to();
        ours.account_id == theirs.account_id
            || (signed_in_to.is_some() && signed_in_to == other.signed_in_to())
    }

    /// Returns whether the person switched to another workspace in Codex, which writes its id
    /// beside an id token that names the one of the sign-in.
    pub fn workspace_was_switched(&self) -> bool {
        let signed_in_to = self.signed_in_to();
        signed_in_to.is_some() && signed_in_to != self.account.account_id
    }

    fn signed_in_to(&self) -> Option<String> {
        self.file.tokens.as_ref()?.signed_in_to()
    }
}

/// Returns the mode that counts, or the error for a missing secret.
fn mode_of(file: &AuthFile, preference: Option<&Mode>) -> Result<Mode, &'static str> {
    let has_key = file.api_key.is_some();
    let has_tokens = file.tokens.as_ref().is_some_and(Tokens::hold_a_secret);
    let mode = match (file.named_mode(), preference) {
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
    let plan = file.tokens.as_ref().and_then(|it| it.account().plan);
    plan.as_ref().is_some_and(Plan::is_metered)
}
