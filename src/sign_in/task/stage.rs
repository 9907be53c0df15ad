//! The stages of an attempt, and the step by which each one ends.

use std::collections::HashSet;

use futures_core::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::Id;
use tokio::time::Instant;

use crate::auth::{DeviceAuthorization, Poll, Save, Saved, Tokens};
use crate::error::Result;
use crate::sign_in::completion::{Failure, NewSession};
use crate::sign_in::guard;
use crate::sign_in::server::BrowserAnswer;
use crate::sign_in::success::Success;

/// The progress of the attempt.
pub enum Stage {
    /// No approval has come yet.
    Open,
    /// The code is being exchanged. May be abandoned.
    Exchanging(BoxFuture<'static, Result<Tokens, Box<Failure>>>),
    /// There is a session, and its save waits for the locks. May be abandoned; the session is
    /// then revoked.
    Locking(BoxFuture<'static, Result<Save>>, Box<NewSession>),
    /// The credentials are being written. Must not be abandoned: the file may already be new.
    Committing(BoxFuture<'static, Result<Saved>>, Box<NewSession>),
    /// The credentials are saved, and the rest of the options is carried out. May be
    /// abandoned.
    AfterSave(BoxFuture<'static, ()>, Box<NewSession>),
    /// Only the browser's page is left to deliver.
    Ended(Box<Delivery>),
}

/// The step that ends a stage.
pub enum Step {
    Exchanged(Result<Tokens, Box<Failure>>),
    Locked(Result<Save>),
    Committed(Result<Saved>),
    AllDone,
    LingerOver,
}

impl Stage {
    /// Waits for the stage's step. Cancel safe: the work stays in the stage.
    pub async fn next_step(&mut self) -> Step {
        match self {
            Self::Open => std::future::pending().await,
            Self::Exchanging(exchange) => Step::Exchanged(exchange.await),
            Self::Locking(locks, _) => Step::Locked(locks.await),
            Self::Committing(commit, _) => Step::Committed(commit.await),
            Self::AfterSave(work, _) => {
                work.await;
                Step::AllDone
            }
            Self::Ended(delivery) => {
                tokio::time::sleep_until(delivery.until).await;
                Step::LingerOver
            }
        }
    }

    /// Sends an answer. After the end, the task stays until it is delivered.
    pub fn hand_over(
        &mut self,
        connection: Id,
        reply: oneshot::Sender<BrowserAnswer>,
        answer: BrowserAnswer,
    ) {
        match self {
            Self::Ended(delivery) => delivery.hand_over(connection, reply, answer),
            // The client may be gone.
            _ => _ = reply.send(answer),
        }
    }
}

/// The progress of the device code.
pub enum Device {
    /// Not requested, or over.
    Off,
    /// Being requested.
    Requesting(BoxFuture<'static, Result<DeviceAuthorization>>),
    /// On the person's screen, and waiting for approval.
    Polling(BoxFuture<'static, (DeviceAuthorization, Result<Poll>)>),
}

/// A step of the device code.
pub enum DeviceStep {
    Issued(Result<DeviceAuthorization>),
    Polled(DeviceAuthorization, Result<Poll>),
}

impl Device {
    /// Waits for the next step. Cancel safe.
    pub async fn next_step(&mut self) -> DeviceStep {
        match self {
            Self::Off => std::future::pending().await,
            Self::Requesting(request) => DeviceStep::Issued(request.await),
            Self::Polling(polling) => {
                let (authorization, polled) = polling.await;
                DeviceStep::Polled(authorization, polled)
            }
        }
    }
}

/// The last pages of an attempt that has ended.
pub struct Delivery {
    /// The answer to every repetition of the winner's callback.
    pub answer: BrowserAnswer,
    /// The last page; `None` after a failure.
    pub success: Option<Success>,
    until: Instant,
    /// A browser was redirected to `/success` and has not asked for it yet.
    expects_success_page: bool,
    /// Connections that are taking the last page.
    delivering: HashSet<Id>,
}

impl Delivery {
    /// Allows two seconds to deliver the answer and the page it redirects to.
    pub fn new(answer: BrowserAnswer, success: Option<Success>) -> Self {
        Self {
            answer,
            success,
            until: Instant::now() + guard::LINGER,
            expects_success_page: false,
            delivering: HashSet::new(),
        }
    }

    /// Sends an answer, and keeps the task alive until it is delivered.
    pub fn hand_over(
        &mut self,
        connection: Id,
        reply: oneshot::Sender<BrowserAnswer>,
        answer: BrowserAnswer,
    ) {
        let redirected = matches!(answer, BrowserAnswer::Redirect(_));
        if reply.send(answer).is_ok() {
            self.delivering.insert(connection);
            self.expects_success_page |= redirected;
        }
    }

    /// Answers `GET /success`.
    pub fn success_page(&mut self, query: &str) -> BrowserAnswer {
        let Some(success) = &self.success else {
            return BrowserAnswer::NotFound;
        };
        let Some(page) = success.page(query) else {
            return BrowserAnswer::Page(success.page_for_others().clone());
        };
        self.expects_success_page = false;
        BrowserAnswer::Page(page.clone())
    }

    /// Returns whether every page is delivered.
    pub fn is_over(&self) -> bool {
        !self.expects_success_page && self.delivering.is_empty()
    }

    /// Records that a connection has ended, with or without its page.
    pub fn connection_ended(&mut self, connection: Id) {
        self.delivering.remove(&connection);
    }
}
