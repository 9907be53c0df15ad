//! The sign-in: a background task that receives the browser's callback and ends with credentials
//! on disk.
//!
//! [`sign_in()`] is one call. [`SignIn::start`] binds the callback server and spawns the task,
//! [`SignIn::next`] returns its reports, and dropping the handle cancels it.

mod after_save;
mod callback;
mod completion;
mod connections;
mod keeper;
mod kept;
mod listener;
mod options;
mod pages;
pub(crate) mod paste;
mod peer;
mod pending;
mod server;
mod status;
mod task;

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
#[cfg(feature = "cli")]
pub(crate) use listener::{PortObstacle, port_obstacle};
pub use options::{Port, REGISTERED_PORTS, SignInOptions};
pub use paste::is_complete as is_complete_callback;
pub use pending::{Destination, PendingFile, PendingSignIn, PollingLock};
pub use status::{Link, Status};

use crate::auth::{Account, random_base64url};
use crate::error::{Error, Result};
use listener::Listener;
use task::{HostCommand, Task};

/// For this crate's tests and benchmarks. May change in any release.
#[doc(hidden)]
pub mod internals {
    pub use super::listener::{both_taken, port_taken};
    pub use super::paste::read as read_paste;
}

/// Signs a person in: passes the link to `show`, waits for the browser's callback, and returns once
/// the credentials are saved and the browser has its last page. Dropping the future cancels.
///
/// It waits as long as the person takes; `tokio::time::timeout` sets a limit. A host that offers
/// pasting or a device code, or that shows the progress, uses [`SignIn`].
///
/// ```no_run
/// use codex_onboarding::auth::{Issuer, Session, Store};
/// use codex_onboarding::sign_in::{SignInOptions, sign_in};
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let options = SignInOptions::new(Issuer::openai(), Store::new("/home/zoe/.codex"));
///     let session = options.session();
///     let account = sign_in(options, |link| println!("Open {}", link.authorization_url)).await?;
///     println!("Signed in as {:?}", account.email);
///     let session = Session::load(&session)?.ok_or("nobody is signed in")?;
///     let bearer = session.bearer().await?;
///     // …
///     Ok(())
/// }
/// ```
///
/// # Errors
/// The error of [`Status::Failed`], and those of [`SignIn::start`]. Without a callback server the
/// sign-in could not be finished: [`ErrorKind::PortInUse`] when no port can be listened on, and
/// [`ErrorKind::Usage`] when the options want none.
///
/// [`ErrorKind::PortInUse`]: crate::ErrorKind::PortInUse
/// [`ErrorKind::Usage`]: crate::ErrorKind::Usage
pub async fn sign_in(options: SignInOptions, show: impl FnOnce(&Link)) -> Result<Account> {
    let mut sign_in = SignIn::start(options)?;
    let link = sign_in.link();
    if link.port.is_none() {
        let error = match &link.port_problem {
            Some(problem) => Error::port_in_use(problem),
            None => Error::usage("This sign-in has no port for the browser's callback"),
        };
        return Err(error.with_hint("Sign in by pasting the address or with a device code"));
    }
    show(link);
    let ended = loop {
        match sign_in.next().await {
            Some(Status::Completed(account)) => break Ok(account),
            Some(Status::Failed(error)) => break Err(error),
            Some(_) => {}
            None => break Err(Error::cancelled("The sign-in was ended")),
        }
    };
    sign_in.finish().await;
    ended
}

/// A running sign-in attempt. Dropping it cancels.
///
/// After the end, the last page is still delivered to the browser, for 2 seconds at most and as
/// long as the runtime lives. [`SignIn::finish`] waits for that.
///
/// It is also a stream of [`Status`]; [`SignIn::next`] needs no extension trait.
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
    statuses: mpsc::UnboundedReceiver<Status>,
    kept: watch::Receiver<Kept>,
    cancel: CancelHandle,
    task: JoinHandle<()>,
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
    commands: mpsc::UnboundedSender<HostCommand>,
    standing: watch::Receiver<Standing>,
    listener: Option<Listener>,
}

/// The progress of an attempt, which decides the result of a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Nothing is saved, and nothing is being saved.
    Open,
    /// The credentials are being written.
    Committing,
    /// The credentials are saved.
    Saved,
    /// The attempt is over, and nothing was saved.
    Failed,
}

