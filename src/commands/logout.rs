//! `logout`: the session ends at the issuer, and the credentials go.

use codex_onboarding::Result;
use codex_onboarding::auth::{Revocation, sign_out_unless};
use codex_onboarding::text::clean;

use super::catch_exit_signals;
use super::output::{notice, notify, say_line};
use crate::settings::Settings;

/// Signs out, and says what was found.
pub async fn run(settings: &Settings) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    let hurry = async { _ = exit_signals.next().await };
    let store = settings.store();
    let outcome = sign_out_unless(&store, Some(&settings.issuer), &notify(), hurry).await?;
    if let Some(damaged) = &outcome.damaged {
        say_line(&format!("{}: removed", clean(damaged.message())));
    }
    if let Revocation::Failed(error) = &outcome.revocation {
        notice(&format!(
            "warning: the issuer could not be told, and the session ends when its tokens expire: \
             {}",
            error.in_full()
        ));
    }
    if outcome.removed {
        say_line("Successfully logged out");
    } else {
        say_line("Not logged in");
    }
    if settings.environment_key.is_some() {
        say_line("OPENAI_API_KEY is still set in the environment");
    }
    Ok(0)
}
