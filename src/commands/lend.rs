//! `lend`: a session for a container, a CI job, or another machine, which cannot renew it.

use std::io::IsTerminal as _;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use codex_onboarding::auth::{Lender, LenderEvent, Lent, LentFolder};
use codex_onboarding::text::{clean, rfc3339};
use codex_onboarding::{Error, Result};
use secrecy::ExposeSecret as _;

use super::output::{notice, print, print_error, warn};
use super::{catch_exit_signals, events, on_another_thread, session_of, signed_in, with_session};
use crate::cli::LendFlags;
use crate::settings::Settings;

/// Lends once, or until a signal comes.
pub async fn run(settings: &Settings, options: &LendFlags) -> Result<u8> {
    if options.to.is_none() && !options.print && std::io::stdout().is_terminal() {
        return Err(
            Error::usage("The session is a secret, and would be shown here")
                .with_hint("Send it to a file or a program, or add --print to show it"),
        );
    }
    let mut settings = settings.clone();
    // A key in the environment is not a session.
    settings.environment_key = None;
    match lend(&settings, options).await {
        Err(error) if options.json => {
            events::emit(events::failed(&error));
            Ok(crate::exit_code(error.kind()))
        }
        ended => ended,
    }
}

async fn lend(settings: &Settings, options: &LendFlags) -> Result<u8> {
    let folder = options.to.as_ref();
    let folder = folder.map(|folder| LentFolder::new(folder, &settings.store()));
    let folder = folder.transpose()?;
    if options.watch
        && let Some(folder) = folder
    {
        return watch(settings, options, folder).await;
    }
    with_session(settings, &options.which, async |session| {
        let session = signed_in(settings, session)?;
        let lent = session.lend(options.at_least).await?;
        let code = match folder {
            Some(folder) => {
                folder.write(&lent).await?;
                say_where(&folder.path(), lent.expires_at, options.json)?
            }
            None => print(lent.auth_json()?.expose_secret().as_bytes())?,
        };
        say_how_long(&lent, options);
        Ok(code)
    })
    .await
}

/// Keeps the file alive until a signal comes, or nothing is left to lend.
async fn watch(settings: &Settings, options: &LendFlags, folder: LentFolder) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    let load = async || {
        let (settings, which) = (settings.clone(), options.which.clone());
        on_another_thread(move || session_of(&settings, &which)).await
    };
    let said = |event: LenderEvent| match event {
        LenderEvent::Lent { path, expires_at } => {
            // The watch goes on even if the reader of the output is gone.
            let _ = say_where(&path, expires_at, options.json);
        }
        LenderEvent::Delayed(error) => {
            warn("the session could not be renewed or written, trying again in a minute");
            print_error(&error);
        }
        _ => {}
    };
    let lender = Lender::new(load, folder.clone());
    let signal = tokio::select! {
        error = lender.run(said) => return Err(error),
        signal = exit_signals.next() => signal,
    };
    if options.remove {
        folder.remove().await?;
    }
    Ok(signal.exit_code())
}

fn say_where(path: &Path, expires_at: Option<DateTime<Utc>>, json: bool) -> Result<u8> {
    if json {
        events::emit(events::lent(path, expires_at));
        return Ok(0);
    }
    let mut line = path.as_os_str().as_encoded_bytes().to_vec();
    line.push(b'\n');
    print(&line)
}

/// Reports how long the session is valid, and warns if that is shorter than requested.
fn say_how_long(lent: &Lent, options: &LendFlags) {
    if let Some(error) = &lent.warning {
        warn("the session could not be renewed; the time that is left was lent");
        print_error(error);
    }
    if options.json {
        // The event already contains this.
        return;
    }
    let Some(expires_at) = lent.expires_at else {
        notice("Valid for as long as the issuer accepts it; it cannot be renewed there");
        return;
    };
    let remaining = expires_at - Utc::now();
    let wanted = TimeDelta::from_std(options.at_least).unwrap_or(TimeDelta::MAX);
    // The person reads whole minutes, so a few seconds that have passed do not make it shorter.
    let shorter = if remaining < wanted - TimeDelta::minutes(1) {
        format!(
            ", which is less than {}",
            humantime::format_duration(options.at_least)
        )
    } else {
        String::new()
    };
    notice(&clean(&format!(
        "Valid until {}{shorter}; it cannot be renewed there",
        rfc3339(expires_at)
    )));
}
