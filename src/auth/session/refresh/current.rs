//! What stands in the file under the lock, seen from the credentials that a session holds.

use crate::auth::credentials::Tokens;
use crate::auth::credentials::same;
use crate::auth::salvage::salvage;
use crate::auth::session::SessionOptions;
use crate::auth::session::held::Held;
use crate::auth::store::Contents;
use crate::error::{Error, ErrorKind, Result};

/// The file as a refresh finds it.
pub struct Current {
    /// What to refresh, and what to merge the answer into.
    pub held: Held,
    /// The file says this itself; nothing was repaired.
    pub may_be_adopted: bool,
}

impl Current {
    /// Reads the file again.
    ///
    /// # Errors
    /// [`ErrorKind::NotSignedIn`] when it is gone or somebody else's;
    /// [`ErrorKind::Storage`] when it cannot be read.
    pub fn read(options: &SessionOptions, held: &Held) -> Result<Self> {
        match options.store.contents()? {
            Contents::Missing => Err(signed_out_meanwhile()),
            Contents::File(file) => {
                let found =
                    Held::from_file(*file, options.preference.as_ref(), &options.store.path())?;
                Self::found(found, held)
            }
            Contents::Malformed(bytes, error) => {
                let repaired = repair(held, &bytes).ok_or(error)?;
                Ok(Self {
                    held: repaired,
                    may_be_adopted: false,
                })
            }
        }
    }

    fn found(mut found: Held, held: &Held) -> Result<Self> {
        if !found.same_account(held) {
            return Err(another_account());
        }
        // The file still holds the token that was spent for tokens it never received.
        let is_behind =
            held.unsaved_over.is_some() && same(held.unsaved_over.as_ref(), found.refresh_token());
        if is_behind && let Some(unsaved) = held.file.tokens.clone() {
            found.replace_tokens(unsaved);
        }
        Ok(Self {
            held: found,
            may_be_adopted: !is_behind,
        })
    }
}

/// The credentials that are held, with the tokens that can still be read in the damaged
/// file; `None` when those are another account's.
pub fn repair(held: &Held, damaged: &[u8]) -> Option<Held> {
    let tokens: Tokens = salvage(damaged);
    let owner = tokens.account().account_id;
    if owner.is_some() && owner != held.account.account_id {
        return None;
    }
    let mut repaired = held.clone();
    repaired.replace_tokens(tokens);
    Some(repaired)
}

pub fn signed_out_meanwhile() -> Error {
    Error::new(
        ErrorKind::NotSignedIn,
        "Not logged in: another program signed out meanwhile",
    )
    .with_hint("Sign in again")
}

pub fn another_account() -> Error {
    Error::new(
        ErrorKind::NotSignedIn,
        "Another account was signed in meanwhile, and its credentials were left alone",
    )
    .with_hint("Start again to go on as that account")
}
