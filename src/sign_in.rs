//! The sign-in: a background task that receives the browser's callback and ends with credentials
//! on disk.
//!
//! [`sign_in()`] is the short way. [`SignIn::start`] binds the callback server and spawns the task,
//! [`SignIn::next`] returns its reports, and dropping the handle cancels it.

mod after_save;
mod attempt;
mod authorization;
mod callback;
mod completion;
mod connections;
mod guard;
mod keeper;
mod kept;
mod listener;
mod options;
mod pages;
pub(crate) mod paste;
mod peer;
mod pending;
mod port_holder;
mod server;
mod short_way;
mod status;
mod success;
mod task;
mod undelivered;

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use crate::auth::DeviceCode;
pub use keeper::Keeper;
pub use kept::Kept;
pub use listener::{Port, REGISTERED_PORTS};
#[cfg(feature = "cli")]
pub(crate) use listener::{PortState, port_state};
pub use options::SignInOptions;
pub use paste::is_complete as is_complete_callback;
pub use pending::{Destination, PendingFile, PendingSignIn, Polling};
pub use short_way::sign_in;
pub use status::{Link, Status};

use crate::error::{Error, Result};
use attempt::{Ignored, OAuthState};
use authorization::Authorization;
use listener::{Bound, Listener};
use paste::PasteError;
use task::{Command, Standing, Task};

/// For the tests and benchmarks of this crate: no part of what a host may rely on.
#[doc(hidden)]
pub mod internals {
    pub use super::listener::{both_taken, port_taken};
    pub use super::paste::read as read_paste;
}

/// A running sign-in attempt. Dropping it cancels.
///
/// After the end, the last page is still delivered to the browser, for 2 seconds at most and as
/// long as the runtime lives. [`SignIn::finish`] waits for that.
///
/// It is a stream of [`Status`], too; [`SignIn::next`] needs no extension trait.
///
/// ```
/// use codex_onboarding::auth::{DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Store};
/// use codex_onboarding::demo::{DemoIssuer, Profile};
/// use codex_onboarding::sign_in::{Cancellation, Port, SignIn, SignInOptions, Status};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let demo = DemoIssuer::start(Profile::default())?;
/// # let home = tempfile::tempdir()?;
/// let issuer = Issuer::new(IssuerUrl::parse(demo.url())?, DEFAULT_CLIENT_ID, None);
/// let mut options = SignInOptions::new(issuer, Store::new(home.path()));
/// options.port = Port::Exactly(0);
/// let mut sign_in = SignIn::start(options)?;
/// sign_in.request_device_code();
/// while let Some(status) = sign_in.next().await {
///     if let Status::DeviceCode(code) = status {
///         println!("Enter {} at {}", code.user_code, code.verification_url);
///         break;
///     }
/// }
/// assert_eq!(sign_in.cancel().await, Cancellation::Cancelled);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SignIn {
    link: Link,
    state: OAuthState,
    statuses: mpsc::UnboundedReceiver<Status>,
    kept: watch::Receiver<Kept>,
    cancel: CancelHandle,
    task: JoinHandle<()>,
    /// The task notices when this is dropped.
    _alive: oneshot::Sender<()>,
}

