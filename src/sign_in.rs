//! The sign-in task: a background task that receives the browser's callback and
//! ends with credentials on disk.
//!
//! [`SignIn::start`] binds the callback server and spawns the task; [`SignIn::next`]
//! reports what happens; dropping the handle cancels and tears everything down.

mod attempt;
mod callback;
mod completion;
mod connections;
mod extras;
mod guard;
mod listener;
pub mod pages;
pub mod paste;
mod port_holder;
mod server;
mod status;
mod task;

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use crate::auth::DeviceCode;
pub use listener::{Port, REGISTERED_PORTS};
pub use status::{Link, Status};

use crate::auth::{AuthorizeRequest, Issuer, Pkce, Store, random_base64url, redirect_uri};
use crate::error::{Error, Result};
use attempt::{Attempt, OAuthState, Refused};
use completion::Recipe;
use listener::{Bound, Listener};
use task::{Command, Device, Stage, Task};

/// What a sign-in needs to know.
#[derive(Clone)]
pub struct SignInOptions {
    /// Where the person signs in.
    pub issuer: Issuer,
    /// Where the credentials go.
    pub store: Store,
    /// Which port the callback server listens on.
    pub port: Port,
    /// Account ids that may sign in; empty for any.
    pub workspaces: Vec<String>,
    /// Exchange the id token for an API key, and save it beside the tokens.
    pub exchange_api_key: bool,
    /// Redeem the API credits that come with ChatGPT Plus and Pro.
    pub redeem_credits: bool,
    /// The wall clock, for token lifetimes.
    pub clock: fn() -> DateTime<Utc>,
}

impl SignInOptions {
    /// The usual sign-in: the registered ports, any account, the system's clock.
    pub fn new(issuer: Issuer, store: Store) -> Self {
        Self {
            issuer,
            store,
            port: Port::default(),
            workspaces: Vec::new(),
            exchange_api_key: false,
            redeem_credits: false,
            clock: Utc::now,
        }
    }
}

/// A running sign-in attempt. Dropping it cancels.
///
/// After the end, dropping lets the browser's last page be delivered (2 seconds at
/// most) as long as the runtime lives; [`SignIn::finish`] waits for that.
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
    saved: watch::Receiver<bool>,
}

impl SignIn {
    /// Binds the callback server and starts the background task. Needs a tokio runtime
    /// with time and I/O enabled.
    ///
    /// When both registered ports are taken, the sign-in goes on without a server:
    /// [`Link::port`] is then `None`, and paste-back stays live.
    ///
    /// # Errors
    /// [`ErrorKind::PortInUse`] when the port in the options is taken.
    pub fn start(options: SignInOptions) -> Result<Self> {
        let (listener, port_problem) = match listener::bind(options.port)? {
            Bound::Listening(listener) => (Some(listener), None),
            Bound::Taken(problem) => (None, Some(problem)),
        };
        let port = listener.as_ref().map(Listener::port);
        let pkce = Pkce::generate()?;
        let state = OAuthState::new(random_base64url::<32>()?);
        // 8 bytes keep the whole link within 40 characters.
        let short_path = random_base64url::<8>()?;
        let redirect_uri = redirect_uri(port.unwrap_or(options.port.without_server()));
        let authorization_url = AuthorizeRequest {
            issuer: &options.issuer,
            redirect_uri: &redirect_uri,
            code_challenge: &pkce.code_challenge,
            state: state.as_str(),
            workspaces: &options.workspaces,
        }
        .url()?
        .to_string();
        let link = Link {
            authorization_url: authorization_url.clone(),
            short_url: port.map(|port| format!("http://localhost:{port}/login/{short_path}")),
            port,
            port_problem,
        };

        // The system's certificate authorities load while the person is at the browser.
        let warm_up = options.issuer.clone();
        // Small: a handler waits here while the task is busy, it is never refused.
        let (request_sender, requests) = mpsc::channel(guard::MAX_CONNECTIONS);
        let (command_sender, commands) = mpsc::unbounded_channel();
        let (status_sender, statuses) = mpsc::unbounded_channel();
        let (alive, dropped) = oneshot::channel();
        let (saved_sender, saved) = watch::channel(false);
        // The receiver is in our hands: it cannot be closed yet.
        let _ = status_sender.send(Status::Url(link.clone()));
        let task = Task {
            attempt: Attempt::new(state.clone()),
            recipe: Recipe {
                issuer: options.issuer,
                store: options.store,
                workspaces: options.workspaces,
                exchange_api_key: options.exchange_api_key,
                redeem_credits: options.redeem_credits,
                clock: options.clock,
            },
            authorization_url,
            redirect_uri,
            code_verifier: pkce.code_verifier,
            short_path,
            router: server::router(port.unwrap_or_default(), request_sender),
            listener,
            requests,
            commands,
            statuses: status_sender,
            dropped: Some(dropped),
            saved: saved_sender,
            connections: connections::Connections::default(),
            stage: Stage::Open,
            device: Device::Off,
            waiting: Vec::new(),
            cancelling: Vec::new(),
            accept_again: Instant::now(),
        };
        warm_up.warm_up();
        Ok(Self {
            link,
            state,
            statuses,
            cancel: CancelHandle {
                commands: command_sender,
                saved,
            },
            task: tokio::spawn(task.run()),
            _alive: alive,
        })
    }

    /// Where the person goes to sign in.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The next report; `None` once the task has ended. Cancel safe.
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

    /// Cancels, and says whether that came too late.
    pub async fn cancel(&self) -> Cancellation {
        self.cancel.cancel().await
    }

    /// A way to cancel from elsewhere.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// After the end: waits until the browser has its page, 2 seconds at most.
    pub async fn finish(self) {
        // A task that panicked has nothing left to deliver.
        let _ = self.task.await;
    }
}

impl CancelHandle {
    /// Cancels, and says whether that came too late.
    pub async fn cancel(&self) -> Cancellation {
        let (reply, answer) = oneshot::channel();
        // When the task has ended already, what it left behind decides.
        let _ = self.commands.send(Command::Cancel(reply));
        match answer.await {
            Ok(answer) => answer,
            Err(_) if *self.saved.borrow() => Cancellation::AlreadySaved,
            Err(_) => Cancellation::Cancelled,
        }
    }
}
