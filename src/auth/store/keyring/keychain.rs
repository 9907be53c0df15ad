//! The Keychain of macOS, which itself asks the person to unlock it.

use secrecy::{ExposeSecret as _, SecretString};
use security_framework::base::Error;
use security_framework::passwords::{
    delete_generic_password, get_generic_password, set_generic_password,
};

use super::{Keyring, KeyringAnswer, KeyringEntry, KeyringFailure};

/// The user's default keychain.
pub struct Keychain;

impl Keyring for Keychain {
    fn read(&self, entry: KeyringEntry, _: bool) -> KeyringAnswer<Option<Vec<u8>>> {
        aside(move || found(get_generic_password(&entry.service, &entry.account)))
    }

    fn unlock(&self, _: KeyringEntry) -> KeyringAnswer<()> {
        // A write asks the person by itself.
        aside(|| Ok(()))
    }

    fn write(&self, entry: KeyringEntry, secret: SecretString) -> KeyringAnswer<()> {
        aside(move || {
            let secret = secret.expose_secret().as_bytes();
            set_generic_password(&entry.service, &entry.account, secret).map_err(failure)
        })
    }

    fn delete(&self, entry: KeyringEntry, _: bool) -> KeyringAnswer<bool> {
        aside(move || {
            let deleted = found(delete_generic_password(&entry.service, &entry.account))?;
            Ok(deleted.is_some())
        })
    }
}

/// Runs `work` on another thread: the system's calls block, and the dialog that they may show has
/// no time limit, so the timer must run on a different thread.
fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyringFailure> + Send + 'static,
) -> KeyringAnswer<T> {
    Box::pin(async move {
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|died| Err(KeyringFailure::Broken(died.to_string())))
    })
}

fn found<T>(result: Result<T, Error>) -> Result<Option<T>, KeyringFailure> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code() == ITEM_NOT_FOUND => Ok(None),
        Err(error) => Err(failure(error)),
    }
}

// The codes are those of SecBase.h, which the crate does not name.
const USER_CANCELED: i32 = -128;
const NOT_AVAILABLE: i32 = -25291;
const AUTH_FAILED: i32 = -25293;
const ITEM_NOT_FOUND: i32 = -25300;
const NO_DEFAULT_KEYCHAIN: i32 = -25307;
const INTERACTION_NOT_ALLOWED: i32 = -25308;

fn failure(error: Error) -> KeyringFailure {
    match error.code() {
        USER_CANCELED | AUTH_FAILED | INTERACTION_NOT_ALLOWED => KeyringFailure::Locked,
        NOT_AVAILABLE | NO_DEFAULT_KEYCHAIN => KeyringFailure::Absent(Some(error.to_string())),
        _ => KeyringFailure::Broken(error.to_string()),
    }
}
