//! Starts and cancels the sign-in, and passes pasted addresses to it.

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;

use super::Jobs;
use super::accounts::make_active;
use crate::auth::Account;
use crate::auth::accounts::Target;
use crate::error::{Error, Result};
use crate::onboarding::known::find_interrupted;
use crate::onboarding::message::Message;
use crate::sign_in::{
    Cancellation, Destination, Keeper, Kept, PendingFile, Port, SignIn, SignInOptions, Status,
};

/// A running sign-in, and the keeper that keeps it in a file while it has a device code.
pub struct RunningSignIn {
    sign_in: SignIn,
    /// Changes at each poll.
    polls: watch::Receiver<Kept>,
    keeper: Keeper,
    /// The place that it saves to; `None` once it has saved.
    target: Option<Target>,
}

impl RunningSignIn {
    /// Waits for the next report, and keeps the sign-in's file up to date meanwhile. Cancel safe.
    ///
    /// # Errors
    /// The sign-in's file was removed or replaced since it was written.
    pub async fn next(&mut self) -> Result<Option<Status>> {
        loop {
            tokio::select! {
                Ok(()) = self.polls.changed() => self.keeper.keep(self.sign_in.kept()),
                status = self.sign_in.next() => {
                    if let Some(status) = &status {
                        self.keeper.follow(status, &self.sign_in)?;
                    }
                    return Ok(status);
                }
            }
        }
    }

    /// Returns whether it has not saved anything yet.
    pub fn is_open(&self) -> bool {
        self.target.is_some()
    }
}

impl Jobs {
    pub(super) fn start_sign_in(&mut self, port: Port) {
        self.begin(|file, destination, mut options| {
            options.port = port;
            Ok((Keeper::new(file, destination), SignIn::start(options)?))
        });
    }

    pub(super) fn resume_sign_in(&mut self) {
        let originals = self.options.clone();
        self.begin(|file, destination, options| {
            // The right to poll comes first, so that the file is read after the last poll.
            let keeper = Keeper::resume(file, destination)?;
            let pending = find_interrupted(&originals).ok_or_else(|| {
                Error::expired("The sign-in that was interrupted cannot be continued any more")
                    .with_hint("Begin a new one")
            })?;
            Ok((keeper, SignIn::resume(pending.kept, options)?))
        });
    }

    /// Starts a sign-in in place of any other.
    fn begin(
        &mut self,
        start: impl FnOnce(PendingFile, Destination, SignInOptions) -> Result<(Keeper, SignIn)>,
    ) {
        self.cancel_sign_in(false);
        // The person is asked at the end whether the previous account is kept.
        let destination = if self.is_signed_in {
            Destination::Keep
        } else {
            Destination::Replace
        };
        let file = PendingFile::of(&self.options.store);
        let begun = self.target().and_then(|target| {
            let mut options = self.options.clone();
            options.store = target.store().clone();
            let (keeper, sign_in) = start(file, destination, options)?;
            Ok(RunningSignIn {
                polls: sign_in.kept_changes(),
                sign_in,
                keeper,
                target: Some(target),
            })
        });
        match begun {
            Ok(running) => self.sign_in = Some(running),
            Err(error) => self.report(Message::StartFailed(error)),
        }
    }

    pub(super) fn request_device_code(&self) {
        if let Some(running) = &self.sign_in {
            running.sign_in.request_device_code();
        }
    }

    /// Makes the credentials that the running sign-in has saved the active ones, and reports them.
    pub(super) fn finish_sign_in(&mut self, account: Account) {
        let target = self
            .sign_in
            .as_mut()
            .and_then(|running| running.target.take());
        if let Some(target) = target {
            let store = self.store();
            self.run(async move { Some(make_active(&store, target, account).await) });
        }
    }

    /// Cancels the running sign-in, or leaves it for later if it can still be approved.
    pub(super) fn cancel_sign_in(&mut self, left: bool) {
        let Some(running) = self.sign_in.take() else {
            return;
        };
        let RunningSignIn {
            mut sign_in,
            keeper,
            target,
            ..
        } = running;
        let keeper = if left {
            keeper.leave(&sign_in.kept());
            Some(keeper)
        } else {
            // The keeper is dropped here, because the next sign-in needs the right to poll.
            keeper.forget(&sign_in.kept());
            None
        };
        // Cancel here, before the task runs, so that the port is free at once.
        let cancelled = sign_in.cancel();
        let store = self.store();
        self.run(async move {
            let mut message = None;
            if cancelled.await == Cancellation::AlreadySaved {
                if let Some(keeper) = keeper {
                    keeper.forget(&sign_in.kept());
                }
                if let Some(account) = completed(&mut sign_in).await
                    && let Some(target) = target
                {
                    message = Some(make_active(&store, target, account).await);
                }
            }
            sign_in.finish().await;
            message
        });
    }

    pub(super) fn submit(&self, text: &SecretString) {
        if let Some(running) = &self.sign_in
            && let Err(error) = running.sign_in.submit(text.expose_secret())
        {
            self.report(Message::Problem(error));
        }
    }

    pub(super) fn open_browser(&self, url: &str) {
        let report = self.reporter();
        let failed = move |error| report(Message::Problem(error));
        let opened = move |result: Result<()>| result.unwrap_or_else(failed);
        (self.browser)(url, Box::new(opened));
    }
}

/// Returns the account of a sign-in that has completed.
async fn completed(sign_in: &mut SignIn) -> Option<Account> {
    while let Some(status) = sign_in.next().await {
        if let Status::Completed(account) = status {
            return Some(account);
        }
    }
    None
}
