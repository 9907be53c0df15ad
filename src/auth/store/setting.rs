//! The Codex CLI's setting of where credentials are kept.

use crate::error::{Error, Result};

/// The Codex CLI's setting for where credentials are kept: `cli_auth_credentials_store` in
/// `config.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreSetting {
    /// In `auth.json`.
    #[default]
    File,
    /// In the system's keyring.
    Keyring,
    /// In the system's keyring where there is one, else in `auth.json`.
    Auto,
    /// Nowhere: they end with the program.
    Ephemeral,
    /// In a file that is encrypted with a key from the system's keyring
    /// (`features.secret_auth_storage`). Only the Codex CLI can use it.
    Encrypted,
}

impl StoreSetting {
    /// The setting of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "file" => Some(Self::File),
            "keyring" => Some(Self::Keyring),
            "auto" => Some(Self::Auto),
            "ephemeral" => Some(Self::Ephemeral),
            _ => None,
        }
    }

    /// The setting's name in `config.toml`.
    #[cfg(feature = "cli")]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Keyring => "keyring",
            Self::Auto => "auto",
            Self::Ephemeral => "ephemeral",
            Self::Encrypted => "keyring, with secret_auth_storage",
        }
    }

    /// Returns whether a keyring is asked before the file.
    pub fn asks_keyring(self) -> bool {
        matches!(self, Self::Keyring | Self::Auto)
    }

    /// Checks that what a sign-in saves is what the Codex CLI will read.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) with the setting to change.
    pub fn check_usable(self) -> Result<()> {
        self.check_usable_by("config.toml")
    }

    /// As [`StoreSetting::check_usable`], where `file` decides.
    pub(crate) fn check_usable_by(self, file: &str) -> Result<()> {
        match self {
            Self::File | Self::Keyring | Self::Auto => Ok(()),
            Self::Ephemeral => Err(Error::storage(format!(
                "{file} has cli_auth_credentials_store = \"ephemeral\": Codex keeps no \
                 credentials, so a sign-in here would be of no use"
            ))
            .with_hint(FILE_OR_KEYRING)),
            Self::Encrypted => Err(encrypted()),
        }
    }
}

/// Nobody but the Codex CLI can tell what is in its encrypted file.
pub fn encrypted() -> Error {
    Error::storage(
        "config.toml has features.secret_auth_storage = true: Codex keeps credentials in its \
         encrypted file, which only Codex itself reads and writes",
    )
    .with_hint("Sign in with: codex login; or remove the setting, then sign in here")
}

const FILE_OR_KEYRING: &str = "Set it to \"file\", \"keyring\" or \"auto\", then sign in again";
