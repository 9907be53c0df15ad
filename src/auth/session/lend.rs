//! Lends the part of a session that cannot renew it, to a container, a CI job or another machine.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::Session;
use crate::auth::file::account::{Account, LENT_MODE, Mode};
use crate::auth::file::auth_file::{AuthFile, Tokens, same};
use crate::error::{Error, ErrorKind, Result};

/// The time after a renewal in which a session is not renewed again: its tokens already last as
/// long as the issuer allows.
const JUST_RENEWED: TimeDelta = TimeDelta::minutes(1);

/// The remaining time at which a lent file that is kept alive is renewed.
const RENEW_BEFORE: TimeDelta = TimeDelta::minutes(10);

const RENEW_IT_THERE: &str = "lend it again where it was signed in";

/// An access token for another machine, in the form of an `auth.json` that the Codex CLI takes.
/// It holds no refresh token, so its holder can use the session until it expires, and cannot
/// end it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lent {
    /// The account that it acts as.
    pub account: Account,
    /// The end of the access token; `None` when the token does not say it.
    pub expires_at: Option<DateTime<Utc>>,
    /// The error of a failed renewal: only the remaining time is lent.
    pub warning: Option<Error>,
    pub(in crate::auth) file: AuthFile,
}

impl Lent {
    /// Returns the contents of the `auth.json`: pretty JSON and a final line break.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when it cannot be encoded.
    pub fn auth_json(&self) -> Result<SecretString> {
        let bytes = self.file.to_bytes()?;
        // JSON is UTF-8 already.
        Ok(String::from_utf8_lossy(&bytes).into_owned().into())
    }

    /// Returns whether both lend the same token.
    pub(in crate::auth) fn is_same(&self, other: &Self) -> bool {
        let token = |lent: &Self| lent.file.tokens.as_ref()?.access_token.clone();
        self.account == other.account && same(token(self).as_ref(), token(other).as_ref())
    }
}

impl Session {
    /// Returns the access token alone, in a form for another machine. A token that ends within
    /// `at_least` is renewed first, unless that was done in the last minute; at most 60 seconds.
    /// When the renewal fails and time is left, the present token is lent, with a warning.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] for credentials that are no ChatGPT session, or a lent one;
    /// otherwise as [`Session::refresh`].
    pub async fn lend(&self, at_least: Duration) -> Result<Lent> {
        self.check_lendable()?;
        let now = self.now();
        let ends_within = |end: DateTime<Utc>| (end - now).to_std().unwrap_or_default() <= at_least;
        let is_due = self.expires_at().is_some_and(ends_within);
        let has_time = self.has_time_left(now);
        let renewed_at = self.last_refresh();
        let is_new = has_time && renewed_at.is_some_and(|at| at > now - JUST_RENEWED);
        let mut warning = None;
        if is_due && !is_new {
            warning = match self.refresh().await {
                Err(error) if has_time && error.kind() != ErrorKind::NotSignedIn => Some(error),
                renewed => renewed.map(|()| None)?,
            };
        }
        Ok(Lent {
            warning,
            ..self.lent()?
        })
    }

    /// Returns the access token as it is, in a form for another machine.
    pub(in crate::auth) fn lent(&self) -> Result<Lent> {
        self.check_lendable()?;
        let credentials = self.credentials();
        let account = credentials.account.clone();
        // Without a refresh token, an empty one is written, because the Codex CLI requires the
        // field.
        let tokens = Tokens {
            id_token: self.id_token(),
            access_token: Some(credentials.bearer()?),
            account_id: account.account_id.clone(),
            ..Tokens::default()
        };
        Ok(Lent {
            account,
            expires_at: credentials.expires_at(),
            warning: None,
            file: AuthFile {
                auth_mode: Some(LENT_MODE.to_owned()),
                ..AuthFile::with_tokens(tokens, self.now())
            },
        })
    }

    /// Returns the time at which a lent file that is kept alive is renewed: when the token has 10
    /// minutes left, or half of its lifetime if that is under 20 minutes.
    pub(in crate::auth) fn renewal_due_at(&self) -> Option<DateTime<Utc>> {
        let credentials = self.credentials();
        let expires_at = credentials.expires_at()?;
        let issued_at = credentials.claims().issued_at();
        let half = issued_at.map(|at| (expires_at - at) / 2);
        Some(expires_at - half.map_or(RENEW_BEFORE, |half| half.min(RENEW_BEFORE)))
    }

    /// Returns the error for a session that was lent to this machine and has ended since.
    pub fn lent_has_ended(&self) -> Option<Error> {
        let has_ended = self.expires_at().is_some_and(|end| end <= self.now());
        (self.is_lent() && has_ended)
            .then(|| Error::expired(format!("The lent session has ended: {RENEW_IT_THERE}")))
    }

    /// Returns whether the credentials were lent by another machine, and cannot be renewed here.
    pub fn is_lent(&self) -> bool {
        self.credentials().file.is_lent()
    }

    /// Returns whether the access token is still valid.
    pub(in crate::auth) fn has_time_left(&self, now: DateTime<Utc>) -> bool {
        self.expires_at().is_some_and(|end| end > now)
    }

    fn check_lendable(&self) -> Result<()> {
        if self.is_lent() {
            return Err(
                Error::denied("This session is lent already, and is not lent on")
                    .with_hint("Lend it where it was signed in"),
            );
        }
        let secret = match self.mode() {
            Mode::ChatGpt => return Ok(()),
            Mode::ApiKey => "an API key",
            Mode::PersonalAccessToken => "a personal access token",
            _ => "what is stored here",
        };
        Err(Error::denied(format!(
            "Only a ChatGPT session can be lent: {secret} is the secret itself"
        ))
        .with_hint("Store it as a secret where it is needed, and sign in with it there"))
    }
}

/// Creates the error for renewing a session that was lent to this machine.
pub fn not_renewed_here() -> Error {
    Error::expired(format!(
        "A lent session cannot be renewed here: {RENEW_IT_THERE}"
    ))
}
