//! One refresh, from the lock to the renamed file (RFC 6749, section 6; spec, section 5).
//!
//! Everything happens under `auth.lock`: read the file again, adopt tokens that another
//! program refreshed, prepare the save, make one request, save. The Codex CLI sometimes
//! refreshes without that lock, so the file is read once more after a refusal and before
//! the save.

mod new_tokens;
mod on_disk;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use tokio::time::Instant;

use super::Shared;
use crate::auth::answer::Refusal;
use crate::auth::auth_file::{Tokens, same};
use crate::auth::blocking::on_blocking_thread;
use crate::auth::credentials::Credentials;
use crate::auth::issuer::REFRESH_FAILED;
use crate::auth::revocation::revoke_unused;
use crate::auth::store::{LOCK_TIMEOUT, PreparedSave, Store, StoreLock};
use crate::error::{Error, ErrorKind, Result};
use new_tokens::NewTokens;
use on_disk::OnDisk;

/// The limit for everything, from the wait for the lock to the answer.
pub const REFRESH_TIMEOUT: Duration = Duration::from_mins(1);

/// The least time for a request: one that is cut short may still have rotated the token.
const LEAST_REQUEST_TIME: Duration = Duration::from_secs(5);

/// The limit of requests: a second one is for a token that another program saved meanwhile.
const MOST_REQUESTS: usize = 2;

/// The issuer's code for a refresh token that another program has spent.
const REUSED: &str = "refresh_token_reused";

/// The time for a faster Codex CLI to save its tokens: it has been seen to refresh without our
/// lock.
const CODEX_SAVES_WITHIN: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The reason for a refresh, and when it is met.
#[derive(Clone)]
pub struct Need {
    /// The access token to replace.
    access_token: Option<SecretString>,
    /// Whether it was refused: another one is needed even if it is not due.
    refused: bool,
    /// The time that a token must last at least.
    margin: TimeDelta,
    /// The time when the need arose: tokens received since then are fresh, whatever the clock says.
    since: DateTime<Utc>,
}

impl Need {
    /// Needs a token that is not due.
    pub fn due(credentials: &Credentials, now: DateTime<Utc>) -> Self {
        Self {
            access_token: credentials.access_token().cloned(),
            refused: false,
            margin: TimeDelta::zero(),
            since: now,
        }
    }

    /// Needs a token that lasts longer than `margin`.
    pub fn lasting(credentials: &Credentials, margin: TimeDelta, now: DateTime<Utc>) -> Self {
        Self {
            margin,
            ..Self::due(credentials, now)
        }
    }

    /// Needs another token than the present one.
    pub fn replacement(credentials: &Credentials, now: DateTime<Utc>) -> Self {
        Self {
            refused: true,
            ..Self::due(credentials, now)
        }
    }

    fn is_met_by(&self, found: &Credentials, now: DateTime<Utc>) -> bool {
        let is_another = !same(found.access_token(), self.access_token.as_ref());
        // Another program was faster while we waited for the lock.
        let is_new = is_another && found.last_refresh().is_some_and(|at| at >= self.since);
        found.access_token().is_some()
            && (is_another || !self.refused)
            && (is_new || !(found.is_due(now) || found.ends_within(self.margin, now)))
    }
}

/// One refresh of the credentials that a session holds.
pub struct Refresh {
    shared: Arc<Shared>,
    store: Store,
    held: Arc<Credentials>,
    need: Need,
    deadline: Instant,
}

impl Refresh {
    /// Prepares to refresh the credentials where they are, until `deadline`.
    pub fn new(shared: &Arc<Shared>, need: &Need, deadline: Instant) -> Self {
        Self {
            shared: Arc::clone(shared),
            store: shared.whereabouts().store,
            held: shared.credentials(),
            need: need.clone(),
            deadline,
        }
    }

