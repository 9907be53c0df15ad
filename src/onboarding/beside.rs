//! A sign-in while somebody is signed in already: it is saved beside that account, which is
//! then parked, so that nobody is lost before the person was asked.

use tokio::sync::mpsc::UnboundedSender;

use super::known::ParkedAccount;
use super::message::Message;
use crate::auth::accounts::{Accounts, NewSlot};
use crate::auth::{Account, SessionOptions};
use crate::error::Result;
use crate::sign_in::Status;

/// The place for the new credentials.
pub struct Beside {
    accounts: Accounts,
    pub slot: NewSlot,
}

impl Beside {
    /// Makes a place beside the active account.
    pub fn new(session: &SessionOptions) -> Result<Self> {
        let accounts = Accounts::new(session.store.clone());
        let slot = accounts.new_slot()?;
        Ok(Self { accounts, slot })
    }

    /// Makes the new account the active one, and reports who was that before, if it was
    /// somebody else.
    pub async fn settle(mut self, account: Account, report: UnboundedSender<Message>) {
        self.accounts = self.accounts.notifying(&Message::notify(&report));
        let message = match self.make_active().await {
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
        };
        // Nobody receives it when the program is about to end.
        let _ = report.send(message);
    }

    /// Returns the account that is parked now.
    pub async fn make_active(self) -> Result<Option<ParkedAccount>> {
        let parked = self.accounts.park(self.slot, None).await?;
        let activated = self.accounts.activate(&parked.account).await?;
        Ok(activated.parked.as_ref().map(ParkedAccount::from))
    }
}
