//! The background task that owns one attempt: a loop of events. Requests, pasted texts and cancels
//! arrive as messages, and reports leave as [`Status`].
//!
//! The task ends soon after the attempt. It shares nothing with the handle but the listener, so
//! that dropping the handle closes the port at once.

use axum::response::{IntoResponse, Response};
use futures_core::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep_until};

use super::callback::Callback;
use super::completion::{Completed, Failure, NotSaved, complete};
use super::connections::{Connections, MAX_CONNECTIONS};
use super::kept::Kept;
use super::listener::Listener;
use super::options::SignInOptions;
use super::pages::{self, CallbackPage, Success};
use super::server::{BrowserRequest, Door, Reply, redirect};
use super::status::{Link, Status};
use super::{CancelHandle, Cancellation, SignIn, Standing};
use crate::auth::{CodeGrant, DeviceAuthorization, revoke_unused};
use crate::error::Result;

/// The longest time that the server keeps running after its attempt, to deliver the last page.
const LINGER: Duration = Duration::from_secs(2);

/// A command of the host.
#[derive(Debug)]
pub enum HostCommand {
    /// A pasted callback.
    Submit(Callback),
    /// Request a device code, beside the callback and the paste.
    RequestDeviceCode,
    /// End the attempt, and reply with the result.
    Cancel(oneshot::Sender<Cancellation>),
    /// The handle was dropped: end the attempt.
    Drop,
}

/// The first approval or refusal, which decides the attempt.
enum Winner {
    Callback(Callback),
    /// A device code, which no callback repeats.
    DeviceCode,
}

/// The progress of the attempt.
enum Stage {
    /// No approval has come yet.
    Open,
    /// An approval is being turned into saved credentials.
    Completing {
        work: BoxFuture<'static, Result<Completed, NotSaved>>,
        /// Dropping this abandons everything but the write.
        hurry: Option<oneshot::Sender<()>>,
    },
    /// Only the browser's pages are left to deliver.
    Ended { ending: Ending, until: Instant },
    /// Cancelled in time: nothing was saved, and no browser gets an answer.
    Cancelled,
}

/// The end of an attempt.
enum Ending {
    Saved(Success),
    Failed(CallbackPage),
}

/// A step of the device code.
enum DeviceStep {
    Issued(Result<DeviceAuthorization>),
    Polled(DeviceAuthorization, Result<Option<CodeGrant>>),
}

enum TaskEvent {
    Command(HostCommand),
    Completed(Result<Completed, NotSaved>),
    DeviceStep(DeviceStep),
    Request(BrowserRequest),
    /// A connection was opened or closed, or the time for the last page is over.
    Progress,
}

/// The task's state.
pub struct Task {
    options: SignInOptions,
    link: Link,
    winner: Option<Winner>,
    stage: Stage,
    /// The device code's next step, while it is requested or waits for approval.
    device: Option<BoxFuture<'static, DeviceStep>>,
    connections: Connections,
    requests: Receiver<BrowserRequest>,
    commands: UnboundedReceiver<HostCommand>,
    statuses: UnboundedSender<Status>,
    standing: watch::Sender<Standing>,
    /// The attempt's secrets, with which another process can resume it.
    kept: watch::Sender<Kept>,
    /// The notices about undelivered callbacks that have been reported.
    told: Vec<&'static str>,
    /// Browsers that wait for the winner's answer.
    waiting_browsers: Vec<Reply>,
    /// Set while a browser that was redirected to `/success` has not requested it yet.
    expects_success_page: bool,
    /// Cancels that wait for an answer.
    cancelling: Vec<oneshot::Sender<Cancellation>>,
    /// The revocation of a session that was not saved.
    revocation: Option<JoinHandle<()>>,
}

