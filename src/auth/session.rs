//! Sessions: the credentials that count, kept alive for a host program.
//!
//! [`Session::load`] decides which credentials count (spec, section 4) and never touches
//! the network. [`Session::bearer`] refreshes when it is due, [`Session::refresh`] when
//! the API said 401, [`Session::endpoint`] says where to send requests and with which
//! headers. Clones share one state, so that any number of tasks make one request.
//!
//! # The one window that is left
//! A refresh token works once. Between the moment when the issuer has rotated it and the
//! moment when `rename` has put its successor on disk, the successor exists only in this
//! process: a power cut, a SIGKILL or a lost answer in that window ends the session, and
//! the person has to sign in again. It is kept as short as possible: locks, temporary file
//! and disk space are prepared before the request, only write, fsync and rename follow the
//! answer, and a refresh runs as a task of its own, so that dropping a caller's future does
//! not lose it. A host that is about to exit awaits [`Session::settle`].

mod api_endpoint;
mod bearer;
mod check;
mod flight;
mod lend;
mod options;
mod refresh;
mod whereabouts;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};

pub use api_endpoint::{ApiEndpoint, ApiEndpointOptions};
pub use check::{Check, Workspace};
pub use lend::Lent;
pub use options::SessionOptions;

use super::store::{Contents, Reading, Source};
use crate::auth::file::account::{Account, Mode, Plan};
use crate::auth::file::credentials::{Credentials, codex_mode};
use crate::error::Result;
use flight::Flight;
use whereabouts::Whereabouts;

/// A session of a signed-in account. Cheap to clone; clones share one state.
#[derive(Clone)]
pub struct Session {
    shared: Arc<SessionState>,
}

struct SessionState {
    options: SessionOptions,
    whereabouts: RwLock<Whereabouts>,
    credentials: RwLock<Arc<Credentials>>,
    flight: Flight,
}

impl Session {
    /// Decides which credentials count: those in the store, then, with OpenAI's issuer, the
    /// environment's key; `None` when signed out. Reads one file, takes no lock, never touches
    /// the network.
    ///
    /// With a keyring, this blocks: for 2 seconds at most, and up to a minute
    /// while a person unlocks it. [`Session::load_async`] does not.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind) when the credentials are there but cannot be read, with line and
    /// column when they are damaged; [`ErrorKind::NotSignedIn`](crate::ErrorKind) when they hold no secret or
    /// not the one of their mode, with a sentence that names it.
    pub fn load(options: &SessionOptions) -> Result<Option<Self>> {
        Self::of(options, options.store.read()?)
    }

    /// As [`Session::load`], without blocking the thread. Dropping the future gives up.
    ///
    /// # Errors
    /// As [`Session::load`].
    pub async fn load_async(options: &SessionOptions) -> Result<Option<Self>> {
        Self::of(options, options.store.read_async().await?)
    }

    /// As [`Session::load`], for a caller that has already read the store.
    pub(crate) fn of(options: &SessionOptions, reading: Reading) -> Result<Option<Self>> {
        let (source, credentials) = match reading.contents {
            Contents::Damaged(_, error) => return Err(error),
            Contents::File(file) => {
                let place = options.store.describe(reading.source);
                let preference = options.preference.as_ref();
                let credentials = Credentials::from_file(*file, preference, &place)?;
                (reading.source, credentials)
            }
            Contents::Missing => match environment_key(options) {
                Some(key) => (Source::Environment, Credentials::api_key(key.clone())),
                None => return Ok(None),
            },
        };
        let store = options.store.clone();
        let whereabouts = Whereabouts { store, source };
        Ok(Some(Self::new(options, whereabouts, credentials)))
    }

    fn new(options: &SessionOptions, whereabouts: Whereabouts, credentials: Credentials) -> Self {
        Self {
            shared: Arc::new(SessionState {
                options: options.clone(),
                whereabouts: RwLock::new(whereabouts),
                credentials: RwLock::new(Arc::new(credentials)),
                flight: Flight::default(),
            }),
        }
    }

