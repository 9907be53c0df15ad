//! The sign-in task: a background task that receives the browser's callback and
//! ends with credentials on disk.
//!
//! [`SignIn::start`] binds the callback server and spawns the task; [`SignIn::next`]
//! reports what happens; dropping the handle cancels and tears everything down.

mod after_save;
mod attempt;
mod authorization;
mod callback;
mod completion;
mod connections;
mod guard;
mod listener;
mod options;
pub mod pages;
pub mod paste;
mod peer;
mod port_holder;
mod server;
mod status;
mod success;
mod task;

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use crate::auth::DeviceCode;
pub use listener::{Port, REGISTERED_PORTS};
#[cfg(feature = "cli")]
pub(crate) use listener::{PortState, port_state};
#[doc(hidden)] // The sentences alone, for pictures of the screens.
pub use listener::{both_taken, port_taken};
pub use options::SignInOptions;
pub use status::{Link, Status};

use crate::error::{Error, Result};
use attempt::{OAuthState, Refused};
use authorization::Authorization;
use listener::{Bound, Listener};
use task::{Command, HostEnds, Standing, Task};

/// A running sign-in attempt. Dropping it cancels.
///
/// After the end, dropping lets the browser's last page be delivered (2 seconds at
/// most) as long as the runtime lives; [`SignIn::finish`] waits for that.
///
/// It is a stream of [`Status`] as well: [`SignIn::next`] does not need an extension trait.
#[derive(Debug)]
pub struct SignIn {
    link: Link,
    state: OAuthState,
    statuses: mpsc::UnboundedReceiver<Status>,
    cancel: CancelHandle,
    task: JoinHandle<()>,
    /// The task notices when this is dropped.
    _alive: oneshot::Sender<()>,
}

/// How an attempt stood when it was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// Nothing was saved, and nothing will be.
    Cancelled,
    /// Too late: the credentials are on disk.
    AlreadySaved,
}

/// Cancels a sign-in from elsewhere. Clones cancel the same attempt.
#[derive(Clone, Debug)]
pub struct CancelHandle {
    commands: mpsc::UnboundedSender<Command>,
    standing: watch::Receiver<Standing>,
    listener: Option<Listener>,
}

impl SignIn {
    /// Binds the callback server and starts the background task. Needs a tokio runtime
    /// with time and I/O enabled.
    ///
    /// When both registered ports are taken, the sign-in goes on without a server:
    /// [`Link::port`] is then `None`, and paste-back stays live. A port that an earlier sign-in
    /// of this process holds counts as free once that was cancelled or dropped.
    ///
    /// # Errors
    /// [`ErrorKind::PortInUse`] when the port in the options is taken, and
    /// [`ErrorKind::Usage`] outside a runtime.
    ///
    /// [`ErrorKind::PortInUse`]: crate::ErrorKind::PortInUse
    /// [`ErrorKind::Usage`]: crate::ErrorKind::Usage
    pub fn start(options: SignInOptions) -> Result<Self> {
        let runtime = Handle::try_current().map_err(|error| {
            Error::usage("Could not start a sign-in: there is no tokio runtime here")
                .with_source(error)
                .with_hint("Call it from within a tokio runtime")
        })?;
        let (listener, port_problem) = match listener::bind(options.port)? {
            Bound::Listening(listener) => (Some(listener), None),
            Bound::Taken(problem) => (None, Some(problem)),
        };
        let port = listener.as_ref().map(Listener::port);
        let authorization = Authorization::new(&options, port)?;
        let link = authorization.link(port, port_problem);
        let state = authorization.state.clone();
        // The system's certificate authorities load while the person is at the browser.
        options.issuer.warm_up();
        let (task, ends) = Task::new(options, authorization, listener.clone());
        task.report(Status::Url(link.clone()));
        Ok(Self::of(
            link,
            state,
            listener,
            ends,
            runtime.spawn(task.run()),
        ))
    }

    fn of(
        link: Link,
        state: OAuthState,
        listener: Option<Listener>,
        ends: HostEnds,
        task: JoinHandle<()>,
    ) -> Self {
        Self {
            link,
            state,
            statuses: ends.statuses,
            cancel: CancelHandle {
                commands: ends.commands,
                standing: ends.standing,
                listener,
            },
            task,
            _alive: ends.alive,
        }
    }

    /// Returns where the person goes to sign in.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Waits for the next report; `None` once the task has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Status> {
        self.statuses.recv().await
    }

    /// Hands in what the person pasted (spec, section 3). The attempt goes on with it; a
    /// host that received the callback itself uses this too.
    ///
    /// # Errors
    /// A sentence for the person when it is no callback of this attempt; nothing is used up.
    pub fn submit(&self, text: &str) -> Result<()> {
        let query = paste::read(text)?;
        self.state.check(&query).map_err(|refused| match refused {
            Refused::StateMismatch => {
                Error::usage("That address belongs to an older link or to another sign-in")
                    .with_hint("Open the link shown here, and paste the address you land on")
            }
            Refused::Repeated => paste::PasteError::Repeated.into(),
            Refused::MissingCode => paste::PasteError::MissingCode.into(),
        })?;
        // The task is gone when the attempt has ended: its last report says how.
        let _ = self.cancel.commands.send(Command::Submit(query));
        Ok(())
    }

    /// Starts a sign-in on another device, beside the callback and the paste; whichever
    /// finishes first wins. [`Status::DeviceCode`] or [`Status::DeviceCodeFailed`] follows.
    pub fn request_device_code(&self) {
        // The task is gone when the attempt has ended: its last report says how.
        let _ = self.cancel.commands.send(Command::RequestDeviceCode);
    }

    /// Cancels; the same as [`CancelHandle::cancel`].
    pub fn cancel(&self) -> impl Future<Output = Cancellation> + Send + use<> {
        self.cancel.cancel()
    }

    /// Returns a way to cancel from elsewhere.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// Waits until the task has ended: after the end, until the browser has its page; after a
    /// cancel, until the issuer has ended a session that was not kept. Takes 2 seconds at most
    /// in either case.
    pub async fn finish(mut self) {
        // A task that panicked has nothing left to do.
        let _ = (&mut self.task).await;
    }
}

impl Drop for SignIn {
    fn drop(&mut self) {
        self.cancel.release_port();
    }
}

impl Stream for SignIn {
    type Item = Status;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Status>> {
        self.statuses.poll_recv(cx)
    }
}

impl CancelHandle {
    /// Cancels at once, even if the future is never polled; the future says whether that came
    /// too late. The port is free for a new sign-in as soon as this returns.
    ///
    /// A session that was made and is not kept is ended at the issuer. That goes on after the
    /// answer, for 2 seconds at most: [`SignIn::finish`] waits for it.
    pub fn cancel(&self) -> impl Future<Output = Cancellation> + Send + use<> {
        self.release_port();
        let (reply, answer) = oneshot::channel();
        // The task is gone when the attempt has ended already: how it stood then decides.
        let _ = self.commands.send(Command::Cancel(reply));
        let standing = self.standing.clone();
        async move {
            match answer.await {
                Ok(answer) => answer,
                Err(_) if *standing.borrow() == Standing::Saved => Cancellation::AlreadySaved,
                Err(_) => Cancellation::Cancelled,
            }
        }
    }

    /// The task would do it, but only when it runs next. A last page is still delivered, unless
    /// a new sign-in needs the port.
    fn release_port(&self) {
        if let Some(listener) = &self.listener {
            if *self.standing.borrow() == Standing::Open {
                listener.close();
            } else {
                listener.leave_open();
            }
        }
    }
}
