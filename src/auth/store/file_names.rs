//! The names of the files in a product's home, derived from the name of the credentials file.

use std::path::Path;

use crate::product::Product;

impl Product {
    /// Returns whether a file holds credentials or locks them: it is the file itself, a copy, a
    /// lock or a temporary file, ours or the program's.
    pub(in crate::auth) fn is_secret(&self, name: &str) -> bool {
        let stem = self.stem();
        match name.strip_prefix('.') {
            Some(hidden) => hidden
                .strip_prefix(stem)
                .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)),
            None => name
                .strip_prefix(stem)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        }
    }

    /// Returns whether the Codex CLI makes its temporary files with names like this:
    /// `.auth-a1B2c3`.
    pub(super) fn is_codex_temporary(&self, name: &str) -> bool {
        let random = name
            .strip_prefix('.')
            .and_then(|name| name.strip_prefix(self.stem()))
            .and_then(|name| name.strip_prefix('-'));
        random.is_some_and(|random| {
            random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }

    /// The lock around a whole read-modify-write: `auth.lock`.
    pub(super) fn lock_name(&self) -> String {
        match self.stem() {
            stem if stem == self.credentials_file => format!("{stem}.session.lock"),
            stem => format!("{stem}.lock"),
        }
    }

    /// The lock around a write alone: `auth.json.lock`.
    pub(super) fn write_lock_name(&self) -> String {
        format!("{}.lock", self.credentials_file)
    }

    fn stem(&self) -> &str {
        let stem = Path::new(self.credentials_file.as_ref()).file_stem();
        stem.and_then(|stem| stem.to_str())
            .unwrap_or(&self.credentials_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(credentials: &'static str) -> Product {
        Product {
            credentials_file: credentials.into(),
            ..Product::codex()
        }
    }

    #[test]
    fn the_locks_are_named_after_the_credentials() {
        let codex = product("auth.json");
        assert_eq!(codex.lock_name(), "auth.lock");
        assert_eq!(codex.write_lock_name(), "auth.json.lock");
        let bare = product("credentials");
        assert_ne!(
            bare.lock_name(),
            bare.write_lock_name(),
            "one lock is not taken twice"
        );
    }

    #[test]
    fn a_temporary_file_of_the_codex_cli_has_six_random_characters() {
        let codex = product("auth.json");
        assert!(codex.is_codex_temporary(".auth-a1B2c3"));
        for other in [".auth-", ".auth-backups", ".auth-a1-2c3", "auth-a1B2c3"] {
            assert!(!codex.is_codex_temporary(other), "{other}");
        }
    }

    #[test]
    fn files_that_hold_or_lock_credentials_are_told_from_others_by_the_products_own_names() {
        let codex = product("auth.json");
        for name in [
            "auth.json",
            "auth.lock",
            "auth.json.damaged",
            ".auth.json.x.tmp",
            ".auth-x1",
        ] {
            assert!(codex.is_secret(name), "{name}");
        }
        for name in [
            "authors",
            "author.md",
            ".authors",
            "config.toml",
            "credentials.json",
        ] {
            assert!(!codex.is_secret(name), "{name}");
        }
        let acme = product("credentials.json");
        for name in [
            "credentials.json",
            "credentials.lock",
            ".credentials.json.x.tmp",
        ] {
            assert!(acme.is_secret(name), "{name}");
        }
        assert!(!acme.is_secret("auth.json"));
    }
}
