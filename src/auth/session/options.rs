//! What a host decides about a session.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::ApiEndpointOptions;
use crate::auth::account::Mode;
use crate::auth::issuer::Issuer;
use crate::auth::notify::Notify;
use crate::auth::store::Store;

/// What a session needs to know. A plain value: nothing is read from the environment.
#[derive(Clone)]
pub struct SessionOptions {
    /// Where the credentials are.
    pub store: Store,
    /// Who refreshes and revokes them.
    pub issuer: Issuer,
    /// `OPENAI_API_KEY` of the environment; counts when there is no `auth.json` and
    /// the issuer is OpenAI's.
    pub environment_key: Option<SecretString>,
    /// Wins where `auth.json` holds both an API key and tokens.
    pub preference: Option<Mode>,
    /// Where requests go, as far as the environment says so.
    pub endpoint: ApiEndpointOptions,
    /// The wall clock.
    pub clock: fn() -> DateTime<Utc>,
    /// Told when a lock is waited for, and when a refresh went less than well.
    pub notify: Notify,
}

impl SessionOptions {
    /// No key in the environment, no preference, the usual endpoints, the system's clock.
    pub fn new(store: Store, issuer: Issuer) -> Self {
        Self {
            store,
            issuer,
            environment_key: None,
            preference: None,
            endpoint: ApiEndpointOptions::default(),
            clock: Utc::now,
            notify: Notify::default(),
        }
    }
}
