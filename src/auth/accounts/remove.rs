//! Signing one account out.

use super::read::problem_with;
use super::slot::SlotAccess;
use super::{Accounts, StoredAccount};
use crate::auth::issuer::Issuer;
use crate::auth::notify::Notify;
use crate::auth::owner::Owner;
use crate::auth::sign_out::{STILL_SIGNED_IN, SignedOut, cancelled, sign_out_under};
use crate::error::Result;

impl Accounts {
    /// Ends the account's session at `issuer`, unless there is none to be told, and removes its
    /// credentials, a damaged file too. Once `hurry` has come, nothing is waited for: before the
    /// lock is taken everything is left as it was, after that the issuer is not told.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a lock stays taken, a command
    /// runs as the account, or the file cannot be removed;
    /// [`ErrorKind::NotSignedIn`](crate::ErrorKind::NotSignedIn) when it has been signed out.
    pub async fn remove(
        &self,
        account: &StoredAccount,
        issuer: Option<&Issuer>,
        notify: &Notify,
        hurry: impl Future<Output = ()>,
    ) -> Result<SignedOut> {
        tokio::pin!(hurry);
        let home = tokio::select! {
            home = self.lock(notify) => home?,
            () = &mut hurry => return Err(cancelled(STILL_SIGNED_IN)),
        };
        self.repair_all(&home, notify).await;
        let account = self.again(account)?;
        let signed_out = if account.active {
            sign_out_under(&home, &account.store, issuer, notify, hurry).await?
        } else {
            // Neither a link nor somebody else's folder is ours to empty.
            problem_with(account.store.home(), &account.path()).map_or(Ok(()), Err)?;
            let slot = SlotAccess::take(&account, notify).await?;
            self.again(&account)?;
            let signed_out = sign_out_under(&slot.lock, &slot.store, issuer, notify, hurry).await?;
            slot.tidy();
            signed_out
        };
        if let Some(owner) = &account.owner {
            self.forget(owner);
        }
        Ok(signed_out)
    }

    /// A name that is kept too long does no harm.
    fn forget(&self, owner: &Owner) {
        let mut names = self.names();
        if names.forget(owner)
            && let Err(error) = names.write(&self.names_path(), &self.store.disk())
        {
            tracing::warn!(?error, "the name was not forgotten");
        }
    }
}