impl Task {
    /// Starts the task of an open attempt, and returns its handle.
    pub fn spawn(
        runtime: &Handle,
        mut options: SignInOptions,
        kept: Kept,
        link: Link,
        listener: Option<Listener>,
    ) -> SignIn {
        let (commands, received_commands) = mpsc::unbounded_channel();
        let (report, statuses) = mpsc::unbounded_channel();
        let (standing, watched_standing) = watch::channel(Standing::Open);
        let device = kept.device.clone();
        let (kept, watched_kept) = watch::channel(kept);
        // A small channel is enough: a handler waits while the task is busy, and is never refused.
        let (sender, requests) = mpsc::channel(MAX_CONNECTIONS);
        let door = Door {
            port: link.port.unwrap_or_default(),
            state: watched_kept.borrow().state.clone(),
            trusted_users: options.trusted_users.clone(),
            requests: sender,
        };
        let notices = report.clone();
        let notify = Status::notify(move |status| _ = notices.send(status));
        options.store = options.store.notifying(&notify);
        let mut task = Self {
            options,
            link: link.clone(),
            winner: None,
            stage: Stage::Open,
            device: None,
            connections: Connections::new(listener.clone(), door),
            requests,
            commands: received_commands,
            statuses: report,
            standing,
            kept,
            told: Vec::new(),
            waiting_browsers: Vec::new(),
            expects_success_page: false,
            cancelling: Vec::new(),
            revocation: None,
        };
        task.report(Status::Url(link.clone()));
        if let Some(authorization) = device {
            let code = authorization.code(&task.options.issuer, task.options.clock.now());
            task.report(Status::DeviceCode(code));
            task.poll_device_code(authorization);
        }
        SignIn {
            link,
            kept: watched_kept,
            statuses,
            cancel: CancelHandle {
                commands,
                standing: watched_standing,
                listener,
            },
            task: runtime.spawn(task.run()),
        }
    }

    /// Runs until the attempt has ended and its last page is delivered, or it is cancelled.
    async fn run(mut self) {
        while !self.is_over() {
            match self.next_event().await {
                TaskEvent::Command(HostCommand::Submit(callback)) => self.receive(callback, None),
                TaskEvent::Command(HostCommand::RequestDeviceCode) => self.request_device_code(),
                TaskEvent::Command(HostCommand::Cancel(reply)) => self.cancel(Some(reply)),
                TaskEvent::Command(HostCommand::Drop) => self.cancel(None),
                TaskEvent::Completed(Ok(completed)) => self.succeed(completed),
                TaskEvent::Completed(Err(not_saved)) => self.not_saved(not_saved),
                TaskEvent::DeviceStep(step) => self.advance_device(step),
                TaskEvent::Request(request) => self.answer(request),
                TaskEvent::Progress => {}
            }
        }
        self.connections.close().await;
        self.reply_to_cancels(Cancellation::Cancelled);
        if let Some(revocation) = self.revocation {
            // The revocation traces its own failures.
            let _ = revocation.await;
        }
    }

    fn is_over(&self) -> bool {
        match self.stage {
            Stage::Open | Stage::Completing { .. } => false,
            Stage::Ended { until, .. } => {
                let is_delivered = !self.expects_success_page && !self.connections.is_serving();
                is_delivered || Instant::now() >= until
            }
            Stage::Cancelled => true,
        }
    }

    async fn next_event(&mut self) -> TaskEvent {
        tokio::select! {
            biased;
            Some(command) = self.commands.recv() => TaskEvent::Command(command),
            event = next_step(&mut self.stage) => event,
            step = next_device_step(&mut self.device) => TaskEvent::DeviceStep(step),
            Some(request) = self.requests.recv() => TaskEvent::Request(request),
            () = self.connections.next_change() => TaskEvent::Progress,
        }
    }

    /// Cancels, but never undoes or hides what is already saved.
    fn cancel(&mut self, reply: Option<oneshot::Sender<Cancellation>>) {
        self.cancelling.extend(reply);
        match &mut self.stage {
            Stage::Open => self.stage = Stage::Cancelled,
            Stage::Completing { hurry, .. } => *hurry = None,
            Stage::Ended { ending, .. } => {
                let cancellation = ending.cancellation();
                self.reply_to_cancels(cancellation);
            }
            Stage::Cancelled => {}
        }
    }

