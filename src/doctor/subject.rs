//! The subject of the examination: the settings that a sign-in would have.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::auth::{CodexConfig, Probe, SessionOptions};
use crate::environment::Environment;
use crate::error::Result;
use crate::sign_in::SignInOptions;

/// The subject of the checks, as a plain value. They read nothing else from the process.
#[derive(Debug)]
#[non_exhaustive]
pub struct Subject {
    /// The credentials that a command would use.
    pub session: SessionOptions,
    /// The sign-in that would be started.
    pub sign_in: SignInOptions,
    /// The Codex CLI's settings.
    pub config: CodexConfig,
    /// The folder of the machine's own settings, when they count.
    pub machine_folder: Option<&'static Path>,
    /// The environment.
    pub environment: Environment,
    /// The source of the codex home's path, for example `CODEX_HOME`.
    pub home_named_by: &'static str,
    /// Set if nothing may leave the machine.
    pub offline: bool,
    /// The person's home folder, which is shown as `~`.
    pub(super) home: Option<PathBuf>,
    /// The issuer is asked once, for two checks.
    pub(super) issuer: OnceCell<Result<Probe>>,
}

impl Subject {
    /// Examines this sign-in and these credentials, without asking a person to unlock a keyring.
    pub fn new(
        sign_in: SignInOptions,
        session: SessionOptions,
        environment: Environment,
        home_named_by: &'static str,
    ) -> Self {
        let store = session.store.without_unlocking();
        Self {
            home: environment.path("HOME").or_else(std::env::home_dir),
            session: SessionOptions { store, ..session },
            sign_in,
            config: CodexConfig::default(),
            machine_folder: None,
            environment,
            home_named_by,
            offline: false,
            issuer: OnceCell::new(),
        }
    }

    pub(super) async fn probe_issuer(self: &Arc<Self>) -> &Result<Probe> {
        let issuer = &self.sign_in.issuer;
        self.issuer
            .get_or_init(|| issuer.probe(issuer.url().endpoint("/")))
            .await
    }

    /// Returns whether the issuer cannot be asked because of its proxy.
    pub(super) async fn proxy_fails(self: &Arc<Self>) -> bool {
        match self.sign_in.issuer.proxy() {
            Err(_) => true,
            Ok(None) => false,
            Ok(Some(_)) => matches!(self.probe_issuer().await, Err(error) if error.is_of_proxy()),
        }
    }
}
