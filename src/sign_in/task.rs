//! The background task that owns one attempt: a loop of events, each of which turns the current
//! stage into the next.
//!
//! Requests, pasted texts and cancels arrive as messages, and reports leave as [`Status`]. The
//! task ends soon after the attempt. It shares nothing with the handle but the listener, so that
//! dropping the handle closes the port at once.

mod peer_lookups;
mod requests;
mod stage;
mod steps;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinHandle};
use tokio::time::Instant;

use peer_lookups::PeerLookups;
use stage::{Device, DeviceStep, Stage, Step};

use super::attempt::Attempt;
use super::authorization::Authorization;
use super::callback::CallbackQuery;
use super::connections::Connections;
use super::kept::Kept;
use super::listener::Listener;
use super::options::SignInOptions;
use super::peer::Peer;
use super::server::{BrowserAnswer, Request};
use super::status::Status;
use super::undelivered::TellHost;
use super::{Cancellation, guard, server};

/// A command of the host.
#[derive(Debug)]
pub enum Command {
    /// A pasted callback.
    Submit(CallbackQuery),
    /// Request a device code, beside the callback and the paste.
    RequestDeviceCode,
    /// End the attempt, and reply how it stood.
    Cancel(oneshot::Sender<Cancellation>),
}

/// The standing of an attempt, which decides what a cancel comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is saved, and nothing is being saved.
    Open,
    /// The credentials are being written.
    Committing,
    /// The credentials are saved.
    Saved,
    /// The attempt is over, and nothing was saved.
    Failed,
}

/// The host's ends of a task's channels.
#[derive(Debug)]
pub struct HostEnds {
    pub commands: UnboundedSender<Command>,
    pub statuses: UnboundedReceiver<Status>,
    pub standing: watch::Receiver<Standing>,
    pub kept: watch::Receiver<Kept>,
    /// The task notices when this is dropped.
    pub alive: oneshot::Sender<()>,
}

/// An event in a task's loop.
enum Event {
    Dropped,
    Command(Command),
    Step(Step),
    DeviceStep(DeviceStep),
    Request(Request),
    PeersKnown(Vec<(Request, Peer)>),
    ConnectionEnded(Id),
    Accepted(std::io::Result<TcpStream>),
}

/// The task's state, but for its [`Stage`].
pub struct Task {
    options: SignInOptions,
    authorization: Authorization,
    attempt: Attempt,
    device: Device,
    listener: Option<Listener>,
    accept_again: Instant,
    router: Router,
    tell_host: TellHost,
    connections: Connections,
    requests: Receiver<Request>,
    peer_lookups: PeerLookups,
    commands: UnboundedReceiver<Command>,
    statuses: UnboundedSender<Status>,
    standing: watch::Sender<Standing>,
    /// What another process needs to go on with the attempt.
    kept: watch::Sender<Kept>,
    /// Resolves when the handle is dropped; `None` from then on.
    dropped: Option<oneshot::Receiver<()>>,
    /// Browsers that wait for the winner's answer.
    waiting_browsers: Vec<(Id, oneshot::Sender<BrowserAnswer>)>,
    /// Cancels that came during the save.
    cancelling: Vec<oneshot::Sender<Cancellation>>,
    /// The revocation of a session that was not kept.
    revocation: Option<JoinHandle<()>>,
}

impl Task {
    /// Creates the task of an open attempt.
    pub fn new(
        mut options: SignInOptions,
        authorization: Authorization,
        listener: Option<Listener>,
    ) -> (Self, HostEnds) {
        // Small: a handler waits while the task is busy, and is never refused.
        let (request_sender, requests) = mpsc::channel(guard::MAX_CONNECTIONS);
        let (command_sender, commands) = mpsc::unbounded_channel();
        let (status_sender, statuses) = mpsc::unbounded_channel();
        let reports = status_sender.clone();
        // A host that has stopped listening does not end the attempt.
        let notify = Status::notify(move |status| _ = reports.send(status));
        options.store = options.store.notifying(&notify);
        let (standing_sender, standing) = watch::channel(Standing::Open);
        let (kept_sender, kept) = watch::channel(authorization.keep(&options));
        let (alive, dropped) = oneshot::channel();
        let port = listener.as_ref().map_or(0, Listener::port);
        let tell_host = tell_host(status_sender.clone(), standing.clone());
        let task = Self {
            attempt: Attempt::new(authorization.state.clone()),
            options,
            authorization,
            device: Device::Off,
            listener,
            accept_again: Instant::now(),
            router: server::router(port, request_sender, Arc::clone(&tell_host)),
            tell_host,
            connections: Connections::default(),
            requests,
            peer_lookups: PeerLookups::new(port),
            commands,
            statuses: status_sender,
            standing: standing_sender,
            kept: kept_sender,
            dropped: Some(dropped),
            waiting_browsers: Vec::new(),
            cancelling: Vec::new(),
            revocation: None,
        };
        let ends = HostEnds {
            commands: command_sender,
            statuses,
            standing,
            kept,
            alive,
        };
        (task, ends)
    }

