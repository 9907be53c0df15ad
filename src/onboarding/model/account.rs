//! The state of the account screen, and of the question whether an account is kept.

use super::Note;
use crate::auth::Account;
use crate::auth::accounts::StoredAccount;

/// The state of the account screen.
#[derive(Clone, Debug, Default)]
pub struct AccountScreen {
    /// The line the pointer is on.
    pub selected: usize,
    /// The progress of signing out, or of using another account.
    pub step: AccountStep,
    /// The note above the choices.
    pub note: Option<Note>,
}

/// A choice about the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChoice {
    /// Go on with the sign-in that was left.
    Continue,
    /// Go on with the active one.
    Keep,
    /// Make this one of the parked accounts the active one.
    Use(usize),
    /// Sign in to another.
    Switch,
    /// Delete the credentials of the active one.
    SignOut,
    /// End the programs that still use the sign-in from before.
    EndRunning,
}

/// The progress of signing out, or of using another account.
#[derive(Clone, Debug, Default)]
pub enum AccountStep {
    /// Not started.
    #[default]
    Choosing,
    /// The person is asked to confirm.
    Confirming,
    /// Signing out.
    SigningOut,
    /// Another account is on its way to become the active one.
    Using,
    /// Use this account although these programs hold the active one in memory?
    ConfirmingUse(Box<StoredAccount>, Vec<String>),
}

/// The state of the question after a sign-in to another account. The one from before is
/// parked already.
#[derive(Clone, Debug)]
pub struct KeepScreen {
    /// The account that has signed in.
    pub account: Account,
    /// The account that was signed in before.
    pub before: Box<StoredAccount>,
    /// The line the pointer is on.
    pub selected: usize,
    /// The one from before is being removed.
    pub removing: bool,
}
