//! Signing one account out.

use super::exec_lock::ExecLock;
use super::read::problem_with;
use super::slot::SlotAccess;
use super::{Accounts, StoredAccount};
use crate::auth::file::owner::Owner;
use crate::auth::issuer::Issuer;
use crate::auth::sign_out::{
    STILL_SIGNED_IN, SignedOut, cancelled, sign_out_or_cancel, sign_out_under,
};
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
        hurry: impl Future<Output = ()>,
    ) -> Result<SignedOut> {
        tokio::pin!(hurry);
        let home = tokio::select! {
            home = self.lock() => home?,
            () = &mut hurry => return Err(cancelled(STILL_SIGNED_IN)),
        };
        self.repair_all(&home).await;
        let account = self.again(account)?;
        let signed_out = if account.active {
            let _exec = self.lock_out_commands(&account).await?;
            sign_out_under(&home, &account.store, issuer, hurry).await?
        } else {
            // Neither a link nor somebody else's folder is ours to empty.
            problem_with(account.store.home(), &account.path()).map_or(Ok(()), Err)?;
            let slot = SlotAccess::take(&account).await?;
            self.again(&account)?;
            let signed_out = sign_out_under(&slot.lock, &slot.store, issuer, hurry).await?;
            slot.tidy();
            signed_out
        };
        if let Some(owner) = &account.owner {
            self.forget(owner);
        }
        Ok(signed_out)
    }

    /// As [`sign_out_or_cancel`], which ends what the codex home itself holds, an account or not.
    ///
    /// # Errors
    /// As [`sign_out_or_cancel`], and [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a
    /// command runs as the active account.
    pub async fn sign_out_active(
        &self,
        issuer: Option<&Issuer>,
        hurry: impl Future<Output = ()>,
    ) -> Result<SignedOut> {
        let _exec = match ExecLock::of_home(&self.store).await {
            Ok(lock) => lock,
            Err(in_use) => {
                // Looked for only now: a keyring may have to be unlocked for it.
                let mut accounts = self.list()?.into_iter();
                let active = accounts.find(|account| account.active);
                let Some(active) = active else {
                    return Err(in_use.refuse(&self.store, "that is active"));
                };
                return Err(in_use.refuse(&active.store, &active.description()));
            }
        };
        sign_out_or_cancel(&self.store, issuer, hurry).await
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