    fn answer(&mut self, request: BrowserRequest) {
        match request {
            BrowserRequest::Callback(callback, reply) => self.receive(callback, Some(reply)),
            BrowserRequest::SuccessPage(query, reply) => {
                if let Some(success) = self.stage.success() {
                    let page = if success.has_key(&query) {
                        self.expects_success_page = false;
                        success.page.clone()
                    } else {
                        success.page_for_others.clone()
                    };
                    send(Some(reply), page);
                }
            }
            BrowserRequest::ShortLink(path, reply) => {
                let is_live = matches!(self.stage, Stage::Open | Stage::Completing { .. });
                if is_live && self.link.ends_in(&path) {
                    send(Some(reply), redirect(&self.link.authorization_url));
                }
            }
            BrowserRequest::Undelivered(undelivered) => {
                if matches!(self.stage, Stage::Open) && !self.told.contains(&undelivered) {
                    self.told.push(undelivered);
                    self.report(Status::Notice(undelivered.to_owned()));
                }
            }
        }
    }

    /// Handles a callback: it wins, repeats the winner, or comes too late. A pasted one has no
    /// reply.
    fn receive(&mut self, callback: Callback, reply: Option<Reply>) {
        match &self.winner {
            None => {
                self.winner = Some(Winner::Callback(callback.clone()));
                self.waiting_browsers.extend(reply);
                match callback {
                    Callback::Code(code) => {
                        let grant = self.kept.borrow().grant(code);
                        self.exchange(grant);
                    }
                    Callback::Error { code, description } => {
                        let product = self.options.issuer.product();
                        self.fail(Failure::of_callback(product, &code, description.as_deref()));
                    }
                }
            }
            Some(Winner::Callback(first)) if callback.repeats(first) => {
                self.waiting_browsers.extend(reply);
                self.answer_browsers();
            }
            Some(_) => send(reply, pages::conflict()),
        }
    }

    fn exchange(&mut self, grant: CodeGrant) {
        self.device = None;
        self.report(Status::Exchanging);
        let (hurry, hurried) = oneshot::channel();
        let work = complete(self.options.clone(), grant, self.standing.clone(), hurried);
        self.stage = Stage::Completing {
            work: Box::pin(work),
            hurry: Some(hurry),
        };
    }

    fn succeed(&mut self, completed: Completed) {
        self.report(Status::Completed(completed.account));
        self.end(Ending::Saved(completed.success));
    }

