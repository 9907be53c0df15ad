//! Signing in with an API key.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use super::store::{LockedSave, Store};
use crate::auth::file::account::{Account, Saved};
use crate::auth::file::auth_file::AuthFile;
use crate::auth::file::secret_kind::SecretKind;
use crate::auth::store::notify::Notify;
use crate::error::Result;

/// An API key that is ready to be saved.
///
/// ```
/// use codex_onboarding::auth::{ApiKeySave, Notify, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// let store = Store::new(home.path());
/// let save = ApiKeySave::prepare(&store, "sk-example".into(), &Notify::default()).await?;
/// let saved = save.commit().await?;
/// assert_eq!(saved.account.mode.as_str(), "apikey");
/// # Ok(())
/// # }
/// ```
pub struct ApiKeySave {
    save: LockedSave,
}

impl fmt::Debug for ApiKeySave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeySave").finish_non_exhaustive()
    }
}

impl ApiKeySave {
    /// Checks the key and takes the locks. Nothing has changed if it is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a text that is no key, and
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a lock stays taken or there is no
    /// room.
    pub async fn prepare(store: &Store, key: SecretString, notify: &Notify) -> Result<Self> {
        let file = AuthFile::with_api_key(SecretKind::ApiKey.check(key.expose_secret())?);
        let file = async { Ok(Box::new(file)) };
        let save = LockedSave::prepare(store, notify, file).await?;
        Ok(Self { save })
    }

    /// Replaces the stored credentials.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage); the old credentials are untouched.
    pub async fn commit(self) -> Result<Saved> {
        let warning = self.save.commit().await?;
        Ok(Saved {
            account: Account::api_key(),
            warning,
        })
    }
}
