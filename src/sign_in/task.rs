//! The background task that owns one attempt: a loop of events, and one function for each.
//!
//! Nothing is shared with it. Requests, pasted text and cancellation arrive as messages;
//! reports leave as [`Status`]; it ends by itself soon after the attempt has.

mod stage;

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Router;
use secrecy::SecretString;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender};
use tokio::sync::{oneshot, watch};
use tokio::task::Id;
use tokio::time::Instant;

use stage::{Delivery, Event, Outcome};
pub use stage::{Device, Stage};

use super::Cancellation;
use super::attempt::{Attempt, Refused, Verdict};
use super::callback::CallbackQuery;
use super::completion::{Approved, Failure, Recipe, not_saved};
use super::connections::{Connections, Progress};
use super::extras::Extras;
use super::guard;
use super::listener::Listener;
use super::pages;
use super::server::{Answer, Ask, Request, serve};
use super::status::Status;
use crate::auth::{CodeGrant, DeviceAuthorization, on_blocking_thread};

/// What the host asks of the task.
#[derive(Debug)]
pub enum Command {
    /// A pasted callback.
    Submit(CallbackQuery),
    /// Sign in on another device, beside the callback and the paste.
    RequestDeviceCode,
    /// End the attempt and say how it stood.
    Cancel(oneshot::Sender<Cancellation>),
}

/// The task's state. Built by [`super::SignIn::start`].
pub struct Task {
    pub attempt: Attempt,
    pub recipe: Recipe,
    pub authorization_url: String,
    pub redirect_uri: String,
    pub code_verifier: SecretString,
    /// The last part of the short link.
    pub short_path: String,
    pub listener: Option<Listener>,
    pub router: Router,
    pub requests: Receiver<Request>,
    pub commands: UnboundedReceiver<Command>,
    pub statuses: UnboundedSender<Status>,
    /// Resolves when the handle is dropped.
    pub dropped: Option<oneshot::Receiver<()>>,
    /// Becomes true when the credentials are on disk.
    pub saved: watch::Sender<bool>,
    pub connections: Connections,
    pub stage: Stage,
    pub device: Device,
    /// Browsers that wait for the winner's answer.
    pub waiting: Vec<(Id, oneshot::Sender<Answer>)>,
    /// Whoever asked to cancel while the save was under way.
    pub cancelling: Vec<oneshot::Sender<Cancellation>>,
    pub accept_again: Instant,
}

impl Task {
    /// Runs until the attempt has ended and its last page is delivered, or it is cancelled.
    pub async fn run(mut self) {
        loop {
            let event = self.next_event().await;
            if self.handle(event).is_break() || self.is_delivered() {
                return self.close().await;
            }
        }
    }

    /// Who asked to cancel hears of it when the port is free and nobody is answered any more.
    async fn close(mut self) {
        drop(self.listener.take());
        self.connections.close().await;
        for reply in self.cancelling.drain(..) {
            // Whoever asked may have lost interest.
            let _ = reply.send(Cancellation::Cancelled);
        }
    }