    /// Refreshes and gives the session its new credentials, also when they could not be
    /// saved. Must not be dropped midway: see the module's documentation.
    pub async fn run(self) -> Result<()> {
        let options = &self.shared.options;
        let mut lock = self.store.lock(self.deadline, &options.notify).await?;
        let mut refusals = Vec::new();
        loop {
            let now = options.clock.now();
            let on_disk = self.read().await?;
            if on_disk.may_be_adopted && self.need.is_met_by(&on_disk.credentials, now) {
                tracing::debug!("adopted tokens that another program refreshed");
                self.shared.hold(on_disk.credentials.just_received(now));
                return Ok(());
            }
            if refusals.len() == MOST_REQUESTS
                && let Some(refused) = refusals.pop()
            {
                return Err(refused);
            }
            let token = self.token(&on_disk)?;
            let (still_ours, save) = self.reserve(lock).await?;
            lock = still_ours;
            match self.request(&token).await? {
                Ok(new) => return self.save(lock, save, on_disk, token, new).await,
                Err(refusal) => {
                    let patience = match refusal.code.as_deref() {
                        Some(REUSED) => CODEX_SAVES_WITHIN,
                        _ => Duration::ZERO,
                    };
                    let error = session_ended(refusal)?;
                    if !self.is_overtaken(&on_disk, patience).await {
                        return Err(error);
                    }
                    refusals.push(error);
                }
            }
        }
    }

    async fn read(&self) -> Result<OnDisk> {
        let reading = self.store.read_async().await?;
        let preference = self.shared.options.preference.as_ref();
        OnDisk::of(reading, &self.store, preference, &self.held)
    }

    /// Returns the refresh token to spend.
    fn token(&self, on_disk: &OnDisk) -> Result<SecretString> {
        if let Some(tokens) = &on_disk.credentials.file.tokens {
            tokens.check_issuer(self.shared.options.issuer.url())?;
        }
        let token = on_disk.credentials.refresh_token().cloned();
        token.ok_or_else(no_refresh_token)
    }

    /// Creates the temporary file and reserves its space: a full or read-only disk fails here,
    /// while nothing is lost.
    async fn reserve(&self, lock: StoreLock) -> Result<(StoreLock, PreparedSave)> {
        let store = self.store.clone();
        on_blocking_thread(move || {
            let save = store.reserve(&lock)?;
            Ok((lock, save))
        })
        .await
    }

    async fn request(&self, token: &SecretString) -> Result<Result<Tokens, Refusal>> {
        if self.deadline.saturating_duration_since(Instant::now()) < LEAST_REQUEST_TIME {
            return Err(too_slow());
        }
        let request = self.shared.options.issuer.refresh(token);
        match tokio::time::timeout_at(self.deadline, request).await {
            Ok(answer) => answer,
            Err(_) => Err(too_slow()),
        }
    }

    /// Saves the new tokens, which only this process has until then.
    async fn save(
        &self,
        lock: StoreLock,
        mut save: PreparedSave,
        before: OnDisk,
        spent: SecretString,
        new: Tokens,
    ) -> Result<()> {
        let options = &self.shared.options;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        if let Err(error) = save.lock_for_write(deadline, &options.notify).await {
            // The rename is atomic without it too, and losing the tokens would be worse.
            tracing::warn!(?error, "saving without auth.json.lock");
        }
        let unclaimed = new.refresh_token.clone();
        let tokens = NewTokens {
            shared: Arc::clone(&self.shared),
            store: self.store.clone(),
            held: Arc::clone(&self.held),
            before,
            spent,
            new,
            now: options.clock.now(),
        };
        let saved = on_blocking_thread(move || {
            let saved = tokens.save(save);
            // Kept until after the rename.
            drop(lock);
            saved
        })
        .await;
        if let Err(error) = &saved
            && error.kind() == ErrorKind::NotSignedIn
            && let Some(token) = unclaimed
        {
            // Another program ended this session; its successor, which nobody will hold,
            // must not stay alive.
            revoke_unused(&options.issuer, &token).await;
        }
        saved
    }

