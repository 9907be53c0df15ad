//! What the issuer remembers.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::authorize::AuthorizationRequest;
use super::device::Devices;
use super::faults::Faults;
use super::jwt::Signer;
use super::profile::Profile;
use super::route::Received;
use super::sessions::{SessionId, Sessions};
use super::tickets::Tickets;

/// What all connections share. The mutex is never held across an await.
#[derive(Debug)]
pub(super) struct Shared {
    /// The issuer's base URL.
    pub(super) url: String,
    /// The `Host` values that mean this server.
    pub(super) hosts: [String; 2],
    pub(super) signer: Signer,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) profile: Profile,
    pub(super) log: Vec<Received>,
    pub(super) faults: Faults,
    /// Pages that were shown and wait for a button.
    pub(super) forms: Tickets<Form>,
    pub(super) codes: Tickets<CodeGrant>,
    /// Codes that were exchanged, and the sessions they began.
    pub(super) spent_codes: HashMap<String, SessionId>,
    pub(super) devices: Devices,
    pub(super) sessions: Sessions,
    /// Accounts whose credits were granted.
    pub(super) redeemed: HashSet<String>,
}

/// A page with buttons. Its name, known to nobody but the page, keeps other sites
/// from pressing them (RFC 6749, section 10.12).
#[derive(Debug)]
pub(super) enum Form {
    Consent(AuthorizationRequest),
    Device,
}

/// What an authorization code stands for (RFC 6749, section 4.1.2; RFC 7636, section 4.4).
#[derive(Debug)]
pub(super) struct CodeGrant {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    /// The account that approved.
    pub(super) profile: Profile,
}

impl Shared {
    pub(super) fn new(port: u16, profile: Profile) -> io::Result<Self> {
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            signer: Signer::new()?,
            state: Mutex::new(State {
                profile,
                log: Vec::new(),
                faults: Faults::default(),
                forms: Tickets::new(),
                codes: Tickets::new(),
                spent_codes: HashMap::new(),
                devices: Devices::default(),
                sessions: Sessions::default(),
                redeemed: HashSet::new(),
            }),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete when it is made, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
