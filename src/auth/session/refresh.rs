//! One refresh, from the lock to the renamed file (RFC 6749, section 6; spec, section 5).
//!
//! Everything happens under `auth.lock`: read the file again, adopt tokens that another
//! program refreshed, prepare the save, make one request, save. The Codex CLI asks the issuer
//! without that lock and takes it to save: after a refusal it is released, so that a
//! faster program can save, and the file is read once more before the session counts as ended.

mod last_word;
mod need;
mod on_disk;
mod renewal;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::time::Instant;

use super::{Session, SessionState};
use crate::auth::credentials::Credentials;
use crate::auth::file::auth_file::{Tokens, same};
use crate::auth::issuer::Issuer;
use crate::auth::issuer::refusal::Refusal;
use crate::auth::issuer::token_endpoint::REFRESH_FAILED;
use crate::auth::store::{PreparedSave, Store, StoreLock};
use crate::auth::system::on_blocking_thread;
use crate::error::{Error, Result};
use last_word::LastWord;
pub use need::Need;
use on_disk::OnDisk;
use renewal::Renewal;

/// The least time for a request: one that is cut short may still have rotated the token.
const LEAST_REQUEST_TIME: Duration = Duration::from_secs(5);

/// The most requests of one refresh: the second is for a token that another program saved
/// meanwhile.
const MOST_REQUESTS: usize = 2;

/// The time after the issuer's refusal in which a faster program may still be saving its tokens.
const FASTER_ONE_SAVES_WITHIN: Duration = Duration::from_secs(3);

/// The longest pause between two looks for those tokens. The first is a tenth of it, and each is
/// twice as long as the one before.
const SLOWEST_LOOK: Duration = Duration::from_millis(200);

/// One refresh of the credentials that a session holds.
#[derive(Clone)]
pub struct Refresh {
    shared: Arc<SessionState>,
    store: Store,
    /// The credentials of the session when the refresh began.
    held: Arc<Credentials>,
    need: Need,
    deadline: Instant,
}

/// A refresh token, and the issuer as the client that it belongs to.
pub struct Grant {
    issuer: Issuer,
    token: SecretString,
}

impl Grant {
    fn of(credentials: &Credentials, issuer: &Issuer) -> Result<Self> {
        let issuer = match &credentials.file.tokens {
            Some(tokens) => issuer.of_grant(tokens)?,
            None => issuer.clone(),
        };
        let token = credentials.refresh_token().cloned().ok_or_else(|| {
            Error::expired("The session has expired and there is no refresh token, sign in again")
        })?;
        Ok(Self { issuer, token })
    }
}

/// A session that has ended, unless another program has renewed it.
struct Refused {
    /// The file as it was.
    before: OnDisk,
    token: SecretString,
    error: Error,
    /// The time of the issuer's refusal.
    at: DateTime<Utc>,
}

impl Refresh {
    /// Prepares to refresh the credentials where they are, until `deadline`.
    pub fn new(shared: &Arc<SessionState>, need: &Need, deadline: Instant) -> Self {
        let current = shared.current();
        Self {
            shared: Arc::clone(shared),
            store: current.store.clone(),
            held: Arc::clone(&current.credentials),
            need: need.clone(),
            deadline,
        }
    }

    /// Refreshes and gives the session its new credentials, also when they could not be
    /// saved. Must not be dropped midway: the tokens would be lost.
    pub async fn run(&self) -> Result<()> {
        let mut refused = None;
        let mut requests = 0;
        while let Some(again) = self.attempt(refused, requests < MOST_REQUESTS).await? {
            // A faster program waits for the lock with the new tokens in hand.
            self.look_for_newer_tokens(&again).await;
            refused = Some(again);
            requests += 1;
        }
        Ok(())
    }

