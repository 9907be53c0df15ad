//! How far an attempt is, and the next thing that happens to it by itself.

use std::collections::HashSet;

use futures_core::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::Id;
use tokio::time::Instant;

use crate::auth::{CodeGrant, DeviceAuthorization, Tokens};
use crate::error::Result;
use crate::sign_in::completion::{Approved, Failure, LockedSave};
use crate::sign_in::guard;
use crate::sign_in::server::Answer;
use crate::sign_in::success::Success;

/// How far the attempt is.
pub enum Stage {
    /// Nobody has approved yet.
    Open,
    /// The code is being exchanged. May be abandoned at any moment.
    Exchanging(BoxFuture<'static, Result<Tokens, Box<Failure>>>),
    /// There is a session, and the save waits for the locks. May be abandoned, and the session
    /// is then ended at the issuer.
    Locking(BoxFuture<'static, Result<LockedSave>>, Box<Approved>),
    /// Must not be abandoned: the file may already be the new one.
    Committing(BoxFuture<'static, Result<Option<String>>>, Box<Approved>),
    /// The credentials are on disk. What else was asked for may be abandoned at any moment.
    AfterSave(BoxFuture<'static, ()>, Box<Approved>),
    /// Only the browser's page is left to deliver.
    Ended(Box<Delivery>),
}

/// What a stage comes to by itself.
pub enum Step {
    Exchanged(Result<Tokens, Box<Failure>>),
    Locked(Result<LockedSave>),
    Committed(Result<Option<String>>),
    AllDone,
    LingerOver,
}

impl Stage {
    /// The next thing that happens by itself. Cancel safe: the work is kept in the stage.
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

    /// Whether the attempt has ended and everybody has the page that says how.
    pub fn is_delivered(&self) -> bool {
        match self {
            Self::Ended(delivery) => {
                !delivery.expects_success_page && delivery.delivering.is_empty()
            }
            _ => false,
        }
    }
}

/// How far the device code is.
pub enum Device {
    /// Not asked for, or over.
    Off,
    /// Being asked for.
    Requesting(BoxFuture<'static, Result<DeviceAuthorization>>),
    /// On the person's screen.
    Polling(BoxFuture<'static, Result<CodeGrant>>),
}

/// What happens to the device code.
pub enum DeviceStep {
    Issued(Result<DeviceAuthorization>),
    Approved(Result<CodeGrant>),
}

impl Device {
    /// As [`Stage::next_step`].
    pub async fn next_step(&mut self) -> DeviceStep {
        match self {
            Self::Off => std::future::pending().await,
            Self::Requesting(request) => DeviceStep::Issued(request.await),
            Self::Polling(polling) => DeviceStep::Approved(polling.await),
        }
    }
}

/// After the end: what is still to be delivered, and until when.
pub struct Delivery {
    /// The answer to the winner's callback, however often it comes.
    pub answer: Answer,
    /// The last page; `None` after a failure.
    pub success: Option<Success>,
    until: Instant,
    /// A browser was redirected to `/success` and has not asked for it yet.
    expects_success_page: bool,
    /// Connections that are taking the last page.
    delivering: HashSet<Id>,
}

impl Delivery {
    /// Leaves two seconds to deliver the answer, and the page that it redirects to.
    pub fn new(answer: Answer, success: Option<Success>) -> Self {
        Self {
            answer,
            success,
            until: Instant::now() + guard::LINGER,
            expects_success_page: false,
            delivering: HashSet::new(),
        }
    }

    /// Hands an answer over, and remembers what has to be delivered before the task may end.
    pub fn hand_over(&mut self, connection: Id, reply: oneshot::Sender<Answer>, answer: Answer) {
        let redirected = matches!(answer, Answer::Redirect(_));
        if reply.send(answer).is_ok() {
            self.delivering.insert(connection);
            self.expects_success_page |= redirected;
        }
    }

    /// Answers `GET /success`.
    pub fn success_page(&mut self, query: &str) -> Answer {
        let Some(success) = &self.success else {
            return Answer::NotFound;
        };
        let Some(page) = success.page(query) else {
            return Answer::Page(success.page_for_others().clone());
        };
        self.expects_success_page = false;
        Answer::Page(page.clone())
    }

    /// A connection has ended, with or without its page.
    pub fn connection_ended(&mut self, connection: Id) {
        self.delivering.remove(&connection);
    }
}
