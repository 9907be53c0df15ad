//! `token`: a valid bearer, alone on standard output.

use codex_onboarding::{Error, Result};
use secrecy::ExposeSecret as _;

use super::output::print;
use super::{aside, catch_exit_signals, say_who_is_parked, session_of, unless_signalled};
use crate::settings::Settings;

/// Prints the bearer, refreshed first when needed.
pub async fn run(settings: &Settings, force_refresh: bool, named: Option<&str>) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    let (copy, name) = (settings.clone(), named.map(str::to_owned));
    let session = tokio::select! {
        session = aside(move || session_of(&copy, name.as_deref())) => session?,
        signal = exit_signals.next() => return Ok(signal.exit_code()),
    };
    let Some(session) = session else {
        say_who_is_parked(settings, "Parked");
        return Err(Error::not_signed_in("Not logged in"));
    };
    let bearer = async {
        if force_refresh {
            session.refresh().await?;
        }
        session.bearer().await
    };
    match unless_signalled(&session, bearer, &mut exit_signals).await? {
        Ok(bearer) => print(format!("{}\n", bearer.expose_secret()).as_bytes()),
        Err(signal) => Ok(signal.exit_code()),
    }
}
