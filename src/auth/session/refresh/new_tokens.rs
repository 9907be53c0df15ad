//! Saves the issuer's answer, on a blocking thread.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::on_disk::OnDisk;
use crate::auth::file::auth_file::{Tokens, same};
use crate::auth::file::credentials::Credentials;
use crate::auth::issuer::answer::lacks;
use crate::auth::session::SessionState;
use crate::auth::store::{PreparedSave, Store};
use crate::error::{ErrorKind, Result};

/// New tokens, and everything that saving them needs.
pub struct NewTokens {
    /// The session that will hold them.
    pub shared: Arc<SessionState>,
    /// The store that the file is in.
    pub store: Store,
    /// The credentials that it held when the refresh began.
    pub held: Arc<Credentials>,
    /// The file before the request.
    pub before: OnDisk,
    /// The refresh token that the issuer has just taken.
    pub spent: SecretString,
    pub new: Tokens,
    pub now: DateTime<Utc>,
}

impl NewTokens {
    /// Reads once more, merges, writes, and gives the session the result, also when it
    /// could not be written.
    ///
    /// # Errors
    /// [`ErrorKind::NotSignedIn`] when the session is gone or another account's: nothing
    /// was written, and the new tokens are dropped.
    pub fn save(self, save: PreparedSave) -> Result<()> {
        let preference = self.shared.options.preference.as_ref();
        // Another program may have written without our lock while the issuer was asked.
        let found = self.store.read();
        let found = found.and_then(|it| OnDisk::of(it, &self.store, preference, &self.held));
        let found = match found {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotSignedIn => return Err(error),
            Err(error) => {
                // The one refresh token that works is in hand, and was this file's.
                tracing::warn!(?error, "saving over credentials that cannot be read again");
                return self.save_over(&self.before.credentials, save);
            }
        };
        if self.is_superseded_by(&found) {
            self.shared.hold(found.credentials);
            return Ok(());
        }
        if let Some(bytes) = &found.damaged
            && let Err(error) = self.store.keep_damaged(bytes)
        {
            // The tokens in hand are worth more than the copy.
            tracing::warn!(?error, "the damaged file was not kept");
        }
        self.save_over(&found.credentials, save)
    }

    /// Merges into `base`, writes, and gives the session the result.
    fn save_over(&self, base: &Credentials, save: PreparedSave) -> Result<()> {
        let mut merged = self.merged(base);
        match save.commit(&merged.file) {
            Ok(written) => {
                merged.unsaved_over = None;
                let is_due = self.new.access_token.is_none() && merged.is_due(self.now);
                self.hold(merged);
                if let Some(warning) = written.warning {
                    self.store.tell(warning);
                }
                if is_due {
                    Err(lacks("access_token"))
                } else {
                    Ok(())
                }
            }
            Err(error) => {
                self.hold(merged);
                Err(error)
            }
        }
    }

    /// Returns whether the same account has signed in again in the meantime: its tokens stay.
    fn is_superseded_by(&self, found: &OnDisk) -> bool {
        let credentials = &found.credentials;
        found.may_be_adopted
            && !same(credentials.refresh_token(), Some(&self.spent))
            && !credentials.is_due(self.now)
    }

    /// Merges the new tokens into `base`. Tokens and account id are replaced together, because
    /// the issuer may have moved the session to another workspace; one that the person switched
    /// to stays.
    fn merged(&self, base: &Credentials) -> Credentials {
        let mut merged = base.clone();
        let mut new = self.new.clone();
        if !base.workspace_was_switched() {
            new.account_id = new.identity().account_id;
        }
        let was_switched_meanwhile =
            !same(base.access_token(), self.before.credentials.access_token());
        if was_switched_meanwhile && !base.is_due(self.now) {
            // It is for the workspace that was chosen while the issuer was asked.
            new.access_token = None;
        }
        merged.replace_tokens(new);
        merged.file.last_refresh = Some(self.now);
        merged.file.judge_again();
        merged.unsaved_over = merged.unsaved_over.or_else(|| Some(self.spent.clone()));
        merged
    }

    fn hold(&self, credentials: Credentials) {
        self.shared.hold(if self.new.access_token.is_some() {
            credentials.just_received(self.now)
        } else {
            credentials
        });
    }
}
