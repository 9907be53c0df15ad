//! `login` with a secret from standard input: an API key or a personal access token.

use codex_onboarding::auth::{Save, SecretKind};
use codex_onboarding::hidden_input::HiddenInput;
use codex_onboarding::product::Product;
use codex_onboarding::sign_in::SignInOptions;
use codex_onboarding::signals::{ExitSignal, ExitSignals};
use codex_onboarding::{Error, ErrorKind, Result};
use secrecy::ExposeSecret as _;

use super::conversation::Conversation;
use crate::commands::output::{command, notice, notify, say};

impl Conversation<'_> {
    /// Takes a secret from standard input, hidden at a terminal, and saves it. Returns the exit
    /// code.
    pub async fn secret(
        &self,
        kind: SecretKind,
        options: SignInOptions,
        exit_signals: ExitSignals,
    ) -> u8 {
        match self.save_secret(kind, options, exit_signals).await {
            Ok(None) => 0,
            Ok(Some(signal)) => self.report_signal(signal),
            Err(error) => self.report(&error),
        }
    }

    async fn save_secret(
        &self,
        kind: SecretKind,
        options: SignInOptions,
        mut exit_signals: ExitSignals,
    ) -> Result<Option<ExitSignal>> {
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
            Err(signal) => return Ok(Some(signal)),
        };
        let given = SecretKind::of(secret.expose_secret());
        let (issuer, workspaces) = (&options.issuer, &options.workspaces);
        let store = options.store.notifying(&notify());
        let prepared = async {
            match kind {
                SecretKind::ApiKey => Save::api_key(&store, &secret).await,
                SecretKind::AccessToken => {
                    Save::access_token(&store, issuer, workspaces, &secret).await
                }
            }
        };
        let save = tokio::select! {
            save = prepared => save.map_err(|error| with_way_out(error, kind, given))?,
            signal = exit_signals.next() => return Ok(Some(signal)),
        };
        let saved = save.commit().await?;
        if let Some(warning) = &saved.warning {
            notice(warning);
        }
        self.announce(&saved.account).await;
        Ok(None)
    }
}

/// Adds a hint to an error about the secret itself: the option for the kind that was `given`
/// instead, or where to get one of the wanted kind.
fn with_way_out(error: Error, wanted: SecretKind, given: Option<SecretKind>) -> Error {
    if error.kind() != ErrorKind::Usage || error.hint().is_some() {
        return error;
    }
    let page = Product::codex().api_key.page;
    error.with_hint(match (wanted, given, page) {
        (SecretKind::AccessToken, Some(SecretKind::ApiKey), _) => {
            format!("Use: {}", command("login --with-api-key"))
        }
        (SecretKind::ApiKey, Some(SecretKind::AccessToken), _) => {
            format!("Use: {}", command("login --with-access-token"))
        }
        (SecretKind::ApiKey, _, Some(page)) => format!("Create or copy a key at {page}"),
        _ => "Copy the whole token once more, or create a new one".to_owned(),
    })
}
