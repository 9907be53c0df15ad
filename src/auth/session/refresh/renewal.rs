//! Saves the issuer's answer.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::last_word::LastWord;
use super::on_disk::OnDisk;
use super::{Grant, Refresh};
use crate::auth::credentials::Credentials;
use crate::auth::file::auth_file::{Tokens, same};
use crate::auth::issuer::answer::lacks;
use crate::auth::sign_out::revoke_unused;
use crate::auth::store::{PreparedSave, StoreLock};
use crate::auth::system::on_blocking_thread;
use crate::error::{ErrorKind, Result};

/// New tokens, and what they were received for.
pub struct Renewal {
    /// The file before the request.
    pub before: OnDisk,
    /// The grant that the issuer has just taken.
    pub spent: Grant,
    pub new: Tokens,
    pub received_at: DateTime<Utc>,
}

impl Refresh {
    /// Saves the new tokens, which only this process has until then.
    pub async fn save(
        &self,
        lock: Arc<StoreLock>,
        mut save: PreparedSave,
        renewal: Renewal,
    ) -> Result<()> {
        if let Err(error) = save.lock_for_write().await {
            // The rename is atomic even without the lock, and losing the tokens would be worse.
            tracing::warn!(?error, "saving without auth.json.lock");
        }
        let issuer = renewal.spent.issuer.clone();
        let unclaimed = renewal.new.refresh_token.clone();
        let refresh = self.clone();
        let saved = on_blocking_thread(move || {
            let saved = renewal.save(&refresh, save);
            // The lock is held until here, after the rename.
            renewal.note_receipt(&refresh, &lock);
            saved
        })
        .await;
        if let Err(error) = &saved
            && error.kind() == ErrorKind::NotSignedIn
            && let Some(token) = unclaimed
        {
            // Another program ended this session. The new tokens, which are dropped here, must not
            // stay alive.
            revoke_unused(&issuer, &token).await;
        }
        saved
    }
}

impl Renewal {
    /// Reads once more, merges, writes, and gives the session the result, also when it
    /// could not be written.
    ///
    /// # Errors
    /// [`ErrorKind::NotSignedIn`] when the session is gone or belongs to another account: nothing
    /// was written, and the new tokens are dropped.
    fn save(&self, refresh: &Refresh, save: PreparedSave) -> Result<()> {
        let store = &refresh.store;
        // Another program may have written without our lock while the issuer was asked.
        let found = store.read().and_then(|it| OnDisk::of(it, refresh));
        let found = match found {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotSignedIn => return Err(error),
            Err(error) => {
                // The file's own tokens are spent, and only the new ones still work.
                tracing::warn!(?error, "saving over credentials that cannot be read again");
                return self.save_over(&self.before.credentials, refresh, save);
            }
        };
        if self.is_superseded_by(&found) {
            refresh.shared.hold(found.credentials);
            return Ok(());
        }
        if let Some(bytes) = &found.damaged
            && let Err(error) = store.keep_damaged(bytes)
        {
            // Saving the new tokens matters more than the copy.
            tracing::warn!(?error, "the damaged file was not kept");
        }
        self.save_over(&found.credentials, refresh, save)
    }

    /// Merges into `base`, writes, and gives the session the result.
    fn save_over(&self, base: &Credentials, refresh: &Refresh, save: PreparedSave) -> Result<()> {
        let mut merged = self.merged(base);
        let saved = save.commit(&merged.file);
        merged.unsaved_over = match &saved {
            Ok(_) => None,
            Err(_) => (merged.unsaved_over).or_else(|| Some(self.spent.token.clone())),
        };
        let lacks_bearer = self.new.access_token.is_none() && merged.is_due(self.received_at);
        refresh.shared.hold(merged);
        if let Some(warning) = saved?.warning {
            refresh.store.tell(warning);
        }
        if lacks_bearer {
            return Err(lacks("access_token"));
        }
        Ok(())
    }

    /// Returns whether the same account has signed in again in the meantime: its tokens stay.
    fn is_superseded_by(&self, found: &OnDisk) -> bool {
        let credentials = &found.credentials;
        found.may_be_adopted()
            && !same(credentials.refresh_token(), Some(&self.spent.token))
            && !credentials.is_due(self.received_at)
    }

    /// Merges the new tokens into `base`. Tokens and account id are replaced together, because
    /// the issuer may have moved the session to another workspace; one that the person switched
    /// to stays.
    fn merged(&self, base: &Credentials) -> Credentials {
        let mut merged = base.clone();
        let mut new = self.new.clone();
        if !base.workspace_was_switched() {
            new.account_id = new.signed_in_to();
        }
        let was_switched_meanwhile =
            !same(base.access_token(), self.before.credentials.access_token());
        if was_switched_meanwhile && !base.is_due(self.received_at) {
            // The access token in the file is for the workspace that was chosen during the request.
            new.access_token = None;
        }
        merged.replace_tokens(new);
        merged.file.last_refresh = Some(self.received_at);
        merged.file.judge_again();
        if self.new.access_token.is_some() {
            merged.received_at(self.received_at, self.received_at);
        }
        merged
    }

    /// Notes for the next process when a token was received that looks expired by this machine's
    /// clock.
    fn note_receipt(&self, refresh: &Refresh, lock: &StoreLock) {
        let current = refresh.shared.current();
        if current.credentials.outlasts_the_clock()
            && let Some(token) = current.credentials.access_token()
        {
            LastWord::issued(token, self.received_at).write(lock);
        }
    }
}
