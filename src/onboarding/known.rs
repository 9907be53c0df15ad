//! The accounts that are known before anybody signs in.

use crate::auth::Account;
use crate::auth::accounts::StoredAccount;

/// Credentials that are stored already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Their account.
    pub account: Account,
    /// How fresh they are: a name and a text, such as the time of the last refresh.
    pub age: Option<(&'static str, String)>,
    /// They were lent by another machine: nothing is lost when they are replaced.
    pub lent: bool,
    /// The kind of credentials in words: "ChatGPT tokens", "an API key".
    pub stored: String,
    /// The account's name among several.
    pub name: Option<String>,
    /// What keeps the Codex CLI from using them, in sentences.
    pub remarks: Vec<String>,
}

/// An account that can be made the active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedAccount {
    /// Its name.
    pub name: String,
    /// Its name and whose it is, not cleaned yet.
    pub description: String,
    /// Whose it is, as a digest: another account may have the name by now.
    pub owner: Option<Box<str>>,
}

impl From<&StoredAccount> for ParkedAccount {
    fn from(account: &StoredAccount) -> Self {
        Self {
            name: account.name.clone(),
            description: account.description(),
            owner: account.owner().map(|owner| owner.as_str().into()),
        }
    }
}

/// The account that is signed in, and the parked ones.
#[derive(Clone, Debug)]
pub struct KnownAccounts {
    /// The active account.
    pub signed_in: Option<SignedIn>,
    /// The others.
    pub parked: Vec<ParkedAccount>,
}
