//! The state of the account screen.

use super::Note;
use crate::auth::Account;

/// Credentials that are stored already.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedIn {
    /// Their account.
    pub account: Account,
    /// The time of the last refresh, in words.
    pub refreshed: Option<String>,
    /// The kind of credentials in words: "ChatGPT tokens", "an API key".
    pub stored: String,
}

/// The state of the account screen.
#[derive(Clone, Debug)]
pub struct AccountScreen {
    /// The account.
    pub signed_in: SignedIn,
    /// The line the pointer is on.
    pub selected: usize,
    /// The progress of signing out.
    pub step: AccountStep,
    /// The note above the choices.
    pub note: Option<Note>,
}

/// A choice about the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChoice {
    /// Go on with it.
    Keep,
    /// Sign in to another.
    Switch,
    /// Delete the credentials.
    SignOut,
}

/// The progress of signing out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountStep {
    /// Not started.
    Choosing,
    /// The person is asked to confirm.
    Confirming,
    /// Signing out.
    SigningOut,
}

impl AccountChoice {
    /// The choices in the order of their digits.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Switch, Self::SignOut];
}

impl AccountScreen {
    /// Returns the account screen with the pointer on the first choice.
    pub fn new(signed_in: SignedIn) -> Self {
        Self {
            signed_in,
            selected: 0,
            step: AccountStep::Choosing,
            note: None,
        }
    }
}