/// The result of a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancellation {
    /// Nothing was saved, and nothing will be.
    Cancelled,
    /// It was too late: the credentials are saved.
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
    /// When neither registered port can be listened on, the sign-in goes on without a server:
    /// [`Link::port`] is then `None`, and paste and device code work. The port of an earlier sign-in of this
    /// process is free as soon as that was cancelled or dropped.
    ///
    /// # Errors
    /// [`ErrorKind::PortInUse`] when the port in the options cannot be listened on, and
    /// [`ErrorKind::Usage`] outside a runtime. Requests could not be sent: the proxy that is
    /// set cannot be used, or TLS is needed and no cryptography provider was chosen.
    ///
    /// [`ErrorKind::PortInUse`]: crate::ErrorKind::PortInUse
    /// [`ErrorKind::Usage`]: crate::ErrorKind::Usage
    pub fn start(options: SignInOptions) -> Result<Self> {
        let runtime = ready(&options)?;
        let (listener, port_problem) = match listener::bind(options.port)? {
            Bound::Listening(listener) => (Some(listener), None),
            Bound::NoServer(problem) => (None, problem),
        };
        let port = listener.as_ref().map(Listener::port);
        let authorization = Authorization::new(&options, port)?;
        let link = authorization.link(port, port_problem);
        Ok(Self::begin(
            &runtime,
            options,
            authorization,
            link,
            listener,
            None,
        ))
    }

    /// Goes on with a sign-in that was [kept](SignIn::kept), by this process or another one: its
    /// link and its device code are as before. It has no callback server; paste and device code
    /// work. Workspaces and what is done after the save are those of the beginning.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for another issuer or client id than those of the beginning;
    /// [`ErrorKind::Expired`] after 15 minutes; otherwise as [`SignIn::start`].
    ///
    /// [`ErrorKind::Usage`]: crate::ErrorKind::Usage
    /// [`ErrorKind::Expired`]: crate::ErrorKind::Expired
    pub fn resume(kept: Kept, mut options: SignInOptions) -> Result<Self> {
        kept.check(&options.issuer)?;
        if kept.has_expired(options.clock.now()) {
            return Err(Error::expired("The sign-in has expired").with_hint("Begin a new one"));
        }
        let runtime = ready(&options)?;
        options.workspaces.clone_from(&kept.workspaces);
        options.exchange_api_key = kept.exchange_api_key;
        options.redeem_credits = kept.redeem_credits;
        let authorization = Authorization::kept(&options, &kept)?;
        let link = authorization.link(None, None);
        let sign_in = Self::begin(&runtime, options, authorization, link, None, Some(kept));
        Ok(sign_in)
    }

    fn begin(
        runtime: &Handle,
        options: SignInOptions,
        authorization: Authorization,
        link: Link,
        listener: Option<Listener>,
        kept: Option<Kept>,
    ) -> Self {
        let state = authorization.state.clone();
        // The system's certificate authorities load while the person is at the browser.
        options.issuer.warm_up();
        let (task, ends) = Task::new(options, authorization, listener.clone());
        task.report(Status::Url(link.clone()));
        let task = task.resuming(kept);
        Self {
            link,
            state,
            statuses: ends.statuses,
            kept: ends.kept,
            cancel: CancelHandle {
                commands: ends.commands,
                standing: ends.standing,
                listener,
            },
            task: runtime.spawn(task.run()),
            _alive: ends.alive,
        }
    }

    /// Returns what another process needs to go on with this sign-in, as it stands now. Nothing
    /// ends: to leave a sign-in for later, keep this and drop the handle.
    pub fn kept(&self) -> Kept {
        self.kept.borrow().clone()
    }

    /// As [`SignIn::kept`], as a value to wait for: it changes when a device code is issued, after
    /// each poll that found no approval, and when the code fails.
    pub fn kept_changes(&self) -> watch::Receiver<Kept> {
        self.kept.clone()
    }

    /// Ends this process's part of the sign-in, and returns what another one needs to go on with
    /// it; `None` when it was too late: the credentials are saved.
    pub async fn suspend(self) -> Option<Kept> {
        let kept = self.kept();
        match self.cancel().await {
            Cancellation::Cancelled => Some(kept),
            Cancellation::AlreadySaved => None,
        }
    }

    /// Returns the link that the person opens to sign in.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Waits for the next report; `None` once the task has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Status> {
        self.statuses.recv().await
    }

    /// Submits a pasted address (spec, section 3). A host that received the callback itself uses
    /// this, too.
    ///
    /// # Errors
    /// Fails with a sentence for the person when the text is not a callback of this attempt. The
    /// attempt stays open.
    pub fn submit(&self, text: &str) -> Result<()> {
        let is_ours = || paste::holds(text, self.state.as_str());
        let query = paste::read(text).map_err(|error| match error {
            PasteError::MissingState | PasteError::NotACallback if is_ours() => {
                PasteError::Unreadable
            }
            error => error,
        })?;
        self.state.check(&query).map_err(|ignored| match ignored {
            Ignored::StateMismatch if is_ours() => PasteError::Unreadable.into(),
            Ignored::StateMismatch => {
                Error::usage("That address belongs to an older link or to another sign-in")
                    .with_hint("Open the link shown here, and paste the address you land on")
            }
            Ignored::Repeated => PasteError::Repeated.into(),
            Ignored::MissingCode => PasteError::MissingCode.into(),
        })?;
        // The task may have ended; its last report says how.
        let _ = self.cancel.commands.send(Command::Submit(query));
        Ok(())
    }

    /// Requests a device code, beside the callback and the paste; the first approval wins.
    /// [`Status::DeviceCode`] or [`Status::DeviceCodeFailed`] follows.
    pub fn request_device_code(&self) {
        // The task may have ended; its last report says how.
        let _ = self.cancel.commands.send(Command::RequestDeviceCode);
    }

    /// Cancels. See [`CancelHandle::cancel`].
    pub fn cancel(&self) -> impl Future<Output = Cancellation> + Send + use<> {
        self.cancel.cancel()
    }

    /// Returns a handle that cancels from elsewhere.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// Waits until the task has ended: after the end, until the browser has its last page; after
    /// a cancel, until a session that was not kept is revoked. Takes 2 seconds at most.
    pub async fn finish(mut self) {
        // A task that panicked has ended, too.
        let _ = (&mut self.task).await;
    }
}

/// Checks what would make a person approve in vain, and returns the runtime.
fn ready(options: &SignInOptions) -> Result<Handle> {
    let runtime = Handle::try_current().map_err(|error| {
        Error::usage("Could not start a sign-in: there is no tokio runtime here")
            .with_source(error)
            .with_hint("Call it from within a tokio runtime")
    })?;
    options.store.check_savable()?;
    options.issuer.check_reachable()?;
    Ok(runtime)
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
    /// Cancels at once, even if the future is never polled. The future returns whether that was
    /// too late. The port is free for a new sign-in as soon as this function returns.
    ///
    /// A session that was made and is not kept is revoked. That continues after the result, for
    /// 2 seconds at most; [`SignIn::finish`] waits for it.
    pub fn cancel(&self) -> impl Future<Output = Cancellation> + Send + use<> {
        self.release_port();
        let (reply, answer) = oneshot::channel();
        // After the end the task is gone, and its last standing decides.
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

    /// Frees the port now, not when the task runs next. A last page is still delivered, unless a
    /// new sign-in needs the port.
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
