//! From the issuer's answer to the renamed file, on a blocking thread.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::on_disk::{OnDisk, another_account, repair, signed_out_meanwhile};
use crate::auth::auth_file::Tokens;
use crate::auth::auth_file::same;
use crate::auth::session::SessionOptions;
use crate::auth::session::credentials::Credentials;
use crate::auth::store::{Contents, PreparedSave};
use crate::error::{Error, Result};

/// What to save, and over what.
pub struct Commit {
    options: SessionOptions,
    current: OnDisk,
    /// The refresh token that the issuer has just taken.
    spent: SecretString,
    new: Tokens,
}

/// How it ended.
pub enum Committed {
    /// On disk; the text is a warning.
    Saved(Credentials, Option<String>),
    /// The same account signed in anew meanwhile: its tokens stay.
    Superseded(Credentials),
    /// Somebody signed out or signed in as somebody else meanwhile: nothing was written.
    NotOurs(Error),
    /// Only this process has them.
    Unsaved(Credentials, Error),
}

/// What the new tokens are to be merged into.
enum Base {
    Merge(Credentials),
    Superseded(Credentials),
    NotOurs(Error),
}

impl Commit {
    pub fn new(
        options: &SessionOptions,
        current: OnDisk,
        spent: SecretString,
        new: Tokens,
    ) -> Self {
        Self {
            options: options.clone(),
            current,
            spent,
            new,
        }
    }

    /// Looks once more, merges, writes.
    pub fn run(self, save: PreparedSave, now: DateTime<Utc>) -> Committed {
        let base = match self.base(now) {
            Ok(Base::Merge(base)) => base,
            Ok(Base::Superseded(credentials)) => return Committed::Superseded(credentials),
            Ok(Base::NotOurs(error)) => return Committed::NotOurs(error),
            Err(error) => {
                let credentials = self.current.credentials.clone();
                return self.unsaved(credentials, now, error);
            }
        };
        let credentials = self.merged(base.clone(), now);
        match save.commit(&credentials.file) {
            Ok(warning) => Committed::Saved(credentials, warning),
            Err(error) => self.unsaved(base, now, error),
        }
    }

    /// Somebody may have written without our lock while the issuer was asked.
    fn base(&self, now: DateTime<Utc>) -> Result<Base> {
        let store = &self.options.store;
        let file = match store.contents()? {
            Contents::Missing => return Ok(Base::NotOurs(signed_out_meanwhile())),
            Contents::Malformed(bytes, _) => {
                if repair(&self.current.credentials, &bytes).is_none() {
                    return Ok(Base::NotOurs(another_account()));
                }
                if let Err(error) = store.keep_damaged(&bytes) {
                    // The tokens in hand are worth more than the copy.
                    tracing::warn!(?error, "the damaged file was not kept");
                }
                return Ok(Base::Merge(self.current.credentials.clone()));
            }
            Contents::File(file) => *file,
        };
        let preference = self.options.preference.as_ref();
        let Ok(found) = Credentials::from_file(file, preference, &store.path()) else {
            return Ok(Base::NotOurs(signed_out_meanwhile()));
        };
        let current = &self.current.credentials;
        Ok(if !found.same_account(current) {
            Base::NotOurs(another_account())
        } else if self.is_what_was_refreshed(&found) || found.is_due(now) {
            Base::Merge(found)
        } else {
            Base::Superseded(found)
        })
    }

    fn is_what_was_refreshed(&self, found: &Credentials) -> bool {
        let token = found.refresh_token();
        let current = &self.current.credentials;
        same(token, Some(&self.spent))
            || (token.is_some() && same(token, current.unsaved_over.as_ref()))
    }

    /// What does not come stays as it was. Tokens and account id travel together, should
    /// the issuer have moved the session to another workspace.
    fn merged(&self, mut base: Credentials, now: DateTime<Utc>) -> Credentials {
        let mut new = self.new.clone();
        new.account_id = new.identity().account_id;
        base.replace_tokens(new);
        base.file.last_refresh = Some(now);
        base.unsaved_over = None;
        base
    }

    fn unsaved(&self, base: Credentials, now: DateTime<Utc>, error: Error) -> Committed {
        let mut credentials = self.merged(base, now);
        let in_file = self.current.credentials.unsaved_over.clone();
        credentials.unsaved_over = in_file.or_else(|| Some(self.spent.clone()));
        Committed::Unsaved(credentials, error)
    }
}
