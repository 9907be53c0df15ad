//! One refresh, from the lock to the renamed file (RFC 6749, section 6; spec, section 5).
//!
//! Everything happens under `auth.lock`: read the file again, adopt tokens that another
//! program refreshed, prepare the save, make one request, save. The Codex CLI asks the issuer
//! without that lock and takes it to save: after a refusal it is released, so that a
//! faster program can save, and the file is read once more before the save.

mod last_word;
mod need;
mod new_tokens;
mod on_disk;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::time::Instant;

use super::{Session, SessionState};
use crate::auth::file::auth_file::{Tokens, same};
use crate::auth::file::credentials::Credentials;
use crate::auth::issuer::Issuer;
use crate::auth::issuer::refusal::Refusal;
use crate::auth::issuer::token_endpoint::REFRESH_FAILED;
use crate::auth::revocation::revoke_unused;
use crate::auth::store::{PreparedSave, Store, StoreLock};
use crate::auth::system::on_blocking_thread;
use crate::error::{Error, ErrorKind, Result};
use last_word::LastWord;
pub use need::Need;
use new_tokens::NewTokens;
use on_disk::OnDisk;

/// The limit for everything, from the wait for the lock to the answer.
pub const REFRESH_TIMEOUT: Duration = Duration::from_mins(1);

/// The least time for a request: one that is cut short may still have rotated the token.
const LEAST_REQUEST_TIME: Duration = Duration::from_secs(5);

/// The limit of requests: a second one is for a token that another program saved meanwhile.
const MOST_REQUESTS: usize = 2;

/// The time for a program that was faster to save its tokens, from the issuer's refusal of ours.
const FASTER_ONE_SAVES_WITHIN: Duration = Duration::from_secs(3);

/// The longest pause between two looks for its tokens; they start at a tenth of it and double.
const SLOWEST_LOOK: Duration = Duration::from_millis(200);

/// One refresh of the credentials that a session holds.
pub struct Refresh {
    shared: Arc<SessionState>,
    store: Store,
    held: Arc<Credentials>,
    need: Need,
    deadline: Instant,
}

impl Refresh {
    /// Prepares to refresh the credentials where they are, until `deadline`.
    pub fn new(shared: &Arc<SessionState>, need: &Need, deadline: Instant) -> Self {
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
        let mut ended = None;
        loop {
            let Some(refused) = self.attempt(ended).await? else {
                return Ok(());
            };
            // A faster program waits for the lock with the new tokens in hand.
            self.look_for_newer_tokens(&refused).await;
            ended = Some(refused);
        }
    }

    /// Does it all under the lock, unless the issuer refuses: then the lock is free again.
    ///
    /// # Errors
    /// The error of `last`, unless the file has another token by now.
    async fn attempt(&self, last: Option<RefusedRefresh>) -> Result<Option<RefusedRefresh>> {
        let options = &self.shared.options;
        let lock = self.store.until(self.deadline).lock().await?;
        let now = options.clock.now();
        let mut on_disk = self.read().await?;
        let last_word = LastWord::read(&lock);
        if let Some(token) = on_disk.credentials.access_token()
            && let Some(at) = last_word.as_ref().and_then(|word| word.receipt_of(token))
        {
            on_disk.credentials.received_at(at, now);
        }
        if on_disk.may_be_adopted && self.need.is_met_by(&on_disk.credentials, now) {
            tracing::debug!("adopted tokens that another program refreshed");
            self.shared.hold(on_disk.credentials.just_received(now));
            return Ok(None);
        }
        let grant = self.grant(&on_disk)?;
        let mut requests = 0;
        if let Some(last) = last {
            requests = last.requests;
            if requests == MOST_REQUESTS || same(Some(&last.token), Some(&grant.token)) {
                return Err(last.error);
            }
        }
        let known = last_word.and_then(|word| word.refusal_of(&grant.token, &grant.issuer));
        let (lock, refusal, at) = if let Some((refusal, at)) = known {
            (lock, refusal, at)
        } else {
            let (lock, save) = self.reserve(lock).await?;
            requests += 1;
            match self.request(&grant).await? {
                Ok(new) => {
                    return self
                        .save(lock, save, on_disk, grant, new)
                        .await
                        .map(|()| None);
                }
                Err(refusal) => (lock, refusal, options.clock.now()),
            }
        };
        let word = LastWord::refused(&grant.token, &grant.issuer, &refusal, at);
        let error = refusal.session_ended(REFRESH_FAILED)?;
        word.write(&lock);
        Ok(Some(RefusedRefresh {
            before: on_disk,
            token: grant.token,
            error,
            at,
            requests,
        }))
    }

