//! The credentials in the file, read under the lock and joined with those in memory.

use super::Refresh;
use crate::auth::credentials::Credentials;
use crate::auth::file::auth_file::{Tokens, same};
use crate::auth::store::{Contents, Reading};
use crate::error::{Error, Result};

/// The file as a refresh finds it.
pub struct OnDisk {
    /// The credentials to refresh, and to merge the answer into.
    pub credentials: Credentials,
    /// The bytes of a damaged file; the credentials were salvaged from it.
    pub damaged: Option<Vec<u8>>,
}

impl OnDisk {
    /// Compares what a refresh has read with the credentials that the session holds.
    ///
    /// # Errors
    /// [`ErrorKind::NotSignedIn`](crate::ErrorKind) when the session is gone or belongs to another
    /// account; [`ErrorKind::Storage`](crate::ErrorKind) when the file is damaged and may be
    /// another account's.
    pub fn of(reading: Reading, refresh: &Refresh) -> Result<Self> {
        let held = &refresh.held;
        let (mut credentials, damaged) = match reading.contents {
            Contents::Missing => return Err(signed_out_meanwhile()),
            Contents::File(file) => {
                let preference = refresh.shared.options.preference.as_ref();
                let found = Credentials::choose(*file, preference, &refresh.store, reading.source)?;
                if !found.same_account(held) {
                    return Err(another_account());
                }
                (found, None)
            }
            Contents::Damaged(bytes, error) => {
                let salvaged = Tokens::salvage(&bytes);
                // The damaged part may be the id token of a sign-in to another workspace.
                let may_be_another = salvaged.id_token.is_none()
                    && salvaged.account_id.is_some()
                    && salvaged.account_id != held.account.account_id;
                let mut found = Credentials::clone(held);
                found.replace_tokens(salvaged);
                if may_be_another || !found.same_account(held) {
                    return Err(error);
                }
                (found, Some(bytes))
            }
        };
        // The file still has the spent token, because the new ones could not be saved.
        if let (Some(spent), Some(unsaved)) = (&held.unsaved_over, &held.file.tokens)
            && same(Some(spent), credentials.refresh_token())
        {
            credentials.replace_tokens(unsaved.clone());
            credentials.unsaved_over = Some(spent.clone());
        }
        Ok(Self {
            credentials,
            damaged,
        })
    }

    /// Returns whether the file itself holds these credentials: nothing was salvaged from damage,
    /// or added from memory.
    pub fn may_be_adopted(&self) -> bool {
        self.damaged.is_none() && self.credentials.unsaved_over.is_none()
    }

    /// Returns whether the file has other tokens than `other`.
    pub fn differs_from(&self, other: &Self) -> bool {
        !self.credentials.same_secret(&other.credentials)
    }
}

fn signed_out_meanwhile() -> Error {
    Error::not_signed_in("Not logged in: another program has signed out").with_hint("Sign in again")
}

fn another_account() -> Error {
    Error::not_signed_in("Another account has signed in; its credentials were left unchanged")
        .with_hint("Start again to go on as that account")
}
