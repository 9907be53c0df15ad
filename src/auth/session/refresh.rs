//! One refresh, from the lock to the renamed file (RFC 6749, section 6; spec, section 5).
//!
//! Everything happens under `auth.lock`: read again, adopt what somebody else refreshed,
//! prepare the save, one request, save. The Codex CLI sometimes refreshes without that
//! lock, so the file is looked at once more after a refusal and before the save.

mod commit;
mod on_disk;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::time::Instant;

use super::SessionOptions;
use super::credentials::Credentials;
use crate::auth::answer::{Refusal, lacks};
use crate::auth::auth_file::Tokens;
use crate::auth::auth_file::same;
use crate::auth::blocking::on_blocking_thread;
use crate::auth::store::{LOCK_TIMEOUT, PreparedSave, WriteAccess};
use crate::error::{Error, Result};
use commit::{Commit, Committed};
use on_disk::OnDisk;

/// For everything: waiting for the lock, and the request.
const REFRESH_TIMEOUT: Duration = Duration::from_mins(1);

/// With less time left no request is made: one that is cut short may have rotated the
/// token all the same.
const LEAST_REQUEST_TIME: Duration = Duration::from_secs(5);

/// The issuer's code for a refresh token that somebody else has spent.
const REUSED: &str = "refresh_token_reused";

/// How long a faster Codex CLI, which has been seen to refresh without our lock, gets to
/// save what it received; looked for this often.
const CODEX_SAVES_WITHIN: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a refresh has to bring about.
pub struct Need {
    /// The access token that will not do.
    access_token: Option<SecretString>,
    /// It was refused: another one is needed even if it is not due.
    refused: bool,
    /// When the need arose; tokens had since then are fresh whatever the clock says.
    since: DateTime<Utc>,
}

impl Need {
    /// A token that is not due.
    pub fn due(credentials: &Credentials, now: DateTime<Utc>) -> Self {
        Self {
            access_token: credentials.access_token().cloned(),
            refused: false,
            since: now,
        }
    }

    /// Another token than the present one.
    pub fn replacement(credentials: &Credentials, now: DateTime<Utc>) -> Self {
        Self {
            refused: true,
            ..Self::due(credentials, now)
        }
    }

    fn is_met_by(&self, found: &Credentials, now: DateTime<Utc>) -> bool {
        let is_another = !same(found.access_token(), self.access_token.as_ref());
        // Somebody was faster while we waited for the lock.
        let is_new = is_another && found.last_refresh().is_some_and(|at| at >= self.since);
        found.access_token().is_some()
            && (is_another || !self.refused)
            && (is_new || !found.is_due(now))
    }
}

/// What a refresh brought: new credentials, also when they could not be saved.
pub struct Renewal {
    pub credentials: Option<Credentials>,
    pub result: Result<()>,
}

/// One refresh of the credentials that a session holds.
pub struct Refresh {
    options: SessionOptions,
    credentials: Arc<Credentials>,
    need: Need,
    deadline: Instant,
}

impl Refresh {
    pub fn new(options: &SessionOptions, credentials: Arc<Credentials>, need: Need) -> Self {
        Self {
            options: options.clone(),
            credentials,
            need,
            deadline: Instant::now() + REFRESH_TIMEOUT,
        }
    }

    /// Runs to the end. Must not be dropped midway: see the module's documentation.
    pub async fn run(self) -> Renewal {
        self.renew().await.unwrap_or_else(Renewal::failed)
    }

    async fn renew(&self) -> Result<Renewal> {
        let store = &self.options.store;
        let mut access = store.lock(self.deadline, &self.options.notify).await?;
        let mut refused: Option<Refused> = None;
        loop {
            let now = (self.options.clock)();
            let current = OnDisk::read(&self.options, &self.credentials)?;
            if current.may_be_adopted && self.need.is_met_by(&current.credentials, now) {
                tracing::debug!("adopted tokens that somebody else refreshed");
                return Ok(Renewal::of(current.credentials.just_received(now)));
            }
            if let Some(tokens) = &current.credentials.file.tokens {
                tokens.check_issuer(self.options.issuer.url())?;
            }
            let token = current.credentials.refresh_token().cloned();
            let token = token.ok_or_else(no_refresh_token)?;
            if let Some(refused) = &refused
                && !refused.deserves_another_try(&token)
            {
                return Err(refused.error.clone());
            }
            let (still_ours, save) = self.reserve(access).await?;
            access = still_ours;
            match self.request(&token).await? {
                Ok(new) => return Ok(self.save(access, save, current, token, new).await),
                Err(refusal) => {
                    let somebody_was_faster = refusal.code.as_deref() == Some(REUSED);
                    let error = session_ended(refusal)?;
                    if somebody_was_faster {
                        self.await_codex(&token).await;
                    }
                    refused = Some(Refused {
                        token,
                        error,
                        is_second: refused.is_some(),
                    });
                }
            }
        }
    }

