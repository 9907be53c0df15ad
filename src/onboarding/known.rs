//! What is known before anybody signs in: the accounts, and what runs as one of them.

use std::time::Duration;

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

/// A sign-in that was left, and can be gone on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// Its code, not cleaned yet.
    pub user_code: String,
    /// The time that is left to approve it, when the program starts.
    pub expires_in: Duration,
}

/// Programs that still use the sign-in from before the last change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Their names and process ids; empty when there are none.
    pub programs: Vec<String>,
    /// The product's own command that ends them, where there is one.
    pub stop_command: Option<String>,
    /// That command runs.
    pub ending: bool,
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
