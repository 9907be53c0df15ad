//! The options of an onboarding, with defaults that fit most hosts.

use std::fmt;
use std::sync::Arc;

use futures_core::future::BoxFuture;

use crate::auth::{ApiEndpointOptions, CodexConfig, Mode, Place, Reading, SessionOptions};
use crate::browser::{self, Opener};
use crate::environment::Environment;
use crate::remote::RemoteSession;
use crate::sign_in::SignInOptions;

use super::known::SignedIn;
use super::look::Look;
use super::model::Facts;

/// The options of a sign-in, and facts known beforehand.
#[non_exhaustive]
pub struct Options {
    /// The issuer, the store, and how to sign in.
    pub sign_in: SignInOptions,
    /// Facts that hold for the whole session.
    pub facts: Facts,
    /// Opens links in a browser.
    pub browser: Opener,
    /// The environment, which tells about the terminal.
    pub environment: Environment,
    /// Runs line by line instead of on the full screen: for screen readers. By default where
    /// [`Environment::reason_for_lines`] gives a reason.
    pub plain: bool,
    /// Ends the onboarding when it completes. With it, no signal is caught: for a host that
    /// listens to signals itself. Ctrl-Z then does nothing.
    pub shutdown: Option<BoxFuture<'static, ()>>,
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
    /// Finds out who is signed in, whether the browser is elsewhere, what the Codex CLI's
    /// settings demand, and whether colours may be used. Reads a few files,
    /// takes no lock, never touches the network.
    pub fn new(mut sign_in: SignInOptions, environment: Environment) -> Self {
        let product = Arc::clone(sign_in.issuer.product());
        let config = CodexConfig::of(&product, &sign_in.store);
        let key = product.api_key.variable.as_deref();
        let environment_key = key.and_then(|variable| environment.secret(variable));
        let workspaces = config.workspaces(&sign_in.workspaces);
        let is_possible = config.check_allowed(&Mode::ChatGpt).is_ok();
        let no_workspace = workspaces.as_ref().err().filter(|_| is_possible).cloned();
        // Where nothing is left, the files' choice holds: an empty list would allow any. Where
        // they leave nothing themselves, that way to sign in cannot be chosen.
        if let Ok(left) = workspaces.or_else(|_| config.workspaces(&[])) {
            sign_in.workspaces = left;
        }
        let reading = sign_in.store.read();
        let place = reading
            .as_ref()
            .map_or(Place::File, |reading| reading.place);
        let mut options = Self {
            facts: Facts {
                remote: RemoteSession::detect(&environment),
                product,
                animations: true,
                color: !environment.has("NO_COLOR"),
                environment_key,
                auth_file: sign_in.store.describe(place),
                replaces_api_key: reading.as_ref().is_ok_and(drops_api_key),
                warnings: config.warnings.clone(),
                settings: config,
                ..Facts::default()
            },
            sign_in,
            browser: browser::system(),
            plain: environment.reason_for_lines().is_some(),
            environment,
            shutdown: None,
        };
        let look = Look::at(&options.session(), Some(reading));
        let with_key_alone = |it: &SignedIn| it.account.mode == Mode::ApiKey;
        // It is an account of its own, and kept.
        options.facts.replaces_api_key &=
            !look.known.signed_in.as_ref().is_some_and(with_key_alone);
        options.facts.signed_in = look.known.signed_in;
        options.facts.parked = look.known.parked;
        options.facts.warnings.extend(look.warnings);
        options.facts.problem = look.problem;
        options.facts.no_workspace = no_workspace;
        options
    }

    /// The same credentials, for [`super::is_needed`] and [`crate::auth::Session::load`].
    pub fn session(&self) -> SessionOptions {
        let mut session = self.sign_in.session();
        session
            .environment_key
            .clone_from(&self.facts.environment_key);
        let product = self.sign_in.issuer.product();
        session.endpoint = ApiEndpointOptions::from_environment(product, &self.environment);
        session
    }
}

/// Returns whether a sign-in drops a stored API key.
fn drops_api_key(reading: &Reading) -> bool {
    reading.holds_api_key() && !reading.is_parked_by_save()
}