    /// Returns whether another program has changed the session in the file. The issuer may know of
    /// it before the file does, so that program gets `patience` to save.
    async fn is_overtaken(&self, before: &OnDisk, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            match self.read().await {
                Ok(found) if !found.differs_from(before) => {}
                _ => return true,
            }
            if Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Returns the sentence for a session that is over. Any other refusal is an error.
fn session_ended(refusal: Refusal) -> Result<Error> {
    let sentence = match (refusal.status, refusal.code.as_deref()) {
        // Signing in again would not help.
        _ if refusal.lasting.is_some() => return Err(refusal.into_error(REFRESH_FAILED)),
        (400 | 401, Some("refresh_token_expired")) => "The session has expired, sign in again",
        (400 | 401, Some(REUSED)) => {
            "The session was already renewed by another program, sign in again"
        }
        (400 | 401, Some("refresh_token_invalidated")) => {
            "The session was ended by the issuer or from another device, sign in again"
        }
        // RFC 6749, section 5.2: invalid, expired, revoked, or of another client.
        (400 | 401, Some("invalid_grant")) => {
            "The issuer no longer accepts the session, sign in again"
        }
        _ => return Err(refusal.into_error(REFRESH_FAILED)),
    };
    let error = Error::expired(sentence).with_source(refusal.summary());
    Ok(match refusal.code {
        Some(code) => error.with_issuer_code(code),
        None => error,
    })
}

fn no_refresh_token() -> Error {
    Error::expired("The session has expired and there is no refresh token, sign in again")
}

fn too_slow() -> Error {
    Error::timeout("Could not renew the session within 60 seconds")
        .with_hint("Try again in a moment")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;
    use crate::auth::auth_file::AuthFile;

    /// Credentials whose access token is good for so many minutes, received so long ago.
    fn credentials(token: &str, minutes: i64, received: TimeDelta) -> Credentials {
        let claims =
            json!({"exp": (now() + TimeDelta::minutes(minutes)).timestamp(), "jti": token});
        let access = format!(
            "e30.{}.x",
            BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let file = json!({
            "tokens": {"access_token": access, "refresh_token": "r"},
            "last_refresh": (now() - received).to_rfc3339(),
        });
        let file = AuthFile::parse(file.to_string().as_bytes()).unwrap();
        Credentials::from_file(file, None, "auth.json").unwrap()
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn a_token_that_is_not_due_meets_the_need_for_one() {
        let need = Need::due(&credentials("a", 0, TimeDelta::hours(1)), now());
        assert!(need.is_met_by(&credentials("b", 60, TimeDelta::hours(1)), now()));
        assert!(need.is_met_by(&credentials("a", 60, TimeDelta::hours(1)), now()));
        assert!(!need.is_met_by(&credentials("a", 0, TimeDelta::hours(1)), now()));
    }

    #[test]
    fn a_refused_token_meets_no_need_however_long_it_lasts() {
        let refused = credentials("a", 60, TimeDelta::hours(1));
        let need = Need::replacement(&refused, now());
        assert!(!need.is_met_by(&refused, now()));
        assert!(need.is_met_by(&credentials("b", 60, TimeDelta::hours(1)), now()));
    }

    #[test]
    fn a_token_received_since_the_need_arose_is_fresh_whatever_the_clock_says() {
        let need = Need::due(&credentials("a", 0, TimeDelta::hours(1)), now());
        let second = TimeDelta::seconds(1);
        for received in [TimeDelta::zero(), -second] {
            assert!(need.is_met_by(&credentials("b", 0, received), now()));
        }
        assert!(!need.is_met_by(&credentials("b", 0, second), now()));
        assert!(!need.is_met_by(&credentials("a", 0, TimeDelta::zero()), now()));
    }

    #[test]
    fn credentials_without_an_access_token_meet_no_need() {
        let need = Need::due(&credentials("a", 0, TimeDelta::hours(1)), now());
        let mut found = credentials("b", 60, TimeDelta::zero());
        found.file.tokens.as_mut().unwrap().access_token = None;
        assert!(!need.is_met_by(&found, now()));
    }
}
