//! Looks up who is signed in, and who could be.

use chrono::{DateTime, Utc};

use super::known::{KnownAccounts, ParkedAccount, SignedIn};
use crate::auth::accounts::Accounts;
use crate::auth::{CodexConfig, Mode, Reading, Session, SessionOptions, Source};
use crate::error::{Error, Result};

/// The findings.
pub struct Look {
    pub known: KnownAccounts,
    /// The reason why the active account's file is unusable.
    pub problem: Option<Error>,
    /// The problems of other files.
    pub warnings: Vec<String>,
}

impl Look {
    /// Looks at the active account, if that was `read` already, and at the others. Takes no
    /// lock and never touches the network.
    pub fn at(options: &SessionOptions, read: Option<Result<Reading>>) -> Self {
        let reading = read.unwrap_or_else(|| options.store.read());
        let (signed_in, problem) = match signed_in(options, reading) {
            Ok(signed_in) => (signed_in, None),
            Err(error) => (None, Some(error)),
        };
        let mut parked = Vec::new();
        let mut warnings = Vec::new();
        let mut signed_in = signed_in.map(|session| describe(&session, options));
        let accounts = Accounts::new(options.store.clone()).list();
        for account in accounts.unwrap_or_else(|error| {
            warnings.push(error.in_full());
            Vec::new()
        }) {
            match (&account.details, account.active) {
                (Ok(_), false) => parked.push(ParkedAccount::from(&account)),
                (Err(error), false) => {
                    warnings.push(format!("{} is unusable: {error}.", account.name));
                }
                (_, true) => {
                    if let Some(signed_in) = &mut signed_in {
                        signed_in.name = Some(account.name);
                    }
                }
            }
        }
        if parked.is_empty()
            && let Some(signed_in) = &mut signed_in
        {
            // Nobody to be told apart from.
            signed_in.name = None;
        }
        Self {
            known: KnownAccounts { signed_in, parked },
            problem,
            warnings,
        }
    }
}

/// The environment's key is offered on the choices instead.
fn signed_in(options: &SessionOptions, reading: Result<Reading>) -> Result<Option<Session>> {
    let session = Session::of(options, reading?)?;
    Ok(session.filter(|session| session.source() != Source::Environment))
}

/// Returns what the next `codex` will make of these credentials, where that is not to use them.
fn remarks(session: &Session, options: &SessionOptions) -> Vec<String> {
    let problem = session.codex_problem().map(|problem| {
        format!(
            "warning: Codex cannot load these credentials: {problem}. Sign in again to replace \
             them."
        )
    });
    let breach = CodexConfig::of(options.issuer.product(), &options.store).breach(session);
    let breach =
        breach.map(|rule| format!("warning: Codex will sign out these credentials: {rule}."));
    problem.into_iter().chain(breach).collect()
}

fn describe(session: &Session, options: &SessionOptions) -> SignedIn {
    let account = session.account();
    SignedIn {
        stored: match &account.mode {
            Mode::ChatGpt => format!("{} tokens", options.issuer.product().account),
            other => other.words().to_owned(),
        },
        age: age(session),
        lent: session.is_lent(),
        account,
        name: None,
        remarks: remarks(session, options),
    }
}

fn age(session: &Session) -> Option<(&'static str, String)> {
    let words = |time: DateTime<Utc>| time.format("%F %R UTC").to_string();
    if !session.is_lent() {
        return Some(("Refreshed", words(session.last_refresh()?)));
    }
    let until = session.expires_at().map_or_else(
        || "until the issuer ends it".to_owned(),
        |end| format!("valid until {}", words(end)),
    );
    Some(("Lent", format!("{until}, cannot be renewed here")))
}
