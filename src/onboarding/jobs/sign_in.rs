//! Starts and cancels the sign-in, and hands it what the person gives.

use secrecy::{ExposeSecret as _, SecretString};

use super::Jobs;
use super::accounts::report_saved;
use crate::auth::Account;
use crate::error::{Error, Result};
use crate::onboarding::known::Interrupted;
use crate::onboarding::message::Message;
use crate::sign_in::{
    Cancellation, Destination, Keeper, PendingFile, Port, SignIn, SignInOptions, Status,
};

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
        let file = PendingFile::of(&self.options.store);
        let keeper = Keeper::new(file, self.destination());
        self.begin(keeper, |mut options| {
            options.port = port;
            SignIn::start(options)
        })
    }

    fn begin(
        &mut self,
        keeper: Keeper,
        start: impl FnOnce(SignInOptions) -> Result<SignIn>,
    ) -> Result<()> {
        let mut options = self.options.clone();
        let target = self.target()?;
        options.store = target.store().clone();
        let sign_in = start(options)?;
        self.polls = Some(sign_in.kept_changes());
        self.sign_in = Some(sign_in);
        self.keeper = Some(keeper);
        self.target = Some(target);
        Ok(())
    }

    pub(super) fn resume_sign_in(&mut self) {
        self.cancel_sign_in();
        if let Err(error) = self.try_to_resume() {
            self.report(Message::StartFailed(error));
        }
    }

    fn try_to_resume(&mut self) -> Result<()> {
        let file = PendingFile::of(&self.options.store);
        // First, so that what is read next is what the last poll left.
        let keeper = Keeper::polling(file, self.destination())?;
        let pending = Interrupted::find(&self.options).ok_or_else(|| {
            Error::expired("The sign-in that was interrupted cannot be continued any more")
                .with_hint("Begin a new one")
        })?;
        self.begin(keeper, |options| SignIn::resume(pending.kept, options))
    }

    /// Tells the keeper of a report, and returns what has come of the sign-in.
    pub(super) fn kept(&mut self, status: Option<Status>) -> Option<Status> {
        if let (Some(sign_in), Some(keeper), Some(status)) = (&self.sign_in, &self.keeper, &status)
            && let Err(error) = keeper.note(status, sign_in)
        {
            self.cancel_sign_in();
            return Some(Status::Failed(error));
        }
        status
    }

    /// Writes the sign-in down after a poll.
    pub(super) fn keep_poll(&self) {
        if let (Some(sign_in), Some(keeper)) = (&self.sign_in, &self.keeper) {
            keeper.keep(sign_in.kept());
        }
    }

    /// Leaves a sign-in for later that can be approved still, or removes it.
    pub(super) fn leave_or_forget(&self, left: bool) {
        let (Some(sign_in), Some(keeper)) = (&self.sign_in, &self.keeper) else {
            return;
        };
        if left {
            keeper.leave(sign_in.kept());
        } else {
            keeper.forget(sign_in.kept());
        }
    }

    /// The place where a sign-in goes that is begun here. Whether the account from before is kept
    /// is a question for its end.
    fn destination(&self) -> Destination {
        if self.is_signed_in {
            Destination::Keep
        } else {
            Destination::Replace
        }
    }

    pub(super) fn cancel_sign_in(&mut self) {
        self.leave_or_forget(false);
        self.keeper = None;
        let target = self.target.take();
        let Some(mut sign_in) = self.sign_in.take() else {
            return;
        };
        let accounts = self.accounts();
        let report = self.report.clone();
        // Frees the port here and now; what follows needs nobody to wait for it.
        let cancelled = sign_in.cancel();
        self.cancelling.spawn(async move {
            let cancellation = cancelled.await;
            if cancellation == Cancellation::AlreadySaved
                && let Some(account) = completed(&mut sign_in).await
                && let Some(target) = target
            {
                report_saved(&accounts, target, account, Message::AlreadySaved, &report).await;
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
