//! Changes of the accounts, which are never left half done.

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::{Job, Jobs};
use crate::auth::accounts::{Accounts, NewSlot, RunningPrograms, StoredAccount, Target};
use crate::auth::{Account, on_blocking_thread};
use crate::error::{Error, Result};
use crate::onboarding::known::ParkedAccount;
use crate::onboarding::look::Look;
use crate::onboarding::message::Message;
use crate::sign_in::Status;

impl Jobs {
    pub(super) fn sign_out(&mut self) {
        let accounts = self.accounts();
        let issuer = self.options.issuer.clone();
        let report = self.report.clone();
        let (keep, abandoned) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let hurry = async { _ = abandoned.await };
            let result = accounts.sign_out_active(Some(&issuer), hurry).await;
            let _ = report.send(Message::SignedOut(result.map(|left| left.revocation)));
        });
        self.changing.push(Job { keep, task });
    }

    pub(super) fn use_account(&mut self, account: ParkedAccount, anyway: bool) {
        let session = self.session.clone();
        let accounts = self.accounts();
        self.change(async move |report| {
            let programs = RunningPrograms::look(&session.store).await;
            let message = if programs.is_empty() || anyway {
                let used = use_account(&accounts, account).await;
                let known = move || Ok(Box::new(Look::at(&session, None).known));
                Message::AccountUsed(match used {
                    Ok(()) => on_blocking_thread(known).await,
                    Err(error) => Err(error),
                })
            } else {
                let programs = programs.programs.iter().map(ToString::to_string).collect();
                Message::ProgramsRun(account, programs)
            };
            let _ = report.send(message);
        });
    }

    /// The accounts, whose notices come as messages.
    pub(super) fn accounts(&self) -> Accounts {
        let notify = Message::notify(&self.report);
        Accounts::new(self.session.store.notifying(&notify))
    }

    pub(super) fn remove_account(&mut self, account: ParkedAccount) {
        let accounts = self.accounts();
        self.change(async move |report| {
            let never = std::future::pending();
            let removed = async {
                let account = find(&accounts, account).await?;
                accounts.remove(&account, None, never).await
            };
            let removed = removed.await.map(drop);
            let _ = report.send(Message::AccountRemoved(removed));
        });
    }
}

/// Reports a saved sign-in with `message`. One beside the active account takes its place first,
/// and the report names who is parked now.
pub(super) async fn report_saved(
    accounts: &Accounts,
    target: Target,
    account: Account,
    message: impl FnOnce(Account) -> Message,
    report: &UnboundedSender<Message>,
) {
    let message = match target {
        Target::Replace(_) => message(account),
        Target::Beside(slot) => match make_active(accounts, slot).await {
            Ok(Some(before)) => Message::SignedInBeside(account, before),
            Ok(None) => Message::Status(Status::Completed(account)),
            Err(error) => {
                let text = format!(
                    "The new account is saved, but could not be made active: {}",
                    error.in_full()
                );
                let _ = report.send(Message::Status(Status::Notice(text)));
                Message::Status(Status::Completed(account))
            }
        },
    };
    // The receiver is gone when the program is about to end.
    let _ = report.send(message);
}

/// Makes the sign-in in `slot` the active account, and returns the one that is parked now.
pub(super) async fn make_active(
    accounts: &Accounts,
    slot: NewSlot,
) -> Result<Option<ParkedAccount>> {
    let added = accounts.park(slot, None).await?;
    let activated = accounts.activate(&added.account).await?;
    Ok(activated.parked.as_ref().map(ParkedAccount::from))
}

async fn use_account(accounts: &Accounts, account: ParkedAccount) -> Result<()> {
    let account = find(accounts, account).await?;
    accounts.activate(&account).await.map(drop)
}

/// The account as it stands now. A keyring may have to be unlocked first, and the screen must
/// stay alive meanwhile.
async fn find(accounts: &Accounts, account: ParkedAccount) -> Result<StoredAccount> {
    let accounts = accounts.clone();
    on_blocking_thread(move || {
        let is_it = |found: &StoredAccount| match (&account.owner, found.owner()) {
            (Some(owner), Some(found)) => found.as_str() == &**owner,
            (owner, _) => owner.is_none() && found.name == account.name,
        };
        let found = accounts.list()?.into_iter().find(is_it);
        found.ok_or_else(|| {
            let message = format!("The account {} has been signed out", account.name);
            Error::not_signed_in(message)
        })
    })
    .await
}
