//! Finds the account that a person names.

use super::StoredAccount;
use crate::error::{Error, Result};
use crate::text::{clean_short, without_secret};

/// Returns the one of `accounts` that `wanted` names, as [`Accounts::find`](super::Accounts::find)
/// does.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) with the candidates when none or several match.
pub fn select<'a>(accounts: &'a [StoredAccount], wanted: &str) -> Result<&'a StoredAccount> {
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
            [one] => return Ok(one),
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
    let texts = [Some(&*account.name), account.email(), account.account_id()];
    texts.into_iter().flatten().map(str::to_lowercase).collect()
}

/// Enough to tell them apart: two may have the same address.
fn descriptions(accounts: &[&StoredAccount]) -> String {
    let described = accounts.iter().map(|account| match account.account_id() {
        Some(id) => format!("{}, {id}", account.description()),
        None => account.description(),
    });
    described.collect::<Vec<_>>().join("; ")
}
