//! The steps from an approval to the end of the attempt.

use std::ops::ControlFlow;

use super::stage::{Delivery, Device, DeviceStep, Stage, Step};
use super::{Standing, Task};
use crate::auth::{AuthFile, CodeGrant, DeviceAuthorization, Poll, Save, Tokens, revoke_unused};
use crate::sign_in::Cancellation;
use crate::sign_in::after_save::AfterSave;
use crate::sign_in::completion::{Failure, NewSession};
use crate::sign_in::server::BrowserAnswer;
use crate::sign_in::status::Status;

impl Task {
    pub(super) fn advance(&mut self, stage: Stage, step: Step) -> ControlFlow<Stage, Stage> {
        let next = match (stage, step) {
            (_, Step::Exchanged(Ok(tokens))) => self.exchanged(tokens),
            (_, Step::Exchanged(Err(failure))) => self.fail(*failure),
            (Stage::Locking(_, session), Step::Locked(Ok(save))) => {
                self.standing.send_replace(Standing::Committing);
                Stage::Committing(Box::pin(save.commit()), session)
            }
            (Stage::Committing(_, session), Step::Committed(Ok(saved))) => {
                self.committed(session, saved.warning)
            }
            (
                Stage::Locking(_, session) | Stage::Committing(_, session),
                Step::Locked(Err(error)) | Step::Committed(Err(error)),
            ) => {
                self.revoke(session.tokens);
                self.fail(Failure::of_save(error))
            }
            (Stage::AfterSave(_, session), Step::AllDone) => self.complete(*session),
            (stage, Step::LingerOver) => return ControlFlow::Break(stage),
            // A stage takes no step but its own.
            (stage, _) => stage,
        };
        ControlFlow::Continue(next)
    }

    /// Requests a device code. It replaces one that is on the screen already.
    pub(super) fn request_device_code(&mut self, stage: &Stage) {
        if matches!(stage, Stage::Open) {
            let (issuer, clock) = (self.options.issuer.clone(), self.options.clock.clone());
            self.device =
                Device::Requesting(Box::pin(
                    async move { issuer.request_device_code(&clock).await },
                ));
        }
    }

    pub(super) fn advance_device(&mut self, stage: Stage, step: DeviceStep) -> Stage {
        match step {
            DeviceStep::Issued(Ok(authorization)) => {
                let issuer = &self.options.issuer;
                let mut code = authorization.code(issuer, self.options.clock.now());
                code.expires_in = issuer.pace().lifetime;
                // Whoever hears of the code can keep it.
                self.poll_device_code(authorization);
                self.report(Status::DeviceCode(code));
            }
            DeviceStep::Polled(_, Ok(Poll::Approved(grant))) => {
                return self.device_approved(stage, grant);
            }
            DeviceStep::Polled(authorization, Ok(Poll::Pending)) => {
                self.poll_device_code(authorization);
            }
            DeviceStep::Issued(Err(error)) | DeviceStep::Polled(_, Err(error)) => {
                self.device = Device::Off;
                self.keep(None);
                self.report(Status::DeviceCodeFailed(error));
            }
        }
        stage
    }

    /// Polls once, when that is due, and lets the host keep the code until then.
    pub(super) fn poll_device_code(&mut self, mut authorization: DeviceAuthorization) {
        self.keep(Some(authorization.clone()));
        let (issuer, clock) = (self.options.issuer.clone(), self.options.clock.clone());
        self.device = Device::Polling(Box::pin(async move {
            let polled = issuer.poll_device_code(&mut authorization, &clock).await;
            (authorization, polled)
        }));
    }

    fn keep(&self, device: Option<DeviceAuthorization>) {
        self.kept.send_modify(|kept| kept.device = device);
    }

    fn device_approved(&mut self, stage: Stage, grant: CodeGrant) -> Stage {
        if self.attempt.device_approved() {
            self.exchange(grant)
        } else {
            stage
        }
    }

    pub(super) fn exchange(&mut self, grant: CodeGrant) -> Stage {
        self.device = Device::Off;
        self.report(Status::Exchanging);
        let options = self.options.clone();
        Stage::Exchanging(Box::pin(async move { options.exchange(&grant).await }))
    }

    fn exchanged(&mut self, tokens: Tokens) -> Stage {
        let session = match self.options.check(tokens.clone()) {
            Ok(session) => Box::new(session),
            Err(failure) => {
                self.revoke(tokens);
                return self.fail(*failure);
            }
        };
        let file = AuthFile::with_tokens(session.tokens.clone(), self.options.clock.now());
        let file = Box::new(file);
        let store = self.options.store.clone();
        let locks = async move { Save::prepare(&store, async { Ok(file) }).await };
        Stage::Locking(Box::pin(locks), session)
    }

    fn committed(&mut self, session: Box<NewSession>, warning: Option<String>) -> Stage {
        self.standing.send_replace(Standing::Saved);
        if let Some(warning) = warning {
            self.report(Status::Notice(warning));
        }
        let somebody_waits = self.dropped.is_some() && self.cancelling.is_empty();
        if !(self.options.wants_more() && somebody_waits) {
            return self.complete(*session);
        }
        let work = AfterSave::new(self.options.clone(), &session.tokens);
        Stage::AfterSave(Box::pin(work.run()), session)
    }

    pub(super) fn complete(&mut self, session: NewSession) -> Stage {
        self.report(Status::Completed(session.account));
        let answer = BrowserAnswer::Redirect(session.success.location.clone());
        self.end(
            Delivery::new(answer, Some(session.success)),
            Cancellation::AlreadySaved,
        )
    }

    pub(super) fn fail(&mut self, failure: Failure) -> Stage {
        self.standing.send_replace(Standing::Failed);
        self.report(Status::Failed(failure.error));
        self.end(
            Delivery::new(BrowserAnswer::Page(failure.page), None),
            Cancellation::Cancelled,
        )
    }

    /// Answers every browser that waits. From here on only the last pages are delivered.
    fn end(&mut self, mut delivery: Delivery, cancellation: Cancellation) -> Stage {
        self.device = Device::Off;
        for (connection, reply) in self.waiting_browsers.drain(..) {
            let answer = delivery.answer.clone();
            delivery.hand_over(connection, reply, answer);
        }
        self.reply_to_cancels(cancellation);
        Stage::Ended(Box::new(delivery))
    }

    pub(super) fn reply_to_cancels(&mut self, cancellation: Cancellation) {
        for reply in self.cancelling.drain(..) {
            // The caller may have dropped its future.
            let _ = reply.send(cancellation);
        }
    }

    /// Revokes a session that is not kept, without delaying anything.
    pub(super) fn revoke(&mut self, tokens: Tokens) {
        if let Some(token) = tokens.refresh_token {
            let issuer = self.options.issuer.clone();
            let revocation = async move { revoke_unused(&issuer, &token).await };
            self.revocation = Some(tokio::spawn(revocation));
        }
    }
}