    async fn next_event(&mut self) -> Event {
        let accept = accept(
            self.listener.as_ref(),
            self.connections.room_at(Instant::now()),
            self.accept_again,
        );
        let dropped = async {
            match &mut self.dropped {
                Some(dropped) => _ = dropped.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = dropped => Event::Dropped,
            Some(command) = self.commands.recv() => Event::Command(command),
            event = self.stage.next_event() => event,
            event = self.device.next_event() => event,
            Some(request) = self.requests.recv() => Event::Request(request),
            id = self.connections.next_end() => Event::ConnectionEnded(id),
            accepted = accept => Event::Accepted(accepted),
        }
    }

    fn handle(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::Dropped => return self.handle_dropped(),
            Event::Command(Command::Cancel(reply)) => return self.cancel(reply),
            Event::Command(Command::Submit(query)) => _ = self.receive(&query),
            Event::Request(request) => self.serve(request),
            Event::Command(Command::RequestDeviceCode) => self.request_device_code(),
            Event::DeviceCode(Ok(authorization)) => self.poll_device_code(authorization),
            Event::DeviceApproved(Ok(grant)) => self.device_approved(grant),
            Event::DeviceCode(Err(error)) | Event::DeviceApproved(Err(error)) => {
                self.device = Device::Off;
                self.report(Status::DeviceCodeFailed(error));
            }
            Event::Approved(Ok(approved)) => self.commit(*approved),
            Event::Approved(Err(failure)) => self.fail(failure),
            Event::Committed(Err(error)) => self.fail(not_saved(error)),
            Event::Committed(Ok(warning)) => self.committed(warning),
            Event::ExtrasDone => self.complete(),
            Event::Accepted(Ok(stream)) => {
                let progress = Arc::new(Progress::default());
                let router = self.router.clone();
                self.connections
                    .add(Arc::clone(&progress), serve(stream, router, progress));
            }
            Event::Accepted(Err(error)) => {
                tracing::warn!(%error, "accept failed");
                self.accept_again = Instant::now() + guard::ACCEPT_PAUSE;
            }
            Event::ConnectionEnded(id) => {
                if let Stage::Ended(delivery) = &mut self.stage {
                    delivery.delivering.remove(&id);
                }
            }
            Event::LingerOver => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    /// Dropping the handle cancels, but never undoes or hides what is already saved.
    fn handle_dropped(&mut self) -> ControlFlow<()> {
        self.dropped = None;
        match self.stage {
            Stage::Open | Stage::Exchanging(_) => ControlFlow::Break(()),
            Stage::Extras(..) => {
                self.complete();
                ControlFlow::Continue(())
            }
            Stage::Committing(..) | Stage::Ended(_) => ControlFlow::Continue(()),
        }
    }

    fn cancel(&mut self, reply: oneshot::Sender<Cancellation>) -> ControlFlow<()> {
        if let Stage::Extras(..) = self.stage {
            // Who wants out does not wait for extras.
            self.complete();
        }
        match &self.stage {
            Stage::Ended(delivery) if delivery.success.is_some() => {
                // Whoever asked may have lost interest.
                let _ = reply.send(Cancellation::AlreadySaved);
                ControlFlow::Continue(())
            }
            Stage::Committing(..) => {
                self.cancelling.push(reply);
                ControlFlow::Continue(())
            }
            Stage::Open | Stage::Exchanging(_) | Stage::Extras(..) | Stage::Ended(_) => {
                self.cancelling.push(reply);
                ControlFlow::Break(())
            }
        }
    }

    /// Decides about a callback and starts what follows. Says what the sender gets at once;
    /// `None` when it has to wait for the winner's answer.
    fn receive(&mut self, query: &CallbackQuery) -> Option<Answer> {
        match self.attempt.receive(query) {
            Verdict::Refused(refused) => Some(Answer::Page(match refused {
                Refused::StateMismatch => pages::state_mismatch(),
                Refused::Repeated => pages::repeated_parameter(),
                Refused::MissingCode => pages::missing_code(),
            })),
            Verdict::Conflict => Some(Answer::Page(pages::conflict())),
            Verdict::Exchange(code) => {
                self.exchange(CodeGrant {
                    code,
                    redirect_uri: self.redirect_uri.clone(),
                    code_verifier: self.code_verifier.clone(),
                });
                None
            }
            Verdict::Fail(error) => {
                let code = query.error.one().unwrap_or_default();
                let page = pages::issuer_error(code, query.error_description.as_deref());
                self.fail(Failure { error, page });
                self.last_answer()
            }
            Verdict::Join => self.last_answer(),
        }
    }

    fn last_answer(&self) -> Option<Answer> {
        match &self.stage {
            Stage::Ended(delivery) => Some(delivery.answer.clone()),
            Stage::Open | Stage::Exchanging(_) | Stage::Committing(..) | Stage::Extras(..) => None,
        }
    }

    /// Asked for again while one is on the screen, it is replaced by a new one.
    fn request_device_code(&mut self) {
        if matches!(self.stage, Stage::Open) {
            let issuer = self.recipe.issuer.clone();
            self.device =
                Device::Requesting(Box::pin(async move { issuer.request_device_code().await }));
        }
    }

    fn poll_device_code(&mut self, authorization: DeviceAuthorization) {
        self.report(Status::DeviceCode(authorization.code.clone()));
        let issuer = self.recipe.issuer.clone();
        self.device = Device::Polling(Box::pin(async move {
            issuer.await_device_approval(&authorization).await
        }));
    }

    fn device_approved(&mut self, grant: CodeGrant) {
        if self.attempt.device_approved() {
            self.exchange(grant);
        }
    }

    fn exchange(&mut self, grant: CodeGrant) {
        self.device = Device::Off;
        self.report(Status::Exchanging);
        let recipe = self.recipe.clone();
        let statuses = self.statuses.clone();
        self.stage = Stage::Exchanging(Box::pin(async move {
            recipe.approve(grant, &statuses).await.map(Box::new)
        }));
    }

    fn commit(&mut self, approved: Approved) {
        let outcome = Outcome {
            account: approved.account.clone(),
            success: approved.success.clone(),
            tokens: approved.tokens.clone(),
        };
        // fsync can take long on a bad disk, and the screen must stay alive meanwhile.
        let job = Box::pin(on_blocking_thread(move || approved.commit()));
        self.stage = Stage::Committing(job, outcome);
    }

    fn committed(&mut self, warning: Option<String>) {
        self.saved.send_replace(true);
        if let Some(warning) = warning {
            self.report(Status::Notice(warning));
        }
        let somebody_waits = self.dropped.is_some() && self.cancelling.is_empty();
        if !(Extras::are_wanted(&self.recipe) && somebody_waits) {
            return self.complete();
        }
        self.stage = match std::mem::replace(&mut self.stage, Stage::Open) {
            Stage::Committing(_, outcome) => {
                let statuses = self.statuses.clone();
                let extras = Extras::new(self.recipe.clone(), &outcome.tokens, statuses);
                Stage::Extras(Box::pin(extras.run()), outcome)
            }
            other => other,
        };
    }

    fn complete(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Open);
        let (Stage::Committing(_, outcome) | Stage::Extras(_, outcome)) = stage else {
            self.stage = stage;
            return;
        };
        self.report(Status::Completed(outcome.account));
        self.end(Delivery {
            answer: Answer::Redirect(outcome.success.location.clone()),
            success: Some(outcome.success),
            ..Delivery::new(Answer::NotFound)
        });
    }

    fn fail(&mut self, failure: Failure) {
        self.report(Status::Failed(failure.error));
        self.end(Delivery::new(Answer::Page(failure.page)));
    }

    /// Answers everybody who waits, and lets only the last pages out from here on.
    fn end(&mut self, delivery: Delivery) {
        let outcome = if delivery.success.is_some() {
            Cancellation::AlreadySaved
        } else {
            Cancellation::Cancelled
        };
        let answer = delivery.answer.clone();
        self.device = Device::Off;
        self.stage = Stage::Ended(delivery);
        for (connection, reply) in std::mem::take(&mut self.waiting) {
            self.answer(connection, reply, answer.clone());
        }
        for reply in self.cancelling.drain(..) {
            let _ = reply.send(outcome);
        }
    }

    fn serve(&mut self, request: Request) {
        let Request {
            ask,
            connection,
            reply,
        } = request;
        let answer = match ask {
            Ask::Callback(query) => {
                let Some(answer) = self.receive(&query) else {
                    self.waiting.push((connection, reply));
                    return;
                };
                answer
            }
            Ask::SuccessPage(query) => self.success_page(&query),
            Ask::ShortLink(random) => self.short_link(&random),
        };
        self.answer(connection, reply, answer);
    }

    /// Hands an answer over, and remembers what has to be delivered before the task may end.
    fn answer(&mut self, connection: Id, reply: oneshot::Sender<Answer>, answer: Answer) {
        let redirected = matches!(answer, Answer::Redirect(_));
        let taken = reply.send(answer).is_ok();
        if let Stage::Ended(delivery) = &mut self.stage
            && taken
        {
            delivery.delivering.insert(connection);
            delivery.expects_success_page |= redirected;
        }
    }

    fn success_page(&mut self, query: &str) -> Answer {
        match &mut self.stage {
            Stage::Ended(Delivery {
                success: Some(success),
                expects_success_page,
                ..
            }) => {
                let Some(page) = success.page(query) else {
                    return Answer::Page(success.page_for_others().clone());
                };
                *expects_success_page = false;
                Answer::Page(page.clone())
            }
            _ => Answer::NotFound,
        }
    }

    fn short_link(&self, random: &str) -> Answer {
        let known = random.as_bytes().ct_eq(self.short_path.as_bytes());
        let live = !matches!(self.stage, Stage::Ended(_));
        if live && bool::from(known) {
            Answer::Redirect(self.authorization_url.clone())
        } else {
            Answer::NotFound
        }
    }

    fn is_delivered(&self) -> bool {
        match &self.stage {
            Stage::Ended(delivery) => {
                !delivery.expects_success_page && delivery.delivering.is_empty()
            }
            Stage::Open | Stage::Exchanging(_) | Stage::Committing(..) | Stage::Extras(..) => false,
        }
    }

    fn report(&self, status: Status) {
        // A host that has stopped listening is no reason to stop.
        let _ = self.statuses.send(status);
    }
}

async fn accept(
    listener: Option<&Listener>,
    room_at: Option<Instant>,
    not_before: Instant,
) -> std::io::Result<TcpStream> {
    let (Some(listener), Some(room_at)) = (listener, room_at) else {
        return std::future::pending().await;
    };
    let at = room_at.max(not_before);
    if at > Instant::now() {
        tokio::time::sleep_until(at).await;
    }
    listener.accept().await
}
