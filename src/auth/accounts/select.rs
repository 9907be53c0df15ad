//! Finds the account that a person names.

use std::path::Path;

use super::read::Found;
use super::{Accounts, StoredAccount};
use crate::auth::store::resolved;
use crate::error::{Error, Result};
use crate::text::{clean_short, without_secret};

impl Accounts {
    /// The account that `wanted` names: a name, an address or an account id, or the beginning
    /// of one that only one account has.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) with the candidates when none or several
    /// match; [`ErrorKind::Storage`](crate::ErrorKind::Storage) as [`Accounts::list`].
    pub fn find(&self, wanted: &str) -> Result<StoredAccount> {
        select(&self.list()?, wanted)
    }

    /// The account whose folder this is; `None` when it has been signed out.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) as [`Accounts::list`].
    pub fn of_folder(&self, folder: &Path) -> Result<Option<StoredAccount>> {
        let folder = resolved(folder)?;
        let Some(found) = Found::in_slot(self.store.at(&folder)) else {
            return Ok(None);
        };
        let mut accounts = self.list()?.into_iter();
        Ok(accounts.find(|account| match &found.owner {
            Some(_) => account.owner == found.owner,
            None => account.store.home() == folder,
        }))
    }
}

fn select(accounts: &[StoredAccount], wanted: &str) -> Result<StoredAccount> {
    let lower = wanted.to_lowercase();
    let by_name = |account: &StoredAccount| account.name == wanted;
    let whole = |account: &StoredAccount| texts(account).contains(&lower);
    let begins = |account: &StoredAccount| {
        !lower.is_empty() && texts(account).iter().any(|text| text.starts_with(&lower))
    };
    let shown = clean_short(&without_secret(wanted), 60);
    let ways: [&dyn Fn(&StoredAccount) -> bool; 3] = [&by_name, &whole, &begins];
    for matches in ways {
        let matching: Vec<_> = accounts.iter().filter(|it| matches(it)).collect();
        match matching[..] {
            [] => {}
            [one] => return Ok(one.clone()),
            ref several => {
                let message = format!("\"{shown}\" could be any of {} accounts", several.len());
                let candidates = descriptions(several);
                return Err(Error::usage(message).with_hint(format!("Choose one of: {candidates}")));
            }
        }
    }
    let missing = format!("There is no account \"{shown}\"");
    let all: Vec<_> = accounts.iter().collect();
    Err(if all.is_empty() {
        Error::usage(format!("{missing}: nobody is signed in")).with_hint("Sign in first")
    } else {
        Error::usage(missing).with_hint(format!("There are: {}", descriptions(&all)))
    })
}

/// Returns the texts that can name an account.
fn texts(account: &StoredAccount) -> Vec<String> {
    let who = account.details.as_ref().ok().map(|it| &it.account);
    let email = who.and_then(|who| who.email.as_deref());
    let id = who.and_then(|who| who.account_id.as_deref());
    let texts = [Some(account.name.as_str()), email, id];
    texts.into_iter().flatten().map(str::to_lowercase).collect()
}

/// Enough to tell them apart: two may have the same address.
fn descriptions(accounts: &[&StoredAccount]) -> String {
    let described = accounts.iter().map(|account| {
        let who = account.details.as_ref().ok().map(|it| &it.account);
        match who.and_then(|who| who.account_id.as_deref()) {
            Some(id) => format!("{}, {id}", account.description()),
            None => account.description(),
        }
    });
    described.collect::<Vec<_>>().join("; ")
}
