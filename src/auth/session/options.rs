//! The options of a session.

use secrecy::SecretString;

use super::ApiEndpointOptions;
use crate::auth::file::account::Mode;
use crate::auth::issuer::Issuer;
use crate::auth::store::Store;
use crate::auth::system::Clock;

/// The options of a session. Nothing is read from the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionOptions {
    /// The place of the credentials. Its [notices](Store::notifying) tell which lock is waited
    /// for, and of problems with a refresh.
    pub store: Store,
    /// The issuer that refreshes and revokes them.
    pub issuer: Issuer,
    /// `OPENAI_API_KEY` of the environment; counts when there is no `auth.json` and
    /// the issuer is OpenAI's.
    pub environment_key: Option<SecretString>,
    /// Decides where `auth.json` has both an API key and tokens.
    pub preference: Option<Mode>,
    /// The settings for API requests.
    pub endpoint: ApiEndpointOptions,
    /// The wall clock.
    pub clock: Clock,
}

impl SessionOptions {
    /// Creates options without a key, a preference or an endpoint, with the system's clock.
    pub fn new(store: Store, issuer: Issuer) -> Self {
        Self {
            store,
            issuer,
            environment_key: None,
            preference: None,
            endpoint: ApiEndpointOptions::default(),
            clock: Clock::default(),
        }
    }
}
