//! The issuer's memory.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Interceptor;
use super::devices::Devices;
use super::jwt::Signer;
use super::profile::Profile;
use super::tickets::Tickets;
use super::token_families::{FamilyId, TokenFamilies};

/// Shared by all connections. The mutex is never held across an await.
pub(super) struct IssuerContext {
    /// The issuer's base URL.
    pub(super) url: String,
    /// The `Host` values that mean this server.
    pub(super) hosts: [String; 2],
    pub(super) signer: Signer,
    pub(super) interceptor: Option<Interceptor>,
    state: Mutex<IssuerState>,
}

pub(super) struct IssuerState {
    pub(super) profile: Profile,
    /// Pages that were shown and wait for a button.
    pub(super) forms: Tickets<Form>,
    pub(super) codes: Tickets<IssuedCode>,
    /// Codes that were exchanged, and the families they began.
    pub(super) spent_codes: HashMap<String, FamilyId>,
    pub(super) devices: Devices,
    pub(super) families: TokenFamilies,
    /// Accounts whose credits were granted.
    pub(super) redeemed: HashSet<String>,
}

/// A page with buttons. Its name, known to the page alone, keeps other sites from pressing
/// them (RFC 6749, section 10.12).
#[derive(Debug)]
pub(super) enum Form {
    Consent(AuthorizationRequest),
    Device,
}

/// An authorization request that is in order.
#[derive(Clone, Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) scopes: Vec<String>,
    pub(super) state: String,
    pub(super) code_challenge: String,
}

/// The grant that an authorization code stands for (RFC 6749, section 4.1.2; RFC 7636, section 4.4).
#[derive(Debug)]
pub(super) struct IssuedCode {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    /// The account that approved.
    pub(super) profile: Profile,
}

impl IssuerContext {
    pub(super) fn new(
        port: u16,
        profile: Profile,
        interceptor: Option<Interceptor>,
    ) -> io::Result<Self> {
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            signer: Signer::new()?,
            interceptor,
            state: Mutex::new(IssuerState {
                profile,
                forms: Tickets::default(),
                codes: Tickets::default(),
                spent_codes: HashMap::new(),
                devices: Devices::default(),
                families: TokenFamilies::default(),
                redeemed: HashSet::new(),
            }),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, IssuerState> {
        // Every change is complete when it is made, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
