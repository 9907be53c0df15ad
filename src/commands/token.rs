//! `token`: a valid bearer, alone on standard output.

use codex_onboarding::auth::Session;
use codex_onboarding::{Error, Result};
use secrecy::ExposeSecret as _;

use super::output::print;
use super::{catch_exit_signals, session_options};
use crate::settings::Settings;

/// Prints the bearer, refreshed first when needed.
pub async fn run(settings: &Settings, force_refresh: bool) -> Result<u8> {
    let Some(session) = Session::load(&session_options(settings))? else {
        return Err(Error::not_signed_in("Not logged in"));
    };
    let mut exit_signals = catch_exit_signals()?;
    let bearer = async {
        if force_refresh {
            session.refresh().await?;
        }
        session.bearer().await
    };
    let bearer = tokio::select! {
        bearer = bearer => bearer?,
        signal = exit_signals.next() => {
            // A second signal means it, even if that loses the new token.
            tokio::select! {
                () = session.settle() => {}
                _ = exit_signals.next() => {}
            }
            return Ok(signal.exit_code());
        }
    };
    print(format!("{}\n", bearer.expose_secret()).as_bytes())
}
