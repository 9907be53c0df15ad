//! The options of a sign-in.

use crate::auth::{Clock, Issuer, SessionOptions, Store};

/// The two ports that the Codex CLI's client id is registered with, in order.
pub const REGISTERED_PORTS: [u16; 2] = [1455, 1457];

/// The options of a sign-in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignInOptions {
    /// The issuer to sign in with.
    pub issuer: Issuer,
    /// The store for the credentials.
    pub store: Store,
    /// The callback server's port.
    pub port: Port,
    /// The account ids that may sign in; empty for any.
    pub workspaces: Vec<String>,
    /// Users of this machine who may deliver the callback, besides our own and root, for example
    /// the user who ran sudo. Only Linux tells which user a connection belongs to.
    pub trusted_users: Vec<u32>,
    /// Set to exchange the id token for an API key, and save it beside the tokens.
    pub exchange_api_key: bool,
    /// Set to redeem the API credits that come with ChatGPT Plus and Pro.
    pub redeem_credits: bool,
    /// The wall clock, for the lifetimes of tokens and device codes.
    pub clock: Clock,
}

/// The port to listen on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Port {
    /// The first of [`REGISTERED_PORTS`] that can be listened on. Without one there is no server.
    #[default]
    Registered,
    /// As [`Port::Registered`] with two other ports, for a host whose client id is registered with
    /// them.
    Either([u16; 2]),
    /// This port; starting fails when it cannot be listened on. 0 is any free port.
    Exactly(u16),
    /// None: there is no server. The sign-in ends by a pasted address or a device code.
    None,
}

impl SignInOptions {
    /// Creates options for the usual sign-in: the registered ports, any account, the system's
    /// clock.
    pub fn new(issuer: Issuer, store: Store) -> Self {
        Self {
            issuer,
            store,
            port: Port::default(),
            workspaces: Vec::new(),
            trusted_users: Vec::new(),
            exchange_api_key: false,
            redeem_credits: false,
            clock: Clock::default(),
        }
    }

    /// Returns the options of the session that this sign-in begins: the same store, issuer and
    /// clock.
    pub fn session(&self) -> SessionOptions {
        let mut session = SessionOptions::new(self.store.clone(), self.issuer.clone());
        session.clock = self.clock.clone();
        session
    }
}

impl Port {
    /// Returns the port in the redirect URI when there is no server.
    pub(super) fn without_server(self) -> u16 {
        match self {
            Self::Exactly(port) | Self::Either([port, _]) => port,
            Self::Registered | Self::None => REGISTERED_PORTS[0],
        }
    }
}
