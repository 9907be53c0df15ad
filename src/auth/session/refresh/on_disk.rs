//! What stands in the file under the lock, seen from the credentials that a session holds.

use crate::auth::auth_file::Tokens;
use crate::auth::auth_file::same;
use crate::auth::salvage::salvage;
use crate::auth::session::SessionOptions;
use crate::auth::session::credentials::Credentials;
use crate::auth::store::Contents;
use crate::error::{Error, Result};

/// The file as a refresh finds it.
pub struct OnDisk {
    /// What to refresh, and what to merge the answer into.
    pub credentials: Credentials,
    /// The file says this itself; nothing was repaired.
    pub may_be_adopted: bool,
}

impl OnDisk {
    /// Reads the file again.
    ///
    /// # Errors
    /// [`ErrorKind::NotSignedIn`] when it is gone or somebody else's;
    /// [`ErrorKind::Storage`] when it cannot be read.
    pub fn read(options: &SessionOptions, credentials: &Credentials) -> Result<Self> {
        match options.store.contents()? {
            Contents::Missing => Err(signed_out_meanwhile()),
            Contents::File(file) => {
                let found = Credentials::from_file(
                    *file,
                    options.preference.as_ref(),
                    &options.store.path(),
                )?;
                Self::found(found, credentials)
            }
            Contents::Malformed(bytes, error) => {
                let repaired = repair(credentials, &bytes).ok_or(error)?;
                Ok(Self {
                    credentials: repaired,
                    may_be_adopted: false,
                })
            }
        }
    }

    fn found(mut found: Credentials, credentials: &Credentials) -> Result<Self> {
        if !found.same_account(credentials) {
            return Err(another_account());
        }
        // The file still holds the token that was spent for tokens it never received.
        let is_behind = credentials.unsaved_over.is_some()
            && same(credentials.unsaved_over.as_ref(), found.refresh_token());
        if is_behind && let Some(unsaved) = credentials.file.tokens.clone() {
            found.replace_tokens(unsaved);
        }
        Ok(Self {
            credentials: found,
            may_be_adopted: !is_behind,
        })
    }
}

/// The credentials in memory, with the tokens that can still be read in the damaged
/// file; `None` when those are another account's.
pub fn repair(credentials: &Credentials, damaged: &[u8]) -> Option<Credentials> {
    let tokens: Tokens = salvage(damaged);
    let owner = tokens.account().account_id;
    if owner.is_some() && owner != credentials.account.account_id {
        return None;
    }
    let mut repaired = credentials.clone();
    repaired.replace_tokens(tokens);
    Some(repaired)
}

pub fn signed_out_meanwhile() -> Error {
    Error::not_signed_in("Not logged in: another program signed out meanwhile")
        .with_hint("Sign in again")
}

pub fn another_account() -> Error {
    Error::not_signed_in(
        "Another account was signed in meanwhile, and its credentials were left alone",
    )
    .with_hint("Start again to go on as that account")
}
