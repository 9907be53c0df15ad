//! `login` with a secret from standard input: an API key or a personal access token.

use codex_onboarding::auth::{AccessTokenSave, ApiKeySave, Saved};
use codex_onboarding::hidden_input::HiddenInput;
use codex_onboarding::onboarding::Ended;
use codex_onboarding::product::Product;
use codex_onboarding::sign_in::SignInOptions;
use codex_onboarding::signals::ExitSignals;
use codex_onboarding::{Error, ErrorKind, Result};
use futures_core::future::BoxFuture;
use secrecy::SecretString;

use super::conversation::Conversation;
use crate::commands::output::{notice, notify, say};

/// A secret that is typed or piped in.
#[derive(Clone, Copy)]
pub enum Secret {
    /// `--with-api-key`
    ApiKey,
    /// `--with-access-token`
    AccessToken,
}

/// A save that only has to be awaited.
type PendingSave = BoxFuture<'static, Result<Saved>>;

impl Secret {
    fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "API key",
            Self::AccessToken => "access token",
        }
    }

    /// Checks the secret and gets ready to save it.
    async fn prepare(self, options: &SignInOptions, secret: SecretString) -> Result<PendingSave> {
        let (store, notify) = (&options.store, notify());
        match self {
            Self::ApiKey => {
                let save = ApiKeySave::prepare(store, secret, &notify).await;
                Ok(Box::pin(save.map_err(where_keys_are)?.commit()))
            }
            Self::AccessToken => {
                let (issuer, workspaces) = (&options.issuer, &options.workspaces);
                let save = AccessTokenSave::prepare(store, issuer, workspaces, &secret, &notify);
                Ok(Box::pin(save.await?.commit()))
            }
        }
    }
}

impl Conversation {
    /// Takes one line from standard input, hidden at a terminal, and saves it.
    pub async fn secret(
        &self,
        kind: Secret,
        options: &SignInOptions,
        mut exit_signals: ExitSignals,
    ) -> Result<Ended> {
        let mut input = HiddenInput::open()?;
        let prompted = input.is_terminal();
        if prompted {
            let name = kind.name();
            say(&format!(
                "Paste or type your {name} (it stays hidden), then press Enter: "
            ));
        }
        let secret = tokio::select! {
            line = input.next_line(|_| false) => Ok(line.unwrap_or_default()),
            signal = exit_signals.next() => Err(signal),
        };
        if prompted {
            say("\n");
        }
        drop(input);
        let secret = match secret {
            Ok(secret) => secret,
            Err(signal) => return Ok(Ended::Signal(signal)),
        };
        let save = tokio::select! {
            save = kind.prepare(options, secret) => save?,
            signal = exit_signals.next() => return Ok(Ended::Signal(signal)),
        };
        let saved = save.await?;
        if let Some(warning) = &saved.warning {
            notice(warning);
        }
        self.announce(&saved.account);
        Ok(Ended::SignedIn)
    }
}

/// Adds where a key comes from to an error about the key itself.
fn where_keys_are(error: Error) -> Error {
    match Product::codex().api_key.page {
        Some(page) if error.kind() == ErrorKind::Usage => {
            error.with_hint(format!("Create or copy a key at {page}"))
        }
        _ => error,
    }
}
