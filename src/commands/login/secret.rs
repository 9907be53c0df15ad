//! `login` with a secret from standard input: an API key or a personal access token.

use codex_onboarding::auth::{Save, Saved, SecretKind};
use codex_onboarding::hidden_input::HiddenInput;
use codex_onboarding::onboarding::Ended;
use codex_onboarding::product::Product;
use codex_onboarding::sign_in::SignInOptions;
use codex_onboarding::signals::ExitSignals;
use codex_onboarding::{Error, ErrorKind, Result};
use futures_core::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};

use super::conversation::Conversation;
use crate::commands::output::{notice, say};

/// A save that only has to be awaited.
type PendingSave = BoxFuture<'static, Result<Saved>>;

/// Checks the secret and gets ready to save it.
async fn prepare(
    kind: SecretKind,
    options: &SignInOptions,
    secret: SecretString,
) -> Result<PendingSave> {
    let store = &options.store;
    match kind {
        SecretKind::ApiKey => {
            let save = Save::api_key(store, &secret).await?;
            Ok(Box::pin(save.commit()))
        }
        SecretKind::AccessToken => {
            let (issuer, workspaces) = (&options.issuer, &options.workspaces);
            let save = Save::access_token(store, issuer, workspaces, &secret);
            Ok(Box::pin(save.await?.commit()))
        }
    }
}

impl Conversation {
    /// Takes a secret from standard input, hidden at a terminal, and saves it.
    pub async fn secret(
        &self,
        kind: SecretKind,
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
            text = input.next_text() => Ok(text.unwrap_or_default()),
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
        let given = SecretKind::of(secret.expose_secret());
        let save = tokio::select! {
            save = prepare(kind, options, secret) => {
                save.map_err(|error| with_way_out(error, kind, given))?
            }
            signal = exit_signals.next() => return Ok(Ended::Signal(signal)),
        };
        let saved = save.await?;
        if let Some(warning) = &saved.warning {
            notice(warning);
        }
        self.announce(&saved.account).await;
        Ok(Ended::SignedIn)
    }
}

/// Adds to an error about the secret itself where one comes from, or the option for the kind that
/// was `given` instead.
fn with_way_out(error: Error, wanted: SecretKind, given: Option<SecretKind>) -> Error {
    if error.kind() != ErrorKind::Usage || error.hint().is_some() {
        return error;
    }
    let option = match given.filter(|&given| given != wanted) {
        Some(SecretKind::ApiKey) => "--with-api-key",
        Some(SecretKind::AccessToken) => "--with-access-token",
        None => {
            return match (wanted, Product::codex().api_key.page) {
                (SecretKind::ApiKey, Some(page)) => {
                    error.with_hint(format!("Create or copy a key at {page}"))
                }
                _ => error.with_hint("Copy the whole token once more, or create a new one"),
            };
        }
    };
    error.with_hint(format!("Use: codex-onboarding login {option}"))
}
