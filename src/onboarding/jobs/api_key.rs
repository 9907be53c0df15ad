//! Saves an API key.

use secrecy::SecretString;
use tokio::sync::oneshot;

use super::accounts::report_saved;
use super::{Job, Jobs};
use crate::auth::Save;
use crate::onboarding::message::Message;
use crate::sign_in::Status;

impl Jobs {
    pub(super) fn check_store(&self) {
        if let Err(error) = self.options.store.check_savable() {
            self.report(Message::ApiKeySaved(Err(error)));
        }
    }

    pub(super) fn save_api_key(&mut self, key: SecretString) {
        let target = match self.target() {
            Ok(target) => target,
            Err(error) => return self.report(Message::ApiKeySaved(Err(error))),
        };
        let accounts = self.accounts();
        let report = self.report.clone();
        let (keep, abandoned) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let store = target.store().notifying(&Message::notify(&report));
            let prepared = tokio::select! {
                prepared = Save::api_key(&store, &key) => prepared,
                _ = abandoned => return false,
            };
            let saved = match prepared {
                Ok(save) => save.commit().await,
                Err(error) => Err(error),
            };
            let saved = match saved {
                Ok(saved) => saved,
                Err(error) => {
                    let _ = report.send(Message::ApiKeySaved(Err(error)));
                    return false;
                }
            };
            if let Some(warning) = saved.warning {
                let _ = report.send(Message::Status(Status::Notice(warning)));
            }
            let message = |account| Message::ApiKeySaved(Ok(account));
            report_saved(&accounts, target, saved.account, message, &report).await;
            true
        });
        self.saving = Some(Job { keep, task });
    }
}
