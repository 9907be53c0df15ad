//! Reads the credentials from where the setting says they are.

use super::keyring::{KeyringFailure, KeyringRequest, Vault};
use super::read::{damaged, links_in, read_regular, unreadable};
use super::{Source, Store, StoreSetting};
use crate::auth::file::account::Account;
use crate::auth::file::auth_file::{AuthFile, Tokens};
use crate::error::{Error, Result};

/// The contents of `auth.json` or of the keyring's entry.
#[derive(Debug)]
pub enum Contents {
    /// There are no credentials.
    Missing,
    /// The parsed file.
    File(Box<AuthFile>),
    /// The bytes of a damaged file, for salvage, and the error with its line and column.
    Damaged(Vec<u8>, Error),
}

impl Contents {
    /// Parses an entry of the keyring.
    pub(super) fn of_entry(bytes: Vec<u8>) -> Self {
        Self::parse(
            bytes,
            "The entry in the system's keyring",
            "Sign in again to replace it",
        )
    }

    fn parse(bytes: Vec<u8>, what: &str, hint: &'static str) -> Self {
        match AuthFile::parse(&bytes) {
            Ok(file) => Self::File(Box::new(file)),
            Err(error) => {
                let error = damaged(what, &bytes, &error).with_hint(hint);
                Self::Damaged(bytes, error)
            }
        }
    }

    /// Returns the parsed file; `None` when there are no credentials.
    ///
    /// # Errors
    /// The file is damaged.
    pub(in crate::auth) fn into_file(self) -> Result<Option<Box<AuthFile>>> {
        match self {
            Self::Missing => Ok(None),
            Self::File(file) => Ok(Some(file)),
            Self::Damaged(_, error) => Err(error),
        }
    }

    /// Returns the bytes, to compare them; `None` when there are none.
    pub(in crate::auth) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Missing => None,
            Self::File(file) => file.to_bytes().ok(),
            Self::Damaged(bytes, _) => Some(bytes.clone()),
        }
    }
}

/// The credentials, and where they come from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reading {
    /// The credentials.
    pub(crate) contents: Contents,
    /// The place where they were found or, if there are none, would be saved.
    pub source: Source,
    /// Set if a save goes to the keyring and parks these credentials, which are in the file, unless
    /// they belong to the same account.
    pub is_parked_by_save: bool,
}

impl Reading {
    /// Returns whether an API key is stored.
    pub fn holds_api_key(&self) -> bool {
        self.file().is_some_and(|file| file.api_key.is_some())
    }

    /// Returns the account that a new sign-in would replace: that of tokens or of an access token,
    /// but neither an API key nor a lent session.
    pub fn account(&self) -> Option<Account> {
        let file = self.file().filter(|file| !file.is_lent())?;
        let of_tokens = file.tokens.as_ref().map(Tokens::account);
        of_tokens.or_else(|| file.implied_mode().map(Account::unknown))
    }

    fn file(&self) -> Option<&AuthFile> {
        match &self.contents {
            Contents::File(file) => Some(file),
            _ => None,
        }
    }
}

/// The number of attempts to read a file that is being written in place.
const TRIES: usize = 3;

impl Store {
    /// Reads the credentials. Takes no lock: a reader sees the old ones or the new ones. A keyring
    /// may block it for 2 seconds, or for up to a minute while a person unlocks it.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when they cannot be read.
    pub fn read(&self) -> Result<Reading> {
        match self.asked_vault()? {
            Some(vault) => self.answered(self.request(&vault).wait()),
            None => self.read_without_keyring(),
        }
    }

    /// As [`Store::read`], without blocking the thread. Dropping the future gives up.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_async(&self) -> Result<Reading> {
        match self.asked_vault()? {
            Some(vault) => self.answered(self.request(&vault).answer().await),
            None => self.read_without_keyring(),
        }
    }

    /// As [`Store::read`], for the parsed credentials alone.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage), also for a damaged file.
    #[doc(hidden)]
    pub fn load(&self) -> Result<Option<AuthFile>> {
        Ok(self.contents()?.into_file()?.map(|file| *file))
    }

    /// As [`Store::load`], with the bytes of a damaged file.
    #[doc(hidden)]
    pub fn contents(&self) -> Result<Contents> {
        Ok(self.read()?.contents)
    }

    fn request(&self, vault: &Vault) -> KeyringRequest<Option<Vec<u8>>> {
        vault.read(self.may_unlock.then_some(&self.notify))
    }

    fn answered(&self, answer: Result<Option<Vec<u8>>, KeyringFailure>) -> Result<Reading> {
        let entry = match answer {
            Err(failure) if self.may_use_file(&failure) => {
                tracing::debug!(?failure, "no keyring, so the file counts");
                return self.read_without_keyring();
            }
            answer => answer?,
        };
        let contents = match entry {
            Some(bytes) => {
                return Ok(Reading {
                    contents: Contents::of_entry(bytes),
                    source: Source::Keyring,
                    is_parked_by_save: false,
                });
            }
            None if self.setting == StoreSetting::Auto => self.read_file()?,
            None => Contents::Missing,
        };
        let is_in_file = !matches!(contents, Contents::Missing);
        Ok(Reading {
            contents,
            source: if is_in_file {
                Source::File
            } else {
                Source::Keyring
            },
            is_parked_by_save: is_in_file,
        })
    }

    fn read_without_keyring(&self) -> Result<Reading> {
        let contents = match self.setting {
            StoreSetting::Ephemeral => Contents::Missing,
            _ => self.read_file()?,
        };
        Ok(Reading {
            contents,
            source: Source::File,
            is_parked_by_save: false,
        })
    }

    pub(super) fn read_file(&self) -> Result<Contents> {
        let mut found = self.contents_of_file()?;
        for _ in 1..TRIES {
            if let Some(new) = self.unfinished(&found) {
                return Ok(Contents::File(Box::new(new)));
            }
            if matches!(found, Contents::File(_)) || !self.is_mount() {
                break;
            }
            // The save may have ended between the two reads.
            found = self.contents_of_file()?;
        }
        Ok(found)
    }

    /// Reads `auth.json` itself, without an unfinished save beside it.
    pub(super) fn contents_of_file(&self) -> Result<Contents> {
        let path = self.path();
        let links = links_in(self.home());
        let Some(bytes) = read_regular(&path, links).map_err(|error| unreadable(&path, error))?
        else {
            return Ok(Contents::Missing);
        };
        if bytes.is_empty() {
            // A sign-out empties a mount point.
            return Ok(Contents::Missing);
        }
        Ok(Contents::parse(
            bytes,
            &path.display().to_string(),
            "Repair the file, or sign in again to replace it",
        ))
    }
}
