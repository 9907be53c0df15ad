//! What is known before anybody signs in: the accounts, and what runs as one of them.

use std::time::Duration;

use crate::auth::Account;
use crate::auth::accounts::StoredAccount;
use crate::sign_in::{Destination, PendingFile, PendingSignIn, SignInOptions};

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

impl Interrupted {
    /// Returns the sign-in that was left in this home, if it can be approved still, and was begun as
    /// these options would begin one. One that has expired is removed.
    pub(super) fn find(options: &SignInOptions) -> Option<PendingSignIn> {
        let file = PendingFile::of(&options.store);
        // One that cannot be read is replaced, or refused with words, by the next that is kept.
        let pending = file.load().ok().flatten()?;
        let (kept, now) = (&pending.kept, options.clock.now());
        let is_ours = file.check_home(&pending).is_ok()
            && kept.check(&options.issuer).is_ok()
            && kept.workspaces == options.workspaces
            // It goes beside the active account, whoever that is: not what a person here expects.
            && !matches!(pending.destination, Destination::Beside(_));
        if kept.has_expired(now) {
            file.remove(&pending);
        }
        let is_open = kept.next_poll_in(now).is_some() && !kept.expires_in(now).is_zero();
        (is_ours && is_open).then_some(pending)
    }

    /// Returns the sign-in to offer: one for which no other process polls.
    pub(super) fn offer(options: &SignInOptions) -> Option<Self> {
        let (issuer, now) = (&options.issuer, options.clock.now());
        let pending = Self::find(options)?;
        let _polling = PendingFile::of(&options.store).poll().ok()?;
        let code = pending.kept.device_code(issuer, now)?;
        Some(Self {
            user_code: code.user_code,
            expires_in: pending.kept.expires_in(now),
        })
    }
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