    /// Goes on with what was kept.
    pub fn resuming(mut self, kept: Option<Kept>) -> Self {
        let Some(kept) = kept else {
            return self;
        };
        self.kept.send_modify(|it| it.began_at = kept.began_at);
        if let Some(authorization) = kept.device {
            let code = authorization.code(&self.options.issuer, self.options.clock.now());
            self.report(Status::DeviceCode(code));
            self.poll_device_code(authorization);
        }
        self
    }

    /// Runs until the attempt has ended and its last page is delivered, or it is cancelled.
    pub async fn run(mut self) {
        let mut stage = Stage::Open;
        loop {
            let event = self.next_event(&mut stage).await;
            match self.handle(stage, event) {
                ControlFlow::Continue(next) if !self.is_done(&next) => stage = next,
                ControlFlow::Continue(last) | ControlFlow::Break(last) => {
                    return self.close(last).await;
                }
            }
        }
    }

    /// Returns whether the attempt has ended and every browser has its last page.
    fn is_done(&self, stage: &Stage) -> bool {
        matches!(stage, Stage::Ended(delivery) if delivery.is_over())
            && self.peer_lookups.is_empty()
    }

    /// Replies to cancels once the port is free and no connection is left. Ends once a session
    /// that was not kept is revoked.
    async fn close(mut self, last: Stage) {
        if let Some(listener) = &self.listener {
            listener.close();
        }
        self.connections.close().await;
        if let Stage::Locking(_, session) = last {
            self.revoke(session.tokens);
        }
        for reply in self.cancelling.drain(..) {
            // The caller may have dropped its future.
            let _ = reply.send(Cancellation::Cancelled);
        }
        if let Some(revocation) = self.revocation {
            // Its failures are traced.
            let _ = revocation.await;
        }
    }

    async fn next_event(&mut self, stage: &mut Stage) -> Event {
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
            step = stage.next_step() => Event::Step(step),
            step = self.device.next_step() => Event::DeviceStep(step),
            known = self.peer_lookups.next() => Event::PeersKnown(known),
            Some(request) = self.requests.recv() => Event::Request(request),
            id = self.connections.next_end() => Event::ConnectionEnded(id),
            accepted = accept => Event::Accepted(accepted),
        }
    }

    /// Turns a stage into the next one; `Break` ends the task.
    fn handle(&mut self, mut stage: Stage, event: Event) -> ControlFlow<Stage, Stage> {
        let next = match event {
            Event::Dropped => return self.handle_dropped(stage),
            Event::Command(Command::Cancel(reply)) => return self.cancel(stage, reply),
            Event::Step(step) => return self.advance(stage, step),
            Event::Command(Command::Submit(query)) => self.receive(stage, &query).0,
            Event::Command(Command::RequestDeviceCode) => {
                self.request_device_code(&stage);
                stage
            }
            Event::DeviceStep(step) => self.advance_device(stage, step),
            Event::Request(request) => self.receive_request(stage, request),
            Event::PeersKnown(known) => self.peers_known(stage, known),
            Event::ConnectionEnded(id) => {
                if let Stage::Ended(delivery) = &mut stage {
                    delivery.connection_ended(id);
                }
                stage
            }
            Event::Accepted(accepted) => {
                self.accepted(accepted);
                stage
            }
        };
        ControlFlow::Continue(next)
    }

    /// Cancels, but never undoes or hides what is already saved.
    fn handle_dropped(&mut self, stage: Stage) -> ControlFlow<Stage, Stage> {
        self.dropped = None;
        match stage {
            Stage::Open | Stage::Exchanging(_) | Stage::Locking(..) => ControlFlow::Break(stage),
            Stage::AfterSave(_, session) => ControlFlow::Continue(self.complete(*session)),
            Stage::Committing(..) | Stage::Ended(_) => ControlFlow::Continue(stage),
        }
    }

    fn cancel(
        &mut self,
        stage: Stage,
        reply: oneshot::Sender<Cancellation>,
    ) -> ControlFlow<Stage, Stage> {
        self.cancelling.push(reply);
        match stage {
            // A cancel does not wait for more than the save.
            Stage::AfterSave(_, session) => ControlFlow::Continue(self.complete(*session)),
            Stage::Ended(delivery) if delivery.success.is_some() => {
                self.reply_to_cancels(Cancellation::AlreadySaved);
                ControlFlow::Continue(Stage::Ended(delivery))
            }
            Stage::Committing(..) => ControlFlow::Continue(stage),
            _ => ControlFlow::Break(stage),
        }
    }

    /// Sends a report to the host.
    pub fn report(&self, status: Status) {
        // A host that has stopped listening does not end the attempt.
        let _ = self.statuses.send(status);
    }
}

fn tell_host(statuses: UnboundedSender<Status>, standing: watch::Receiver<Standing>) -> TellHost {
    let told = Mutex::new(Vec::new());
    Arc::new(move |undelivered| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if *standing.borrow() == Standing::Open && !told.contains(&undelivered) {
            told.push(undelivered);
            // A host that has stopped listening does not end the attempt.
            let _ = statuses.send(Status::Notice(undelivered.to_string()));
        }
    })
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