    /// Makes the temporary file and reserves its space: a disk that is full or read-only
    /// says so here, while nothing is lost.
    async fn reserve(&self, access: WriteAccess) -> Result<(WriteAccess, PreparedSave)> {
        let store = self.options.store.clone();
        on_blocking_thread(move || {
            let save = store.reserve(&access)?;
            Ok((access, save))
        })
        .await
    }

    async fn request(&self, token: &SecretString) -> Result<Result<Tokens, Refusal>> {
        if self.deadline.saturating_duration_since(Instant::now()) < LEAST_REQUEST_TIME {
            return Err(too_slow());
        }
        let request = self.options.issuer.refresh(token);
        match tokio::time::timeout_at(self.deadline, request).await {
            Ok(answer) => answer,
            Err(_) => Err(too_slow()),
        }
    }

    /// From here on the new tokens exist only in this process.
    async fn save(
        &self,
        access: WriteAccess,
        mut save: PreparedSave,
        current: OnDisk,
        spent: SecretString,
        new: Tokens,
    ) -> Renewal {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        if let Err(error) = save.lock_for_write(deadline, &self.options.notify).await {
            // The rename is atomic without it too, and losing the tokens would be worse.
            tracing::warn!(?error, "saving without auth.json.lock");
        }
        let now = (self.options.clock)();
        let brings_access_token = new.access_token.is_some();
        let unclaimed = new.refresh_token.clone();
        let commit = Commit::new(&self.options, current, spent, new);
        // The locks go along: they must not be let go before the rename.
        let committed = on_blocking_thread(move || {
            let committed = commit.run(save, now);
            drop(access);
            Ok(committed)
        });
        match committed.await {
            Err(died) => Renewal::failed(died),
            Ok(Committed::Saved(credentials, warning)) => {
                if let Some(warning) = warning {
                    self.options.notify.tell(warning);
                }
                Renewal::saved(credentials, brings_access_token, now)
            }
            Ok(Committed::Superseded(credentials)) => Renewal::of(credentials),
            Ok(Committed::Unsaved(credentials, error)) => Renewal {
                credentials: Some(credentials.just_received(now)),
                result: Err(error),
            },
            Ok(Committed::NotOurs(error)) => {
                self.revoke(unclaimed).await;
                Renewal::failed(error)
            }
        }
    }

    /// Whoever signed out or signed in as somebody else ended this session; its successor,
    /// which nobody will hold, must not stay alive (RFC 7009). Best effort.
    async fn revoke(&self, token: Option<SecretString>) {
        if let Some(token) = token
            && let Err(error) = self.options.issuer.revoke(&token).await
        {
            tracing::warn!(?error, "a token that nobody holds was not revoked");
        }
    }

    /// Gives a faster program the time to save what it received for `spent`.
    async fn await_codex(&self, spent: &SecretString) {
        let until = Instant::now() + CODEX_SAVES_WITHIN;
        while Instant::now() < until {
            let file = self.options.store.load().ok().flatten();
            let stored = file.and_then(|file| file.tokens?.refresh_token);
            if !same(stored.as_ref(), Some(spent)) {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl Renewal {
    fn of(credentials: Credentials) -> Self {
        Self {
            credentials: Some(credentials),
            result: Ok(()),
        }
    }

    fn failed(error: Error) -> Self {
        Self {
            credentials: None,
            result: Err(error),
        }
    }

    /// What came is on disk; now it may be judged.
    fn saved(credentials: Credentials, brings_access_token: bool, now: DateTime<Utc>) -> Self {
        if brings_access_token {
            return Self::of(credentials.just_received(now));
        }
        let result = if credentials.is_due(now) {
            Err(lacks("access_token"))
        } else {
            Ok(())
        };
        Self {
            credentials: Some(credentials),
            result,
        }
    }
}

/// The issuer said that a session is over.
struct Refused {
    token: SecretString,
    error: Error,
    is_second: bool,
}

impl Refused {
    /// The file holds another refresh token now, and this was not the second refusal.
    fn deserves_another_try(&self, token: &SecretString) -> bool {
        !self.is_second && !same(Some(&self.token), Some(token))
    }
}

/// The sentence for a session that is over; any other refusal is a plain error.
fn session_ended(refusal: Refusal) -> Result<Error> {
    let sentence = match (refusal.status, refusal.code.as_deref()) {
        (400 | 401, Some("refresh_token_expired")) => "The session has expired, sign in again",
        (400 | 401, Some(REUSED)) => {
            "The session was already renewed by another program, sign in again"
        }
        (400 | 401, Some("refresh_token_invalidated")) => {
            "The session was ended by the issuer or from another device, sign in again"
        }
        // RFC 6749, section 5.2: invalid, expired, revoked, or of another client.
        (400 | 401, Some("invalid_grant")) => {
            "The issuer does not accept the session any more, sign in again"
        }
        _ => return Err(refusal.into_error("The session could not be renewed")),
    };
    let error = Error::expired(sentence);
    Ok(error.with_source(refusal.summary()))
}

fn no_refresh_token() -> Error {
    Error::expired("The session has expired and there is no refresh token, sign in again")
}

fn too_slow() -> Error {
    Error::timeout("The session could not be renewed within 60 seconds")
        .with_hint("Try again in a moment")
}
