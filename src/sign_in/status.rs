//! The reports of a running sign-in.

use subtle::ConstantTimeEq as _;

use crate::auth::{Account, DeviceCode, Notify};
use crate::error::Error;

/// A report of the background task. Reports come in the order of events.
///
/// Exactly one of [`Status::Completed`] and [`Status::Failed`] ends every
/// attempt that is not cancelled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Status {
    /// The link to open. The callback server listens, unless [`Link::port`] is `None`.
    Url(Link),
    /// A device code was issued; the callback can still complete the sign-in.
    DeviceCode(DeviceCode),
    /// The device code failed or expired; callback and paste stay live.
    DeviceCodeFailed(Error),
    /// The sign-in was approved, and the code is being exchanged for tokens.
    Exchanging,
    /// The sign-in waits for a lock that another program holds.
    Waiting(String),
    /// Before [`Status::Exchanging`]: a callback that a browser could not deliver, and what to do
    /// about it. Later: a fact that outlives the sign-in, such as a warning about the codex home or
    /// the save, or the result of the optional work.
    Notice(String),
    /// The credentials are on disk.
    Completed(Account),
    /// The attempt is over and nothing was saved.
    Failed(Error),
}

impl Status {
    /// Returns a `Notify` that reports each notice and each wait as a status.
    pub(crate) fn notify(report: impl Fn(Self) + Clone + Send + Sync + 'static) -> Notify {
        let notices = report.clone();
        Notify::new(move |text| notices(Self::Notice(text)))
            .with_waits(move |text| report(Self::Waiting(text)))
    }
}

/// The link that the person opens to sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// The full authorization URL.
    pub authorization_url: String,
    /// `http://localhost:PORT/login/…`, at most 40 characters, redirects to the
    /// authorization URL; `None` when no server could be bound.
    pub short_url: Option<String>,
    /// The callback server's port; `None` when no server could be bound.
    pub port: Option<u16>,
    /// The reason why the ports cannot be listened on, and their holders if the system tells;
    /// `None` if there is a server, or none was wanted.
    pub port_problem: Option<String>,
}

impl Link {
    /// Returns whether the short link ends in `path`. Compares in constant time.
    pub(super) fn ends_in(&self, path: &str) -> bool {
        let last = self
            .short_url
            .as_deref()
            .and_then(|url| url.rsplit('/').next());
        last.is_some_and(|last| last.as_bytes().ct_eq(path.as_bytes()).into())
    }
}
