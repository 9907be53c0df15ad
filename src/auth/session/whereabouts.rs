//! The place of an account's credentials: other programs move them, and a session follows.

use super::{Session, SessionOptions, SessionState};
use crate::auth::accounts::{Accounts, Found, StoredAccount};
use crate::auth::file::credentials::Credentials;
use crate::auth::file::owner::Owner;
use crate::auth::store::{Source, Store};
use crate::auth::system::on_blocking_thread;
use crate::error::Result;

/// The place of a session's credentials.
#[derive(Clone)]
pub struct Whereabouts {
    pub store: Store,
    pub source: Source,
}

impl Session {
    /// As [`Session::load`], for one of several accounts, wherever it is by now: another program
    /// may have made it the active one, or parked it. Never returns the session of
    /// another account in its place.
    ///
    /// # Errors
    /// As [`Session::load`]; [`ErrorKind::NotSignedIn`](crate::ErrorKind::NotSignedIn) when the
    /// account has been signed out.
    pub fn load_account(options: &SessionOptions, account: &StoredAccount) -> Result<Self> {
        let owner = account.owner().ok_or_else(|| account.damaged())?;
        let accounts = Accounts::new(account.store().clone());
        let found = accounts.of_owner(owner)?;
        let Found {
            store,
            source,
            credentials,
            ..
        } = found.ok_or_else(|| account.signed_out())?;
        let preference = options.preference.as_ref();
        let words = store.describe(source);
        let credentials = Credentials::from_file(credentials?.file, preference, &words)?;
        Ok(Self::new(
            options,
            Whereabouts { store, source },
            credentials,
        ))
    }
}

impl SessionState {
    /// Looks for the account, and returns whether it is still signed in.
    pub(super) async fn follow(&self) -> bool {
        let held = self.credentials();
        let owner = Owner::of(&held.mode, &held.file);
        let accounts = Accounts::new(self.whereabouts().store);
        let found = on_blocking_thread(move || accounts.of_owner(&owner)).await;
        match found {
            Ok(Some(found)) if found.credentials.is_ok() => {
                self.move_to(Whereabouts {
                    source: found.source,
                    store: found.store,
                });
                true
            }
            _ => false,
        }
    }
}
