//! `token`: a valid bearer, alone on standard output.

use codex_onboarding::auth::Session;
use codex_onboarding::signals::{ExitSignal, ExitSignals};
use codex_onboarding::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret as _, SecretString};

use super::output::print;
use super::{catch_exit_signals, chosen, say_who_is_parked, session_options};
use crate::settings::Settings;

/// The number of searches for an account that is moved while its lock is waited for.
const TRIES: usize = 20;

/// Prints the bearer, refreshed first when needed.
pub async fn run(settings: &Settings, force_refresh: bool, named: Option<&str>) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    let found = tokio::select! {
        found = load(settings, named) => found?,
        signal = exit_signals.next() => return Ok(signal.exit_code()),
    };
    let Some(mut session) = found else {
        say_who_is_parked(settings, "Parked");
        return Err(Error::not_signed_in("Not logged in"));
    };
    let mut tries = 1;
    loop {
        match bearer(&session, force_refresh, &mut exit_signals).await {
            Ok(Ok(bearer)) => return print(format!("{}\n", bearer.expose_secret()).as_bytes()),
            Ok(Err(signal)) => return Ok(signal.exit_code()),
            Err(error) if error.kind() == ErrorKind::NotSignedIn && tries < TRIES => {
                session = load(settings, named).await?.ok_or(error)?;
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn load(settings: &Settings, named: Option<&str>) -> Result<Option<Session>> {
    let account = chosen(settings, named)?;
    Session::load_async(&session_options(settings, account.as_ref())).await
}

async fn bearer(
    session: &Session,
    force_refresh: bool,
    exit_signals: &mut ExitSignals,
) -> Result<Result<SecretString, ExitSignal>> {
    let bearer = async {
        if force_refresh {
            session.refresh().await?;
        }
        session.bearer().await
    };
    tokio::select! {
        bearer = bearer => Ok(Ok(bearer?)),
        signal = exit_signals.next() => {
            // A second signal means it, even if that loses the new token.
            tokio::select! {
                () = session.settle() => {}
                _ = exit_signals.next() => {}
            }
            Ok(Err(signal))
        }
    }
}
