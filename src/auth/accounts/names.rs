//! The accounts' names: `accounts/names.json`, by owner.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::StoredAccount;
use crate::auth::file::account::Mode;
use crate::auth::file::owner::Owner;
use crate::auth::store::new_file::NewFile;
use crate::auth::store::{Links, Store, read_regular};
use crate::error::{Error, Result};
use crate::text::{clean_short, without_secret};

/// The names, in a codex home.
const PATH: &str = "accounts/names.json";

/// The longest name.
const MAX_NAME: usize = 32;

/// The names of the accounts, by owner.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<Owner, String>);

/// The contents of the file.
#[derive(Deserialize, Serialize)]
struct File {
    version: u32,
    names: BTreeMap<Owner, String>,
}

/// Checks a name: 1 to 32 characters of `a-z 0-9 - _ .`, the first not a dot.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage).
pub fn check_name(name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    let shown = clean_short(&without_secret(name), MAX_NAME);
    Err(
        Error::usage(format!("\"{shown}\" cannot name an account")).with_hint(
            "A name has 1 to 32 of the characters a-z 0-9 - _ . and does not begin with a dot",
        ),
    )
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_allowed) && !name.starts_with('.')
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte)
}

impl Names {
    /// Reads the file. Lost or damaged names are derived again.
    pub fn read(store: &Store) -> Self {
        let bytes = read_regular(&store.home().join(PATH), Links::Refuse);
        let bytes = bytes.ok().flatten().unwrap_or_default();
        let file: Option<File> = serde_json::from_slice(&bytes).ok();
        let names = file.map(|file| file.names).unwrap_or_default();
        let names = names.into_iter().filter(|(_, name)| is_name(name));
        Self(names.collect())
    }

    /// Sets the name of each account: the name it was given, or else one derived from its address;
    /// a damaged file without an owner is named after its slot. All names differ, and none depends
    /// on which account is active.
    pub fn name_all(&self, accounts: &mut [StoredAccount]) {
        let mut accounts: Vec<_> = accounts.iter_mut().collect();
        accounts.sort_by_key(|account| (account.owner.is_none(), account.owner.clone()));
        let mut taken = BTreeSet::new();
        for account in &mut accounts {
            let given = account.owner.as_ref().and_then(|owner| self.0.get(owner));
            let given = given.filter(|name| taken.insert((*name).clone()));
            account.name = given.cloned().unwrap_or_default();
        }
        for account in accounts {
            if account.name.is_empty() {
                account.name = free(&default_name(account), |name| !taken.contains(name));
                taken.insert(account.name.clone());
            }
        }
    }

    /// Gives an account a name, and takes it from an account that no longer exists.
    pub fn give(&mut self, owner: &Owner, name: &str) {
        self.0.retain(|_, given| given != name);
        self.0.insert(owner.clone(), name.to_owned());
    }

    /// Forgets the name of an account that was removed, and returns whether it had one.
    pub fn forget(&mut self, owner: &Owner) -> bool {
        self.0.remove(owner).is_some()
    }

    /// Replaces the file. Only under the lock of the codex home.
    pub fn write(&self, store: &Store) -> Result<()> {
        let folder = store.create_accounts_folder()?;
        let file = File {
            version: 1,
            names: self.0.clone(),
        };
        let mut bytes = serde_json::to_vec_pretty(&file)
            .map_err(|error| Error::internal("Could not encode the names").with_source(error))?;
        bytes.push(b'\n');
        let temporary = Store::temporary_names(&folder);
        // If a power failure undoes this, the names are derived again.
        NewFile::create(store.disk(), store.home().join(PATH), &temporary)?
            .commit(&bytes)
            .map(drop)
    }
}

/// Returns `wanted`, with a number if it is not free.
pub fn free(wanted: &str, is_free: impl Fn(&str) -> bool) -> String {
    let numbered = (2_u32..).map(|number| {
        let number = format!("-{number}");
        let room = wanted.len().min(MAX_NAME - number.len());
        format!("{}{number}", &wanted[..room])
    });
    let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
    names.find(|name| is_free(name)).unwrap_or_default()
}

/// Returns the name of an account that was given none.
fn default_name(account: &StoredAccount) -> String {
    if account.owner.is_none() {
        if account.active {
            return "active".to_owned();
        }
        let slot = account.store.home().file_name().unwrap_or_default();
        return name_from(&slot.to_string_lossy(), "damaged");
    }
    let fallback = match &account.details {
        Ok(details) if details.mode == Mode::ApiKey => "api-key",
        _ => "account",
    };
    let email = account.email().unwrap_or_default();
    name_from(email.split('@').next().unwrap_or_default(), fallback)
}

fn name_from(text: &str, fallback: &str) -> String {
    let lower = text.to_lowercase();
    let allowed = lower.chars().map(|c| match u8::try_from(c) {
        Ok(byte) if is_allowed(byte) => c,
        _ => '-',
    });
    let name: String = allowed.take(MAX_NAME).collect();
    let name = name.trim_start_matches(['.', '-']).trim_end_matches('-');
    if name.is_empty() { fallback } else { name }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_plain_and_no_path() {
        for good in ["a", "work", "ada.l_2-x", &"x".repeat(32)] {
            check_name(good).unwrap();
        }
        for bad in [
            "",
            ".",
            "..",
            ".a",
            "a/b",
            "../x",
            "A",
            "a b",
            "é",
            "a\n",
            "a\u{1b}[2J",
            "\0",
            &"x".repeat(33),
            &"x".repeat(200),
        ] {
            let error = check_name(bad).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Usage, "{bad:?}");
            assert!(!error.message().contains(['\u{1b}', '\n']), "{error}");
        }
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number_and_stays_short() {
        let taken = ["ada", "ada-2"];
        assert_eq!(free("ada", |name| !taken.contains(&name)), "ada-3");
        let long = "x".repeat(32);
        let name = free(&long, |name| name != long);
        assert_eq!(name, format!("{}-2", "x".repeat(30)));
    }
}
