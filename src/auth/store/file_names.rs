//! The names of the files in a product's home.

use std::path::Path;
use std::sync::Arc;

use crate::product::{Product, Program, Text};

/// The names of a product's home and of the files in it.
#[derive(Clone)]
pub struct FileNames {
    /// The product's name.
    pub product: Text,
    /// The credentials: `auth.json` for Codex, whose other names follow from it.
    pub credentials: Text,
    /// The folder's name for a person.
    pub home: Text,
    /// The environment variable that names the folder.
    pub variable: Option<Text>,
    /// The program that the folder belongs to.
    pub program: Option<Arc<Program>>,
}

impl FileNames {
    pub fn of(product: &Product) -> Self {
        Self {
            product: product.name.clone(),
            credentials: product.credentials_file.clone(),
            home: product.home.clone(),
            variable: product.home_variable.clone(),
            program: product.program.clone().map(Arc::new),
        }
    }

    /// Returns whether a file holds credentials or locks them: one of those above, a copy or
    /// a temporary file, ours or the program's own.
    pub fn is_secret(&self, name: &str) -> bool {
        let rest = |name: &str| name.strip_prefix(self.stem()).map(str::to_owned);
        match name.strip_prefix('.') {
            Some(hidden) => {
                rest(hidden).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
            }
            None => rest(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        }
    }

    /// Returns whether the Codex CLI makes its temporary files with names like this:
    /// `.auth-a1B2c3`.
    pub fn is_codex_temporary(&self, name: &str) -> bool {
        let random = name
            .strip_prefix('.')
            .and_then(|name| name.strip_prefix(self.stem()))
            .and_then(|name| name.strip_prefix('-'));
        random.is_some_and(|random| {
            random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }

    /// The lock around a whole read-modify-write: `auth.lock`.
    pub fn lock(&self) -> String {
        match self.stem() {
            stem if stem == self.credentials => format!("{stem}.session.lock"),
            stem => format!("{stem}.lock"),
        }
    }

    /// The lock around a write alone: `auth.json.lock`.
    pub fn write_lock(&self) -> String {
        format!("{}.lock", self.credentials)
    }

    /// The copy of a damaged file: `auth.json.damaged`.
    pub fn damaged(&self) -> String {
        format!("{}.damaged", self.credentials)
    }

    /// The new contents of a file that is a mount point, until they are in it: `auth.json.new`.
    pub fn pending(file: &Path) -> std::path::PathBuf {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        file.with_file_name(name)
    }

    fn stem(&self) -> &str {
        let stem = Path::new(self.credentials.as_ref()).file_stem();
        stem.and_then(|stem| stem.to_str())
            .unwrap_or(&self.credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(credentials: &'static str) -> FileNames {
        FileNames {
            credentials: credentials.into(),
            ..FileNames::of(&Product::codex())
        }
    }

    #[test]
    fn the_other_files_are_named_after_the_credentials() {
        let codex = names("auth.json");
        assert_eq!(codex.lock(), "auth.lock");
        assert_eq!(codex.write_lock(), "auth.json.lock");
        assert_eq!(codex.damaged(), "auth.json.damaged");
        let bare = names("credentials");
        assert_ne!(
            bare.lock(),
            bare.write_lock(),
            "one lock is not taken twice"
        );
    }

    #[test]
    fn a_temporary_file_of_the_codex_cli_has_six_random_characters() {
        let codex = names("auth.json");
        assert!(codex.is_codex_temporary(".auth-a1B2c3"));
        for other in [".auth-", ".auth-backups", ".auth-a1-2c3", "auth-a1B2c3"] {
            assert!(!codex.is_codex_temporary(other), "{other}");
        }
    }

    #[test]
    fn files_that_hold_or_lock_credentials_are_told_from_others_by_the_products_own_names() {
        let codex = names("auth.json");
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
        let acme = names("credentials.json");
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
