//! Signing in with an API key.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use super::account::{Account, Saved};
use super::auth_file::AuthFile;
use super::notify::Notify;
use super::store::{LockedSave, Store};
use crate::error::{Error, Result};

/// No real key is longer than a few hundred characters.
const MAX_KEY: usize = 4096;

/// Checks that `key` could be sent as a bearer (RFC 6750, section 2.1).
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) with a sentence that names what is wrong, never the key.
pub fn check_api_key(key: &str) -> Result<SecretString> {
    let key = key.trim();
    let refuse = |why: String| Err(Error::usage(why));
    if key.is_empty() {
        return refuse("The API key is empty".to_owned());
    }
    if key.len() > MAX_KEY {
        return refuse(format!(
            "This is not an API key: it is {} bytes long",
            key.len()
        ));
    }
    let bad = key.chars().enumerate().find(|(_, c)| !c.is_ascii_graphic());
    if let Some((at, c)) = bad {
        let what = match c {
            ' ' => "a space",
            c if c.is_control() => "a control character",
            c if c.is_whitespace() => "a space",
            _ => "a character that is not ASCII",
        };
        return refuse(format!("The API key has {what} at position {}", at + 1));
    }
    Ok(key.into())
}

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
        let file = AuthFile::with_api_key(check_api_key(key.expose_secret())?);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_around_a_key_are_nobodys_mistake() {
        let key = check_api_key("  sk-123\n").unwrap();
        assert_eq!(key.expose_secret(), "sk-123");
    }

    #[test]
    fn what_could_not_be_a_bearer_is_named() {
        let why = |key: &str| check_api_key(key).unwrap_err().to_string();
        assert_eq!(why(" "), "The API key is empty");
        assert_eq!(why("sk-1 2"), "The API key has a space at position 5");
        assert_eq!(
            why("sk\u{7}"),
            "The API key has a control character at position 3"
        );
        assert_eq!(
            why("sk-é"),
            "The API key has a character that is not ASCII at position 4"
        );
        assert!(why(&"x".repeat(5000)).contains("5000 bytes"));
    }
}
