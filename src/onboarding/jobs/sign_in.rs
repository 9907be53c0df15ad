//! Starts and cancels the sign-in, and hands it what the person gives.

use secrecy::{ExposeSecret as _, SecretString};

use super::Jobs;
use crate::auth::Account;
use crate::error::Result;
use crate::onboarding::message::Message;
use crate::sign_in::{Cancellation, Port, SignIn, Status};

impl Jobs {
    pub(super) fn start_sign_in(&mut self, port: Port) {
        self.cancel_sign_in();
        if let Err(error) = self.try_to_start(port) {
            self.report(Message::StartFailed(error));
        }
    }

    pub(super) fn request_device_code(&self) {
        if let Some(sign_in) = &self.sign_in {
            sign_in.request_device_code();
        }
    }

    fn try_to_start(&mut self, port: Port) -> Result<()> {
        let mut options = self.options.clone();
        options.port = port;
        let beside = self.beside()?;
        if let Some(beside) = &beside {
            options.store = beside.slot.store().clone();
        }
        self.sign_in = Some(SignIn::start(options)?);
        self.beside = beside.map(Box::new);
        Ok(())
    }

    pub(super) fn cancel_sign_in(&mut self) {
        let beside = self.beside.take();
        let Some(mut sign_in) = self.sign_in.take() else {
            return;
        };
        let report = self.report.clone();
        // Frees the port here and now; what follows needs nobody to wait for it.
        let cancelled = sign_in.cancel();
        self.cancelling.spawn(async move {
            let cancellation = cancelled.await;
            if cancellation == Cancellation::AlreadySaved
                && let Some(account) = completed(&mut sign_in).await
            {
                if let Some(beside) = beside {
                    beside.settle(account, report).await;
                } else {
                    // Not received when the program is about to end.
                    let _ = report.send(Message::AlreadySaved(account));
                }
            }
            sign_in.finish().await;
            cancellation
        });
    }

    pub(super) fn submit(&self, text: &SecretString) {
        if let Some(sign_in) = &self.sign_in
            && let Err(error) = sign_in.submit(text.expose_secret())
        {
            self.report(Message::PasteRefused(error));
        }
    }

    pub(super) fn open_browser(&self, url: &str) {
        let report = self.report.clone();
        let opened = Box::new(move |result| {
            if let Err(error) = result {
                let _ = report.send(Message::BrowserFailed(error));
            }
        });
        (self.browser)(url, opened);
    }
}

/// Waits for the account of a sign-in that has completed.
async fn completed(sign_in: &mut SignIn) -> Option<Account> {
    while let Some(status) = sign_in.next().await {
        if let Status::Completed(account) = status {
            return Some(account);
        }
    }
    None
}
