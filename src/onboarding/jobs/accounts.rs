//! Changes of the accounts, which are never interrupted, and look-ups that follow a change.

use secrecy::SecretString;

use super::Jobs;
use crate::auth::accounts::{Accounts, RunningPrograms, StoredAccount, Target};
use crate::auth::{Account, Check, Notify, Save, Session, Store, on_blocking_thread};
use crate::error::Result;
use crate::onboarding::known::{KnownAccounts, Running};
use crate::onboarding::message::Message;
use crate::sign_in::Status;

impl Jobs {
    /// Returns the store, whose notices become messages.
    pub(super) fn store(&self) -> Store {
        self.session.store.notifying(&self.notify())
    }

    fn notify(&self) -> Notify {
        let report = self.reporter();
        Status::notify(move |status| report(Message::Status(status)))
    }

    fn accounts(&self) -> Accounts {
        Accounts::new(self.store())
    }

    /// Returns the place for a new sign-in. It goes beside the active account, which is kept until
    /// the person has been asked.
    pub(super) fn target(&self) -> Result<Target> {
        Ok(if self.is_signed_in {
            Target::Beside(self.accounts().new_slot()?)
        } else {
            Target::Replace(self.options.store.clone())
        })
    }

    pub(super) fn check_store(&self) {
        if let Err(error) = self.options.store.check_savable() {
            self.report(Message::ApiKeyNotSaved(error));
        }
    }

    /// Saves an API key, unless the program ends before the save has begun.
    pub(super) fn save_api_key(&self, key: SecretString) {
        let target = match self.target() {
            Ok(target) => target,
            Err(error) => return self.report(Message::ApiKeyNotSaved(error)),
        };
        let store = self.store();
        let place = target.store().notifying(&self.notify());
        let leaving = self.leaving();
        self.run(async move {
            let prepared = tokio::select! {
                prepared = Save::api_key(&place, &key) => prepared,
                () = leaving => return None,
            };
            let saved = async { prepared?.commit().await };
            match saved.await {
                Ok(saved) => {
                    if let Some(warning) = saved.warning {
                        store.tell(warning);
                    }
                    Some(make_active(&store, target, saved.account).await)
                }
                Err(error) => Some(Message::ApiKeyNotSaved(error)),
            }
        });
    }

    pub(super) fn sign_out(&self) {
        let accounts = self.accounts();
        let issuer = self.options.issuer.clone();
        let leaving = self.leaving();
        self.run(async move {
            let result = accounts.sign_out_active(Some(&issuer), leaving).await;
            Some(Message::SignedOut(result.map(|left| left.revocation)))
        });
    }

    pub(super) fn use_account(&self, account: Box<StoredAccount>, anyway: bool) {
        let session = self.session.clone();
        let accounts = self.accounts();
        self.run(async move {
            let running = RunningPrograms::look(&session.store).await;
            if !running.is_empty() && !anyway {
                let programs = running.programs.iter().map(ToString::to_string);
                return Some(Message::ProgramsRun(account, programs.collect()));
            }
            let used = async {
                unlock(&accounts).await?;
                accounts.activate(&account).await?;
                let look = move || Ok(KnownAccounts::look(&session, session.store.read()));
                on_blocking_thread(look).await.map(Box::new)
            };
            Some(Message::AccountUsed(used.await))
        });
    }

    pub(super) fn remove_account(&self, account: Box<StoredAccount>) {
        let accounts = self.accounts();
        self.run(async move {
            let removed = async {
                unlock(&accounts).await?;
                accounts
                    .remove(&account, None, std::future::pending())
                    .await
            };
            Some(Message::AccountRemoved(removed.await.map(drop)))
        });
    }

    pub(super) fn look_for_running(&self, earlier: bool) {
        let store = self.options.store.clone();
        self.look_up(async move {
            let mut found = RunningPrograms::look(&store).await;
            if earlier {
                found = found.started_before_the_change();
            }
            Some(Message::Running(Running::from(&found)))
        });
    }

    /// Ends the running programs with the product's command, which continues even if this program
    /// ends.
    pub(super) fn end_running(&self) {
        let store = self.options.store.clone();
        self.look_up(async move {
            let ended = RunningPrograms::look(&store).await.stop().await;
            let left = Running::from(&RunningPrograms::look(&store).await);
            Some(Message::RunningEnded(ended, left))
        });
    }

    pub(super) fn ask_workspace(&self) {
        let session = self.session.clone();
        self.look_up(async move {
            let load = move || Session::load(&session);
            let session = on_blocking_thread(load).await.ok()??;
            match session.check().await {
                Check::Alive(workspace) => workspace?.name.map(Message::Workspace),
                _ => None,
            }
        });
    }
}

impl From<&RunningPrograms> for Running {
    fn from(found: &RunningPrograms) -> Self {
        Self {
            programs: found.programs.iter().map(ToString::to_string).collect(),
            stop_command: found.stop_command(),
            ending: false,
        }
    }
}

/// Makes saved credentials the active account, unless they are already. The message that it returns
/// names the account that was active before.
pub(super) async fn make_active(store: &Store, target: Target, account: Account) -> Message {
    let activated = async {
        let Target::Beside(slot) = target else {
            return Ok(None);
        };
        let accounts = Accounts::new(store.clone());
        let added = accounts.park(slot, None).await?;
        accounts.activate(&added.account).await.map(|it| it.parked)
    };
    match activated.await {
        Ok(Some(before)) => Message::SignedInBeside(account, Box::new(before)),
        Ok(None) => Message::Status(Status::Completed(account)),
        Err(error) => {
            store.tell(format!(
                "The new account is saved, but could not be made active: {}",
                error.in_full()
            ));
            Message::Status(Status::Completed(account))
        }
    }
}

/// Reads the accounts once, off the screen's task: a keyring may have to be unlocked, and the
/// screen must stay responsive.
async fn unlock(accounts: &Accounts) -> Result<()> {
    let accounts = accounts.clone();
    on_blocking_thread(move || accounts.list().map(drop)).await
}