    async fn read(&self) -> Result<OnDisk> {
        let reading = self.store.read_async().await?;
        let preference = self.shared.options.preference.as_ref();
        OnDisk::of(reading, &self.store, preference, &self.held)
    }

    fn grant(&self, on_disk: &OnDisk) -> Result<Grant> {
        let issuer = &self.shared.options.issuer;
        let issuer = match &on_disk.credentials.file.tokens {
            Some(tokens) => issuer.of_grant(tokens)?,
            None => issuer.clone(),
        };
        let token = on_disk.credentials.refresh_token().cloned();
        let token = token.ok_or_else(no_refresh_token)?;
        Ok(Grant { issuer, token })
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

    async fn request(&self, grant: &Grant) -> Result<Result<Tokens, Refusal>> {
        if self.deadline.saturating_duration_since(Instant::now()) < LEAST_REQUEST_TIME {
            return Err(too_slow());
        }
        match tokio::time::timeout_at(self.deadline, grant.issuer.refresh(&grant.token)).await {
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
        spent: Grant,
        new: Tokens,
    ) -> Result<()> {
        let options = &self.shared.options;
        if let Err(error) = save.lock_for_write().await {
            // The rename is atomic without it too, and losing the tokens would be worse.
            tracing::warn!(?error, "saving without auth.json.lock");
        }
        let unclaimed = new.refresh_token.clone();
        let tokens = NewTokens {
            shared: Arc::clone(&self.shared),
            store: self.store.clone(),
            held: Arc::clone(&self.held),
            before,
            spent: spent.token,
            new,
            now: options.clock.now(),
        };
        let (shared, now) = (Arc::clone(&self.shared), tokens.now);
        let saved = on_blocking_thread(move || {
            let saved = tokens.save(save);
            note_receipt(&shared.credentials(), now, &lock);
            // Kept until after the rename.
            drop(lock);
            saved
        })
        .await;
        if let Err(error) = &saved
            && error.kind() == ErrorKind::NotSignedIn
            && let Some(token) = unclaimed
        {
            // Another program ended this session; its successor, which is
            // dropped here, must not stay alive.
            revoke_unused(&spent.issuer, &token).await;
        }
        saved
    }

    /// Waits until another program has changed the session in the file, or has had the time to:
    /// the issuer knows of it before the file does.
    async fn look_for_newer_tokens(&self, refused: &RefusedRefresh) {
        let since = self.shared.options.clock.now() - refused.at;
        // A clock that was set in the meantime makes it longer, within limits.
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

/// A refresh token, and the issuer as the client that it belongs to.
struct Grant {
    issuer: Issuer,
    token: SecretString,
}

/// A session that is over, unless another program has renewed it.
struct RefusedRefresh {
    /// The file as it was.
    before: OnDisk,
    token: SecretString,
    error: Error,
    /// The time of the issuer's refusal.
    at: DateTime<Utc>,
    /// The number of requests until now.
    requests: usize,
}

/// Tells the next process that a token which looks ended by this machine's clock was just received.
fn note_receipt(credentials: &Credentials, now: DateTime<Utc>, lock: &StoreLock) {
    if credentials.outlasts_the_clock()
        && let Some(token) = credentials.access_token()
    {
        LastWord::issued(token, now).write(lock);
    }
}

impl Session {
    /// Returns the issuer's refusal to renew these credentials, as an earlier refresh met it and
    /// later ones will: [`ErrorKind::Expired`](crate::ErrorKind::Expired). Not for as long as
    /// another program may be saving newer tokens. Reads a small file, waits for no lock, never
    /// touches the network.
    pub fn renewal_refused(&self) -> Option<Error> {
        let credentials = self.credentials();
        let token = credentials.refresh_token()?;
        let tokens = credentials.file.tokens.as_ref()?;
        let issuer = self.shared.options.issuer.of_grant(tokens).ok()?;
        let word = LastWord::peek(&self.shared.whereabouts().store)?;
        let (refusal, at) = word.refusal_of(token, &issuer)?;
        let age = (self.now() - at).to_std();
        if age.is_ok_and(|age| age < FASTER_ONE_SAVES_WITHIN) {
            return None;
        }
        refusal.session_ended(REFRESH_FAILED).ok()
    }
}

fn no_refresh_token() -> Error {
    Error::expired("The session has expired and there is no refresh token, sign in again")
}

fn too_slow() -> Error {
    Error::timeout("Could not renew the session within 60 seconds")
        .with_hint("Try again in a moment")
}
