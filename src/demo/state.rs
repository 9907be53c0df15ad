//! The issuer's memory.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Interceptor;
use super::messages::Params;
use super::profile::Profile;
use super::tokens::{IssuedTokens, Mint, TokenFamily};

/// Shared by all connections. The mutex is never held across an await.
pub(super) struct IssuerContext {
    /// The issuer's base URL.
    pub(super) url: String,
    /// The `Host` values that mean this server.
    pub(super) hosts: [String; 2],
    pub(super) interceptor: Interceptor,
    state: Mutex<IssuerState>,
}

pub(super) struct IssuerState {
    pub(super) mint: Mint,
    pub(super) profile: Profile,
    /// The authorization requests whose consent pages wait for a button, by the name of the form.
    /// Only the page knows that name, so other sites cannot press the button (RFC 6749, section
    /// 10.12).
    pub(super) consent_forms: HashMap<String, Params>,
    /// The same for the device pages.
    pub(super) device_forms: HashSet<String>,
    /// Authorization codes that have not been exchanged yet.
    pub(super) codes: HashMap<String, IssuedCode>,
    /// Devices by their `device_auth_id`, until they have their authorization code.
    pub(super) devices: HashMap<String, WaitingDevice>,
    pub(super) families: Vec<TokenFamily>,
    /// Accounts whose credits were granted.
    pub(super) redeemed: HashSet<String>,
}

/// The grant that an authorization code stands for (RFC 6749, section 4.1.2; RFC 7636, section
/// 4.4).
pub(super) struct IssuedCode {
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    /// The account that approved, and the client that it approved.
    pub(super) profile: Profile,
    pub(super) expires: Instant,
}

/// A device that asked for a code.
pub(super) struct WaitingDevice {
    pub(super) user_code: String,
    pub(super) expires: Instant,
    pub(super) decision: Decision,
}

impl WaitingDevice {
    pub(super) fn has_expired(&self) -> bool {
        self.expires <= Instant::now()
    }

    /// Returns whether a person can still decide.
    pub(super) fn waits(&self) -> bool {
        matches!(self.decision, Decision::Pending) && !self.has_expired()
    }
}

pub(super) enum Decision {
    Pending,
    Denied,
    /// Approved by this account.
    Approved(Box<Profile>),
}

impl IssuerContext {
    pub(super) fn new(port: u16, profile: Profile, interceptor: Interceptor) -> io::Result<Self> {
        let url = format!("http://127.0.0.1:{port}");
        let state = IssuerState {
            mint: Mint::new(url.clone())?,
            profile,
            consent_forms: HashMap::new(),
            device_forms: HashSet::new(),
            codes: HashMap::new(),
            devices: HashMap::new(),
            families: Vec::new(),
            redeemed: HashSet::new(),
        };
        Ok(Self {
            url,
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            interceptor,
            state: Mutex::new(state),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, IssuerState> {
        // Every change is complete when it is made, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IssuerState {
    /// Issues an authorization code that this account has approved.
    pub(super) fn issue_code(
        &mut self,
        redirect_uri: &str,
        code_challenge: &str,
        profile: Profile,
    ) -> String {
        let code = self.mint.draw_text("ac-demo-");
        let grant = IssuedCode {
            redirect_uri: redirect_uri.to_owned(),
            code_challenge: code_challenge.to_owned(),
            expires: Instant::now() + profile.code_lifetime,
            profile,
        };
        self.codes.insert(code.clone(), grant);
        code
    }

    /// Begins a token family and returns its first tokens.
    pub(super) fn begin_family(&mut self, profile: Profile, code: Option<&str>) -> IssuedTokens {
        let tokens = self.mint.issue(&profile);
        self.families.push(TokenFamily {
            profile,
            code: code.map(str::to_owned),
            issued: vec![tokens.clone()],
            ended: None,
        });
        tokens
    }
}