    /// Makes one attempt under the lock, and returns the issuer's refusal once the lock is free.
    ///
    /// # Errors
    /// The error of `last` when the file still has the token that was refused then.
    async fn attempt(&self, last: Option<Refused>, may_ask: bool) -> Result<Option<Refused>> {
        let options = &self.shared.options;
        let lock = Arc::new(self.store.until(self.deadline).lock().await?);
        let last_word = LastWord::read(&lock);
        let found = self.read().await?;
        let Some(before) = self.adopt(found, last_word.as_ref()) else {
            return Ok(None);
        };
        let grant = Grant::of(&before.credentials, &options.issuer)?;
        if let Some(last) = last
            && (!may_ask || same(Some(&last.token), Some(&grant.token)))
        {
            return Err(last.error);
        }
        let noted = last_word.and_then(|word| word.refusal_of(&grant));
        let (refusal, at) = if let Some(noted) = noted {
            noted
        } else {
            let save = self.reserve(&lock).await?;
            let answer = self.request(&grant).await?;
            let received_at = options.clock.now();
            match answer {
                Err(refusal) => (refusal, received_at),
                Ok(new) => {
                    let renewal = Renewal {
                        before,
                        spent: grant,
                        new,
                        received_at,
                    };
                    return self.save(lock, save, renewal).await.map(|()| None);
                }
            }
        };
        let Some(error) = refusal.session_end() else {
            return Err(refusal.into_error(REFRESH_FAILED));
        };
        // For later processes.
        LastWord::refused(&grant, &refusal, at).write(&lock);
        Ok(Some(Refused {
            before,
            token: grant.token,
            error,
            at,
        }))
    }

    /// Adopts tokens that another program has refreshed. Returns the credentials found if they do
    /// not meet the need.
    fn adopt(&self, mut found: OnDisk, last_word: Option<&LastWord>) -> Option<OnDisk> {
        let now = self.shared.options.clock.now();
        let credentials = &mut found.credentials;
        let received_at = last_word.zip(credentials.access_token());
        if let Some(at) = received_at.and_then(|(word, token)| word.receipt_of(token)) {
            credentials.received_at(at, now);
        }
        if !found.may_be_adopted() || !self.need.is_met_by(&found.credentials, now) {
            return Some(found);
        }
        tracing::debug!("adopted tokens that another program refreshed");
        found.credentials.received_at(now, now);
        self.shared.hold(found.credentials);
        None
    }

    async fn read(&self) -> Result<OnDisk> {
        OnDisk::of(self.store.read_async().await?, self)
    }

    /// Creates the temporary file and reserves its space: a full or read-only disk fails here,
    /// before anything can be lost.
    async fn reserve(&self, lock: &Arc<StoreLock>) -> Result<PreparedSave> {
        let (store, lock) = (self.store.clone(), Arc::clone(lock));
        on_blocking_thread(move || store.reserve(&lock)).await
    }

    async fn request(&self, grant: &Grant) -> Result<Result<Tokens, Refusal>> {
        let too_slow = || {
            Error::timeout("Could not renew the session within 60 seconds")
                .with_hint("Try again in a moment")
        };
        if self.deadline.saturating_duration_since(Instant::now()) < LEAST_REQUEST_TIME {
            return Err(too_slow());
        }
        tokio::time::timeout_at(self.deadline, grant.issuer.refresh(&grant.token))
            .await
            .unwrap_or_else(|_| Err(too_slow()))
    }

    /// Waits until another program has changed the session in the file, or has had time to: the
    /// issuer knows the newer tokens before they are in the file.
    async fn look_for_newer_tokens(&self, refused: &Refused) {
        let since = self.shared.options.clock.now() - refused.at;
        // If the clock was set back meanwhile, the wait starts anew.
        let since = since.to_std().unwrap_or_default();
        let until = Instant::now() + FASTER_ONE_SAVES_WITHIN.saturating_sub(since);
        let mut pause = SLOWEST_LOOK / 10;
        loop {
            match self.read().await {
                Ok(found) if !found.differs_from(&refused.before) => {}
                _ => return,
            }
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until((Instant::now() + pause).min(until)).await;
            pause = (pause * 2).min(SLOWEST_LOOK);
        }
    }
}

impl Session {
    /// Returns the issuer's refusal to renew these credentials, as an earlier refresh met it and
    /// later ones will: [`ErrorKind::Expired`](crate::ErrorKind::Expired). Returns `None` while
    /// another program may still be saving newer tokens. Reads a small file, waits for no lock,
    /// never touches the network.
    pub fn renewal_refused(&self) -> Option<Error> {
        let grant = Grant::of(&self.credentials(), &self.shared.options.issuer).ok()?;
        let word = LastWord::peek(&self.shared.current().store)?;
        let (refusal, at) = word.refusal_of(&grant)?;
        let age = (self.now() - at).to_std();
        if age.is_ok_and(|age| age < FASTER_ONE_SAVES_WITHIN) {
            return None;
        }
        refusal.session_end()
    }
}
