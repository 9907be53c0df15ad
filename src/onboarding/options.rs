//! The options of an onboarding, with defaults that fit most hosts.

use std::fmt;
use std::io;
use std::sync::Arc;

use futures_core::future::BoxFuture;

use crate::auth::{ApiEndpointOptions, CodexConfig, Mode, SessionOptions, Source};
use crate::browser::{self, Opener};
use crate::environment::Environment;
use crate::remote::RemoteSession;
use crate::sign_in::SignInOptions;
use crate::signals::ExitSignals;

use super::Ended;
use super::known::{KnownAccounts, interrupted_code};
use super::model::Facts;

/// The options of an onboarding, and the facts that are known beforehand.
#[non_exhaustive]
pub struct Options {
    /// The issuer, the store, and how to sign in.
    pub sign_in: SignInOptions,
    /// Facts that hold for the whole session.
    pub facts: Facts,
    /// The Codex CLI's settings. By default those in the store's home, for a product that has a
    /// [`settings_file`](crate::product::Product::settings_file).
    pub settings: Option<CodexConfig>,
    /// Opens links in a browser.
    pub browser: Opener,
    /// The environment, which describes the terminal.
    pub environment: Environment,
    /// Runs line by line instead of on the full screen, for screen readers. The default asks
    /// [`Environment::reason_for_lines`].
    pub plain: bool,
    /// The future that ends the onboarding when it completes. If this is set, no signal is caught,
    /// because the host listens to signals itself, and Ctrl-Z does nothing.
    pub shutdown: Option<BoxFuture<'static, ()>>,
    /// [`Options::look`] has filled in the facts.
    looked: bool,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("sign_in", &self.sign_in)
            .field("facts", &self.facts)
            .field("plain", &self.plain)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Creates options, with facts from the environment: where the browser is, whether colours may
    /// be used, and the API key. Does not read what is stored: see [`Options::look`].
    pub fn new(sign_in: SignInOptions, environment: Environment) -> Self {
        let product = Arc::clone(sign_in.issuer.product());
        let key = product.api_key.variable.as_deref();
        Self {
            facts: Facts {
                remote: RemoteSession::detect(&environment),
                animations: true,
                color: !environment.has("NO_COLOR"),
                environment_key: key.and_then(|variable| environment.secret(variable)),
                product,
                ..Facts::default()
            },
            sign_in,
            settings: None,
            browser: browser::system(),
            plain: environment.reason_for_lines().is_some(),
            environment,
            shutdown: None,
            looked: false,
        }
    }

    /// Looks up the active account, the parked ones, and the Codex CLI's settings. Reads a few
    /// files, takes no lock, never touches the network.
    ///
    /// [`run`](super::run) and [`converse`](super::converse) call this first. A host calls it to
    /// read or change the [facts](Options::facts) that it finds; the second call does nothing.
    pub fn look(&mut self) {
        if std::mem::replace(&mut self.looked, true) {
            return;
        }
        let sign_in = &mut self.sign_in;
        sign_in.store = sign_in.store.clone().codex_home();
        let obeys_settings = sign_in.issuer.product().settings_file.is_some();
        let config = match self.settings.take() {
            Some(config) => config,
            None if obeys_settings => CodexConfig::load(sign_in.store.home(), None),
            None => CodexConfig::default(),
        };
        let workspaces = config.workspaces(&sign_in.workspaces);
        let is_possible = config.check_allowed(&Mode::ChatGpt).is_ok();
        let no_workspace = workspaces.as_ref().err().filter(|_| is_possible).cloned();
        // An empty list would allow any workspace. So if the host's workspaces and those of the
        // files exclude each other, the files' list is kept; if the files alone leave no workspace,
        // that way to sign in is not offered.
        if let Ok(left) = workspaces.or_else(|_| config.workspaces(&[])) {
            sign_in.workspaces = left;
        }
        let reading = sign_in.store.read();
        let source = reading
            .as_ref()
            .map_or(Source::File, |reading| reading.source);
        self.facts.auth_file = sign_in.store.describe(source);
        self.facts.interrupted = interrupted_code(sign_in);
        self.facts.accounts = KnownAccounts::look(&self.session(), reading);
        let warnings = config.warnings.iter().cloned();
        self.facts.warnings.extend(warnings);
        self.facts.no_workspace = no_workspace;
        self.facts.settings = config;
    }

    /// Returns the options for the same credentials, for [`super::is_needed`] and
    /// [`crate::auth::Session::load`].
    pub fn session(&self) -> SessionOptions {
        let mut session = self.sign_in.session();
        session
            .environment_key
            .clone_from(&self.facts.environment_key);
        let issuer = &self.sign_in.issuer;
        session.endpoint = ApiEndpointOptions::from_environment(issuer, &self.environment);
        session
    }
}

/// The events from outside that end the onboarding.
pub enum Exit {
    /// Signals that are caught here.
    Signals(ExitSignals),
    /// The host's shutdown future; `None` once it has completed.
    Host(Option<BoxFuture<'static, ()>>),
}

impl Exit {
    /// Takes the host's future, or catches the signals.
    pub fn of(options: &mut Options) -> io::Result<Self> {
        match options.shutdown.take() {
            Some(shutdown) => Ok(Self::Host(Some(shutdown))),
            None => ExitSignals::catch().map(Self::Signals),
        }
    }

    /// Waits until something asks for the end. Cancel safe.
    pub async fn next(&mut self) -> Ended {
        match self {
            Self::Signals(signals) => Ended::Signal(signals.next().await),
            Self::Host(Some(shutdown)) => {
                shutdown.await;
                *self = Self::Host(None);
                Ended::Shutdown
            }
            Self::Host(None) => std::future::pending().await,
        }
    }

    /// Returns whether the host catches the signals.
    pub fn host_catches_signals(&self) -> bool {
        matches!(self, Self::Host(_))
    }
}