impl SignIn {
    /// Binds the callback server and starts the background task. Needs a tokio runtime
    /// with time and I/O enabled.
    ///
    /// When neither registered port can be listened on, there is no server: [`Link::port`] is then
    /// `None`, and paste and device code work. The port of an earlier sign-in of this process is
    /// free as soon as that one is cancelled or dropped.
    ///
    /// # Errors
    /// [`ErrorKind::PortInUse`] when the port in the options cannot be listened on, and
    /// [`ErrorKind::Usage`] outside a runtime. Also fails when no request could be sent or nothing
    /// could be saved: an unusable proxy, TLS without a cryptography provider, an unusable store.
    ///
    /// [`ErrorKind::PortInUse`]: crate::ErrorKind::PortInUse
    /// [`ErrorKind::Usage`]: crate::ErrorKind::Usage
    pub fn start(options: SignInOptions) -> Result<Self> {
        let runtime = ready(&options)?;
        let (listener, port_problem) = listener::bind(options.port)?;
        let port = listener.as_ref().map(Listener::port);
        let kept = Kept::new(&options, port)?;
        // 8 bytes keep the whole link within 40 characters.
        let path = random_base64url::<8>()?;
        let link = Link {
            authorization_url: kept.authorization_url(&options.issuer)?,
            short_url: port.map(|port| format!("http://localhost:{port}/login/{path}")),
            port,
            port_problem,
        };
        Ok(Task::spawn(&runtime, options, kept, link, listener))
    }

    /// Resumes a sign-in that was [kept](SignIn::kept), by this process or another one. Its link and
    /// its device code stay the same, and so do the workspaces and the optional work after the save.
    /// It has no callback server; paste and device code work.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for another issuer or client id than it began with;
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
        let link = Link {
            authorization_url: kept.authorization_url(&options.issuer)?,
            ..Link::default()
        };
        Ok(Task::spawn(&runtime, options, kept, link, None))
    }

    /// Returns the values with which another process can resume this sign-in. The sign-in
    /// continues; to leave it for later, store them and drop the handle.
    pub fn kept(&self) -> Kept {
        self.kept.borrow().clone()
    }

    /// Returns a receiver of the values that [`SignIn::kept`] returns. It changes when a device
    /// code is issued, after each poll, and when the code fails.
    pub fn kept_changes(&self) -> watch::Receiver<Kept> {
        self.kept.clone()
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
    /// this as well.
    ///
    /// # Errors
    /// The text is not a callback of this attempt; the message tells the person what to paste. The
    /// attempt stays open.
    pub fn submit(&self, text: &str) -> Result<()> {
        let callback = paste::read_callback(text, &self.kept.borrow().state)?;
        // The task may have ended; its last report says how.
        let _ = self.cancel.commands.send(HostCommand::Submit(callback));
        Ok(())
    }

    /// Requests a device code, beside the callback and the paste; the first approval wins.
    /// [`Status::DeviceCode`] or [`Status::DeviceCodeFailed`] follows.
    pub fn request_device_code(&self) {
        // The task may have ended; its last report says how.
        let _ = self.cancel.commands.send(HostCommand::RequestDeviceCode);
    }

    /// Cancels. See [`CancelHandle::cancel`].
    pub fn cancel(&self) -> impl Future<Output = Cancellation> + Send + use<> {
        self.cancel.cancel()
    }

    /// Returns a handle that cancels from elsewhere.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// Waits until the browser has its last page, or after a cancel, until a session that was not
    /// saved is revoked. Takes at most 2 seconds after the end.
    pub async fn finish(mut self) {
        // A task that panicked has ended as well.
        let _ = (&mut self.task).await;
    }
}

/// Checks that an approval can be exchanged and saved, and returns the runtime.
fn ready(options: &SignInOptions) -> Result<Handle> {
    let runtime = Handle::try_current().map_err(|error| {
        Error::usage("Could not start a sign-in: there is no tokio runtime here")
            .with_source(error)
            .with_hint("Call it from within a tokio runtime")
    })?;
    options.store.check_savable()?;
    options.issuer.check_reachable()?;
    // The system's certificate authorities load while the person is at the browser.
    options.issuer.warm_up();
    Ok(runtime)
}

impl Drop for SignIn {
    fn drop(&mut self) {
        self.cancel.release_port();
        // The task may have ended.
        let _ = self.cancel.commands.send(HostCommand::Drop);
    }
}

impl Stream for SignIn {
    type Item = Status;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Status>> {
        self.statuses.poll_recv(cx)
    }
}

impl CancelHandle {
    /// Cancels at once, even if the future is never polled. The future tells whether the cancel
    /// came too late. The port is free for a new sign-in as soon as this function returns.
    ///
    /// A session that the issuer has already created is revoked. That continues after the result,
    /// for at most 2 seconds; [`SignIn::finish`] waits for it.
    pub fn cancel(&self) -> impl Future<Output = Cancellation> + Send + use<> {
        self.release_port();
        let (reply, answer) = oneshot::channel();
        // After the end there is no task to reply, and the last standing decides.
        let _ = self.commands.send(HostCommand::Cancel(reply));
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
