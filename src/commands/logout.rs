//! `logout`: the session ends at the issuer, and the credentials go.

use codex_onboarding::Result;
use codex_onboarding::auth::{Revocation, sign_out_unless};
use codex_onboarding::text::clean;

use super::catch_exit_signals;
use super::output::{notice, notify, say_line};
use crate::settings::Settings;

/// Signs out and says what was found; `local` leaves the session alive at the issuer.
pub async fn run(settings: &Settings, local: bool) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    let hurry = async { _ = exit_signals.next().await };
    let issuer = (!local).then_some(&settings.issuer);
    let outcome = sign_out_unless(&settings.store(), issuer, &notify(), hurry).await?;
    if let Some(damaged) = &outcome.damaged {
        say_line(&format!("{}: removed", clean(damaged.message())));
    }
    match &outcome.revocation {
        Revocation::NotNeeded => {}
        Revocation::Revoked => say_line(
            "The session has ended everywhere, on other machines too: logout --local ends it \
             here alone",
        ),
        Revocation::LeftAlive => say_line("The session stays alive at the issuer"),
        Revocation::Failed(error) => notice(&format!(
            "warning: the issuer could not be told, and the session ends when its tokens expire: \
             {}",
            error.in_full()
        )),
    }
    say_line(if outcome.removed {
        "Successfully logged out"
    } else {
        "Not logged in"
    });
    if settings.environment_key.is_some() {
        say_line("OPENAI_API_KEY is still set in the environment");
    }
    Ok(0)
}
