//! The facts known before a person signs in: the accounts, the programs that use one of them, and a
//! sign-in that was interrupted.

use crate::auth::accounts::{Accounts, StoredAccount};
use crate::auth::{Mode, Reading, Session, SessionOptions, Source};
use crate::error::{Error, Result};
use crate::sign_in::{Destination, DeviceCode, PendingFile, PendingSignIn, SignInOptions};

/// The accounts that are stored here.
#[derive(Clone, Debug, Default)]
pub struct KnownAccounts {
    /// The session of the active account.
    pub active: Option<Session>,
    /// The active account's name, if there are others.
    pub name: Option<String>,
    /// The accounts that can be made the active one.
    pub parked: Vec<StoredAccount>,
    /// The reason why the active account's file is unusable.
    pub problem: Option<Error>,
    /// The problems of the other accounts' files.
    pub warnings: Vec<String>,
    /// Set if a ChatGPT sign-in will drop a stored API key.
    pub replaces_api_key: bool,
}

impl KnownAccounts {
    /// Looks at the active account, whose file the caller has read, and at the others. Takes no
    /// lock and never touches the network.
    pub(super) fn look(options: &SessionOptions, reading: Result<Reading>) -> Self {
        let mut known = Self::default();
        let drops_api_key = |it: &Reading| it.holds_api_key() && !it.is_parked_by_save;
        let drops_api_key = reading.as_ref().is_ok_and(drops_api_key);
        match reading.and_then(|reading| Session::of(options, reading)) {
            // The environment's key is offered as a choice instead.
            Ok(session) => known.active = session.filter(|it| it.source() != Source::Environment),
            Err(error) => known.problem = Some(error),
        }
        let is_key = |session: &Session| session.mode() == Mode::ApiKey;
        // A file with only a key is an account of its own, which is parked instead.
        known.replaces_api_key = drops_api_key && !known.active.as_ref().is_some_and(is_key);
        let accounts = Accounts::new(options.store.clone()).list();
        let accounts = accounts.unwrap_or_else(|error| {
            known.warnings.push(error.in_full());
            Vec::new()
        });
        for account in accounts {
            match &account.details {
                _ if account.active => known.name = Some(account.name),
                Ok(_) => known.parked.push(account),
                Err(error) => {
                    let warning = format!("{} is unusable: {error}.", account.name);
                    known.warnings.push(warning);
                }
            }
        }
        known.name.take_if(|_| known.parked.is_empty());
        known
    }
}

/// Programs that still use an earlier sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Their names and process ids; empty when there are none.
    pub programs: Vec<String>,
    /// The product's own command that ends them, if there is one.
    pub stop_command: Option<String>,
    /// Set while that command is running.
    pub ending: bool,
}

/// Returns the sign-in that was interrupted in this home, if it can still be approved, and these
/// options would begin the same one. Removes one that has expired.
pub(super) fn find_interrupted(options: &SignInOptions) -> Option<PendingSignIn> {
    let file = PendingFile::of(&options.store);
    // The next sign-in replaces an unreadable file, or says why it cannot.
    let pending = file.load().ok().flatten()?;
    let (kept, now) = (&pending.kept, options.clock.now());
    let is_ours = file.check_home(&pending).is_ok()
        && kept.check(&options.issuer).is_ok()
        && kept.workspaces == options.workspaces
        // That sign-in would be parked, which is not what a person expects here.
        && !matches!(pending.destination, Destination::Beside(_));
    if kept.has_expired(now) {
        file.remove(&pending.kept);
    }
    let is_open = kept.has_device_code() && !kept.expires_in(now).is_zero();
    (is_ours && is_open).then_some(pending)
}

/// Returns the code of the interrupted sign-in, and the time that is left for it, unless another
/// process polls for it.
pub(super) fn interrupted_code(options: &SignInOptions) -> Option<DeviceCode> {
    let (issuer, now) = (&options.issuer, options.clock.now());
    let kept = find_interrupted(options)?.kept;
    let _polling = PendingFile::of(&options.store).lock_polling().ok()?;
    Some(DeviceCode {
        expires_in: kept.expires_in(now),
        ..kept.device_code(issuer, now)?
    })
}
