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
mod refresh;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};

pub use api_endpoint::{ApiEndpoint, ApiEndpointOptions};
pub use check::{Check, Workspace};
pub use lend::Lent;

use super::accounts::{Accounts, StoredAccount};
use super::credentials::Credentials;
use super::issuer::Issuer;
use super::store::{Reading, Source, Store};
use super::system::Clock;
use crate::auth::file::account::{Account, Mode};
use crate::error::Result;
use flight::Refreshing;

/// The options of a session. Nothing is read from the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionOptions {
    /// The place of the credentials. Its [notices](Store::notifying) name a lock that is being
    /// waited for, and problems with a refresh.
    pub store: Store,
    /// The issuer that refreshes and revokes them.
    pub issuer: Issuer,
    /// `OPENAI_API_KEY` of the environment; counts when there is no `auth.json` and
    /// the issuer is OpenAI's.
    pub environment_key: Option<SecretString>,
    /// Decides which credentials count if `auth.json` has both an API key and tokens.
    pub preference: Option<Mode>,
    /// The settings for API requests.
    pub endpoint: ApiEndpointOptions,
    /// The wall clock.
    pub clock: Clock,
}

impl SessionOptions {
    /// Creates options without a key, a preference or an endpoint, with the system's clock.
    pub fn new(store: Store, issuer: Issuer) -> Self {
        Self {
            store,
            issuer,
            environment_key: None,
            preference: None,
            endpoint: ApiEndpointOptions::default(),
            clock: Clock::default(),
        }
    }

    /// Returns the environment's key, unless the issuer is not the product's own: its API would
    /// not take it.
    fn environment_key(&self) -> Option<&SecretString> {
        let key = self.environment_key.as_ref();
        key.filter(|key| !key.expose_secret().trim().is_empty())
            .filter(|_| self.issuer.is_products_own())
    }
}

/// A session of a signed-in account. Cheap to clone; clones share one state.
#[derive(Clone)]
pub struct Session {
    shared: Arc<SessionState>,
}

struct SessionState {
    options: SessionOptions,
    current: RwLock<Current>,
    /// The last refresh that was started.
    refresh: Mutex<Refreshing>,
}

/// The account's credentials, and the store that they are in. The session follows its account when
/// another program parks it or makes it active.
struct Current {
    store: Store,
    credentials: Arc<Credentials>,
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
    /// [`ErrorKind::Storage`](crate::ErrorKind) when the credentials cannot be read, with line and
    /// column when they are damaged; [`ErrorKind::NotSignedIn`](crate::ErrorKind) when the secret
    /// of their mode is missing.
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
        let SessionOptions {
            store, preference, ..
        } = options;
        let credentials = match (reading.contents.into_file()?, options.environment_key()) {
            (Some(file), _) => {
                Credentials::choose(*file, preference.as_ref(), store, reading.source)?
            }
            (None, Some(key)) => Credentials::of_environment(key.clone()),
            (None, None) => return Ok(None),
        };
        Ok(Some(Self::new(options, store.clone(), credentials)))
    }

    /// As [`Session::load`], for one of several accounts, wherever it is by now: another program
    /// may have made it active or parked it. Never returns another account's session instead.
    ///
    /// # Errors
    /// As [`Session::load`]; [`ErrorKind::NotSignedIn`](crate::ErrorKind::NotSignedIn) when the
    /// account has been signed out.
    pub fn load_account(options: &SessionOptions, account: &StoredAccount) -> Result<Self> {
        let owner = account.owner().ok_or_else(|| account.damaged())?;
        let found = Accounts::new(account.store().clone()).of_owner(owner)?;
        let found = found.ok_or_else(|| account.signed_out())?;
        let (store, file) = (found.store(), found.credentials()?.file.clone());
        let preference = options.preference.as_ref();
        let credentials = Credentials::choose(file, preference, store, found.source())?;
        Ok(Self::new(options, store.clone(), credentials))
    }

    fn new(options: &SessionOptions, store: Store, credentials: Credentials) -> Self {
        let credentials = Arc::new(credentials);
        Self {
            shared: Arc::new(SessionState {
                options: options.clone(),
                current: RwLock::new(Current { store, credentials }),
                refresh: Mutex::new(flight::none_yet()),
            }),
        }
    }

    /// Returns the kind of credentials.
    pub fn mode(&self) -> Mode {
        self.credentials().account.mode.clone()
    }

    /// Returns the mode in which the Codex CLI would use the same credentials: the same as this
    /// session's, unless they hold both an API key and tokens and name no mode.
    pub fn codex_mode(&self) -> Mode {
        self.credentials().file.codex_mode()
    }

    /// Returns why the Codex CLI cannot load these credentials, if it cannot: a few words such
    /// as `last_refresh is not a time`. A refresh or a new sign-in fixes most of them.
    pub fn codex_problem(&self) -> Option<&'static str> {
        // The Codex CLI does not load another product's file.
        let is_codex = self.shared.options.issuer.product().settings_file.is_some();
        let problem = self.credentials().file.codex_problem;
        problem.filter(|_| is_codex)
    }

    /// Returns the account, as of the last refresh.
    pub fn account(&self) -> Account {
        self.credentials().account.clone()
    }

    /// Returns the account ids that the Codex CLI checks against its settings: the stored one
    /// and the id token's, which differ after a switch of the workspace.
    pub(super) fn workspaces(&self) -> Vec<String> {
        let credentials = self.credentials();
        let tokens = credentials.file.tokens.as_ref();
        let ids = tokens.map(|it| [it.account().account_id, it.signed_in_to()]);
        ids.into_iter().flatten().flatten().collect()
    }

    /// Returns the id token, for the optional work after a sign-in.
    pub(crate) fn id_token(&self) -> Option<SecretString> {
        self.credentials().file.tokens.as_ref()?.id_token.clone()
    }

    /// Returns where the credentials come from.
    pub fn source(&self) -> Source {
        self.credentials().source
    }

    /// Returns the place of the credentials as a person reads it; `None` for the environment.
    pub fn place(&self) -> Option<String> {
        let current = self.shared.current();
        let source = current.credentials.source;
        (source != Source::Environment).then(|| current.store.describe(source))
    }

    /// Returns the file of the credentials; `None` when they are elsewhere.
    pub fn path(&self) -> Option<PathBuf> {
        let current = self.shared.current();
        (current.credentials.source == Source::File).then(|| current.store.path())
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

    /// Returns the time by the session's clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.shared.options.clock.now()
    }

    fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.shared.current().credentials)
    }
}

impl SessionState {
    fn current(&self) -> RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Current> {
        self.current.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, credentials: Credentials) {
        self.change().credentials = Arc::new(credentials);
    }
}

/// Equal only when mode, account and secret are.
impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.credentials(), other.credentials());
        ours.account == theirs.account && ours.same_secret(&theirs)
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