    /// Returns the kind of credentials.
    pub fn mode(&self) -> Mode {
        self.credentials().mode.clone()
    }

    /// Returns the mode in which the Codex CLI would use the same credentials: as this session
    /// does, unless they hold both an API key and tokens and name no mode.
    pub fn codex_mode(&self) -> Mode {
        codex_mode(&self.credentials().file)
    }

    /// Returns why the Codex CLI cannot load these credentials, if it cannot: a few words such
    /// as `last_refresh is not a time`. A refresh or a new sign-in mends most.
    pub fn codex_problem(&self) -> Option<&'static str> {
        // Another product's file is none of the Codex CLI's.
        let is_codex = self.shared.options.issuer.product().settings_file.is_some();
        let problem = self.credentials().file.codex_problem;
        problem.filter(|_| is_codex)
    }

    /// Returns the account, as of the last refresh.
    pub fn account(&self) -> Account {
        self.credentials().account.clone()
    }

    /// Returns the account ids that the Codex CLI holds against its settings: the stored one
    /// and the id token's, which differ after a switch of the workspace.
    pub(super) fn workspaces(&self) -> Vec<String> {
        let credentials = self.credentials();
        let Some(tokens) = &credentials.file.tokens else {
            return Vec::new();
        };
        let stored = tokens.account_id().map(str::to_owned);
        stored
            .into_iter()
            .chain(tokens.identity().account_id)
            .collect()
    }

    /// Returns the ChatGPT plan, when it is known.
    pub fn plan(&self) -> Option<Plan> {
        self.credentials().account.plan.clone()
    }

    /// Returns the id token, for the optional work after a sign-in.
    pub(crate) fn id_token(&self) -> Option<SecretString> {
        self.credentials().file.tokens.as_ref()?.id_token.clone()
    }

    /// Returns the origin of the credentials.
    pub fn source(&self) -> Source {
        self.shared.whereabouts().source
    }

    /// Returns the place of the credentials as a person reads it; `None` for the environment.
    pub fn place(&self) -> Option<String> {
        let Whereabouts { store, source } = self.shared.whereabouts();
        (source != Source::Environment).then(|| store.describe(source))
    }

    /// Returns the file of the credentials; `None` when they are elsewhere.
    pub fn path(&self) -> Option<PathBuf> {
        let Whereabouts { store, source } = self.shared.whereabouts();
        (source == Source::File).then(|| store.path())
    }

    /// Returns when the access token expires (`exp`); `None` for an API key and for a token
    /// without that claim.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.credentials().expires_at()
    }

    /// Returns when the issuer last sent tokens.
    pub fn last_refresh(&self) -> Option<DateTime<Utc>> {
        self.credentials().last_refresh()
    }

    /// Returns whether there is a refresh token to renew the session with.
    pub fn can_refresh(&self) -> bool {
        self.credentials().refresh_token().is_some()
    }

    fn credentials(&self) -> Arc<Credentials> {
        self.shared.credentials()
    }
}

impl SessionState {
    fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(
            &self
                .credentials
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    fn whereabouts(&self) -> Whereabouts {
        let whereabouts = self.whereabouts.read();
        whereabouts.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn move_to(&self, whereabouts: Whereabouts) {
        let held = self.whereabouts.write();
        *held.unwrap_or_else(PoisonError::into_inner) = whereabouts;
    }

    fn hold(&self, credentials: Credentials) {
        *self
            .credentials
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
    }
}

/// Returns the environment's key, unless the issuer is not the product's: its API would not take
/// it.
fn environment_key(options: &SessionOptions) -> Option<&SecretString> {
    let key = options.environment_key.as_ref();
    key.filter(|key| !key.expose_secret().trim().is_empty())
        .filter(|_| options.issuer.is_products_own())
}

/// Equal only when mode, account and secret are.
impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.credentials(), other.credentials());
        ours.mode == theirs.mode && ours.account == theirs.account && ours.same_secret(&theirs)
    }
}

impl Eq for Session {}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("account", &self.credentials().account)
            .field("source", &self.source())
            .finish_non_exhaustive()
    }
}