    fn not_saved(&mut self, not_saved: NotSaved) {
        if let Some(token) = not_saved.unused {
            let issuer = self.options.issuer.clone();
            let revocation = async move { revoke_unused(&issuer, &token).await };
            self.revocation = Some(tokio::spawn(revocation));
        }
        match not_saved.failure {
            Some(failure) => self.fail(failure),
            None => self.stage = Stage::Cancelled,
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.standing.send_replace(Standing::Failed);
        self.report(Status::Failed(failure.error));
        self.end(Ending::Failed(failure.page));
    }

    /// Answers the cancels and browsers that wait. From here on only the last pages are delivered.
    fn end(&mut self, ending: Ending) {
        self.device = None;
        self.reply_to_cancels(ending.cancellation());
        self.stage = Stage::Ended {
            ending,
            until: Instant::now() + LINGER,
        };
        self.answer_browsers();
    }

    /// Sends the winner's answer to the browsers that wait, once it is known.
    fn answer_browsers(&mut self) {
        let Stage::Ended { ending, .. } = &self.stage else {
            return;
        };
        for reply in self.waiting_browsers.drain(..) {
            let has_received = reply.send(ending.answer()).is_ok();
            self.expects_success_page |= has_received && self.stage.success().is_some();
        }
    }

    fn reply_to_cancels(&mut self, cancellation: Cancellation) {
        for reply in self.cancelling.drain(..) {
            // The caller may have dropped its future.
            let _ = reply.send(cancellation);
        }
    }

    /// Requests a device code, which replaces one that is already on the screen.
    fn request_device_code(&mut self) {
        if matches!(self.stage, Stage::Open) {
            let (issuer, clock) = (self.options.issuer.clone(), self.options.clock.clone());
            self.device = Some(Box::pin(async move {
                DeviceStep::Issued(issuer.request_device_code(&clock).await)
            }));
        }
    }

    fn advance_device(&mut self, step: DeviceStep) {
        match step {
            DeviceStep::Issued(Ok(authorization)) => {
                let issuer = &self.options.issuer;
                let mut code = authorization.code(issuer, self.options.clock.now());
                code.expires_in = issuer.pace().lifetime;
                // Publish the values first, so that a host can store them as soon as it receives
                // the code.
                self.poll_device_code(authorization);
                self.report(Status::DeviceCode(code));
            }
            DeviceStep::Polled(_, Ok(Some(grant))) => {
                self.winner = Some(Winner::DeviceCode);
                // It is spent: another process could not go on with it.
                self.kept.send_modify(|kept| kept.device = None);
                self.exchange(grant);
            }
            DeviceStep::Polled(authorization, Ok(None)) => {
                self.poll_device_code(authorization);
            }
            DeviceStep::Issued(Err(error)) | DeviceStep::Polled(_, Err(error)) => {
                self.kept.send_modify(|kept| kept.device = None);
                self.report(Status::DeviceCodeFailed(error));
            }
        }
    }

    /// Polls once, when a poll is due. Until then, a host can store the code.
    fn poll_device_code(&mut self, mut authorization: DeviceAuthorization) {
        let device = Some(authorization.clone());
        self.kept.send_modify(|kept| kept.device = device);
        let (issuer, clock) = (self.options.issuer.clone(), self.options.clock.clone());
        self.device = Some(Box::pin(async move {
            let polled = issuer.poll_device_code(&mut authorization, &clock).await;
            DeviceStep::Polled(authorization, polled)
        }));
    }

    fn report(&self, status: Status) {
        // The attempt goes on even if the host has stopped listening.
        let _ = self.statuses.send(status);
    }
}

impl Stage {
    /// Returns the pages of a sign-in that has completed.
    fn success(&self) -> Option<&Success> {
        match self {
            Self::Ended {
                ending: Ending::Saved(success),
                ..
            } => Some(success),
            _ => None,
        }
    }
}

impl Ending {
    /// Returns the answer to the winner's callback, and to every repetition of it.
    fn answer(&self) -> Response {
        match self {
            Self::Saved(success) => redirect(&success.location),
            Self::Failed(page) => page.clone().into_response(),
        }
    }

    /// Returns the result of a cancel that comes after the end.
    fn cancellation(&self) -> Cancellation {
        match self {
            Self::Saved(_) => Cancellation::AlreadySaved,
            Self::Failed(_) => Cancellation::Cancelled,
        }
    }
}

/// Waits for the stage to end; for ever while no approval has come. Cancel safe: the work stays in
/// the stage.
async fn next_step(stage: &mut Stage) -> TaskEvent {
    match stage {
        Stage::Completing { work, .. } => TaskEvent::Completed(work.await),
        Stage::Ended { until, .. } => {
            sleep_until(*until).await;
            TaskEvent::Progress
        }
        Stage::Open | Stage::Cancelled => std::future::pending().await,
    }
}

/// Waits for the device code's next step; for ever without one. Cancel safe.
async fn next_device_step(device: &mut Option<BoxFuture<'static, DeviceStep>>) -> DeviceStep {
    let Some(step) = device else {
        return std::future::pending().await;
    };
    let step = step.await;
    *device = None;
    step
}

fn send(reply: Option<Reply>, answer: impl IntoResponse) {
    if let Some(reply) = reply {
        // The browser may be gone.
        let _ = reply.send(answer.into_response());
    }
}
