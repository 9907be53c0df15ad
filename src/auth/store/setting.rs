//! The Codex CLI's setting for where credentials are kept.

use crate::error::Result;
use crate::product::codex;

/// The place where the Codex CLI keeps credentials: `cli_auth_credentials_store` in `config.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreSetting {
    /// In `auth.json`.
    #[default]
    File,
    /// In the system's keyring.
    Keyring,
    /// In the system's keyring if there is one, else in `auth.json`.
    Auto,
    /// Nowhere: they end with the program.
    Ephemeral,
    /// In a file that is encrypted with a key from the system's keyring
    /// (`features.secret_auth_storage`). Only the Codex CLI can use it.
    Encrypted,
}

impl StoreSetting {
    /// Returns the setting of this name.
    pub fn named(name: &str) -> Option<Self> {
        let named = [Self::File, Self::Keyring, Self::Auto, Self::Ephemeral];
        named.into_iter().find(|setting| setting.name() == name)
    }

    /// Returns the setting's name in `config.toml`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Keyring => "keyring",
            Self::Auto => "auto",
            Self::Ephemeral => "ephemeral",
            Self::Encrypted => "keyring, with secret_auth_storage",
        }
    }

    /// Returns whether the keyring takes precedence over the file.
    pub fn asks_keyring(self) -> bool {
        matches!(self, Self::Keyring | Self::Auto)
    }

    /// Checks that the Codex CLI will read what a sign-in saves here.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) with the setting to change.
    pub fn check_usable(self) -> Result<()> {
        self.check_usable_by("config.toml")
    }

    /// As [`StoreSetting::check_usable`], where the setting is made in `file`.
    pub(crate) fn check_usable_by(self, file: &str) -> Result<()> {
        match self {
            Self::File | Self::Keyring | Self::Auto => Ok(()),
            Self::Ephemeral => Err(codex::keeps_nothing(file)),
            Self::Encrypted => Err(codex::encrypts()),
        }
    }
}
