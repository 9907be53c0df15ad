//! How far an attempt is, and the next thing that happens to it by itself.

use std::collections::HashSet;
use std::pin::Pin;

use tokio::net::TcpStream;
use tokio::task::Id;
use tokio::time::Instant;

use super::Command;
use crate::auth::{Account, CodeGrant, DeviceAuthorization, Tokens};
use crate::error::Result;
use crate::sign_in::completion::{Approved, Failure, Success};
use crate::sign_in::guard;
use crate::sign_in::server::{Answer, Request};

/// Work that goes on inside the task's loop, and ends with it.
pub type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How far the attempt is.
pub enum Stage {
    /// Nobody has approved yet.
    Open,
    /// May be abandoned at any moment.
    Exchanging(Work<Result<Box<Approved>, Failure>>),
    /// Must not be abandoned: the file may already be the new one.
    Committing(Work<Result<Option<String>>>, Outcome),
    /// The credentials are on disk. The extras may be abandoned at any moment.
    Extras(Work<()>, Outcome),
    /// Only the browser's page is left to deliver.
    Ended(Delivery),
}

/// How far the device code is.
pub enum Device {
    /// Not asked for, or over.
    Off,
    /// Being asked for.
    Requesting(Work<Result<DeviceAuthorization>>),
    /// On the person's screen.
    Polling(Work<Result<CodeGrant>>),
}

/// What is reported when the commit has succeeded.
pub struct Outcome {
    pub account: Account,
    pub success: Success,
    pub tokens: Tokens,
}

/// After the end: what is still to be delivered, and until when.
pub struct Delivery {
    pub answer: Answer,
    pub success: Option<Success>,
    pub until: Instant,
    /// A browser was redirected to `/success` and has not asked for it yet.
    pub expects_success_page: bool,
    /// Connections that are taking the last page.
    pub delivering: HashSet<Id>,
}

/// What happens to a task.
pub enum Event {
    Dropped,
    Command(Command),
    Request(Request),
    Approved(Result<Box<Approved>, Failure>),
    Committed(Result<Option<String>>),
    ExtrasDone,
    Accepted(std::io::Result<TcpStream>),
    ConnectionEnded(Id),
    LingerOver,
    DeviceCode(Result<DeviceAuthorization>),
    DeviceApproved(Result<CodeGrant>),
}

impl Stage {
    /// The next thing that happens by itself. Cancel safe: the work is kept in the stage.
    pub async fn next_event(&mut self) -> Event {
        match self {
            Self::Open => std::future::pending().await,
            Self::Exchanging(work) => Event::Approved(work.await),
            Self::Committing(job, _) => Event::Committed(job.await),
            Self::Extras(work, _) => {
                work.await;
                Event::ExtrasDone
            }
            Self::Ended(delivery) => {
                tokio::time::sleep_until(delivery.until).await;
                Event::LingerOver
            }
        }
    }
}

impl Device {
    /// As [`Stage::next_event`].
    pub async fn next_event(&mut self) -> Event {
        match self {
            Self::Off => std::future::pending().await,
            Self::Requesting(work) => Event::DeviceCode(work.await),
            Self::Polling(work) => Event::DeviceApproved(work.await),
        }
    }
}

impl Delivery {
    /// Nothing to deliver yet, and two seconds for it.
    pub fn new(answer: Answer) -> Self {
        Self {
            answer,
            success: None,
            until: Instant::now() + guard::LINGER,
            expects_success_page: false,
            delivering: HashSet::new(),
        }
    }
}
