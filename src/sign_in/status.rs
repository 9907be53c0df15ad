//! What a running sign-in tells its host.

use crate::auth::{Account, DeviceCode};
use crate::error::Error;

/// A report of the background task, in the order in which things happen.
///
/// Exactly one of [`Status::Completed`] and [`Status::Failed`] ends every
/// attempt that is not cancelled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Status {
    /// The callback server listens (or could not), and this is the link to open.
    Url(Link),
    /// A device code was issued; the sign-in goes on beside the callback.
    DeviceCode(DeviceCode),
    /// The device code could not be had or has ended; callback and paste stay live.
    DeviceCodeFailed(Error),
    /// Somebody approved: the code is being exchanged for tokens.
    Exchanging,
    /// Something holds the sign-in up for a while: a lock that another program holds.
    Waiting(String),
    /// Something worth a line on the screen even after the end: a warning about the save, or
    /// how an extra went.
    Notice(String),
    /// The credentials are on disk.
    Completed(Account),
    /// The attempt is over and nothing was saved.
    Failed(Error),
}

/// Where the person goes to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The full authorization URL.
    pub authorization_url: String,
    /// `http://localhost:PORT/login/…`, at most 40 characters, redirects to the
    /// authorization URL; `None` when no server could be bound.
    pub short_url: Option<String>,
    /// The callback server's port; `None` when no server could be bound.
    pub port: Option<u16>,
    /// Why there is no server: which port is taken, and by whom when the system tells.
    pub port_problem: Option<String>,
}
