//! The credentials in the file, read under the lock and joined with those in memory.

use crate::auth::file::account::Mode;
use crate::auth::file::auth_file::{Tokens, same};
use crate::auth::file::credentials::Credentials;
use crate::auth::store::{Contents, Reading, Store};
use crate::error::{Error, Result};

/// The file as a refresh finds it.
pub struct OnDisk {
    /// The credentials to refresh, and to merge the answer into.
    pub credentials: Credentials,
    /// The bytes of a damaged file; the credentials were salvaged from it.
    pub damaged: Option<Vec<u8>>,
    /// Set when all this is in the file itself, without a repair.
    pub may_be_adopted: bool,
}

impl OnDisk {
    /// Judges the credentials that were read again, for a session that holds `held`.
    ///
    /// # Errors
    /// [`ErrorKind::NotSignedIn`](crate::ErrorKind) when the session is gone or another
    /// account's; [`ErrorKind::Storage`](crate::ErrorKind) when the file cannot be read.
    pub fn of(
        reading: Reading,
        store: &Store,
        preference: Option<&Mode>,
        held: &Credentials,
    ) -> Result<Self> {
        match reading.contents {
            Contents::Missing => Err(signed_out_meanwhile()),
            Contents::File(file) => {
                let place = store.describe(reading.source);
                let credentials = Credentials::from_file(*file, preference, &place)?;
                if !credentials.same_account(held) {
                    return Err(another_account());
                }
                Ok(Self::joined(credentials, None, held))
            }
            Contents::Damaged(bytes, error) => {
                let mut credentials = held.clone();
                let salvaged = Tokens::salvage(&bytes);
                // The id token of a sign-in to another workspace may be what was damaged.
                let may_be_another = salvaged.id_token.is_none()
                    && salvaged.account_id.is_some()
                    && salvaged.account_id != held.account.account_id;
                credentials.replace_tokens(salvaged);
                if may_be_another || !credentials.same_account(held) {
                    return Err(error);
                }
                Ok(Self::joined(credentials, Some(bytes), held))
            }
        }
    }

    fn joined(mut credentials: Credentials, damaged: Option<Vec<u8>>, held: &Credentials) -> Self {
        // The file still has the spent token, because the new ones could not be saved.
        let is_behind = held.unsaved_over.is_some()
            && same(held.unsaved_over.as_ref(), credentials.refresh_token());
        if is_behind && let Some(unsaved) = held.file.tokens.clone() {
            credentials.replace_tokens(unsaved);
            credentials.unsaved_over.clone_from(&held.unsaved_over);
        }
        Self {
            credentials,
            may_be_adopted: damaged.is_none() && !is_behind,
            damaged,
        }
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
