//! Credentials: getting, keeping, renewing and giving up.
//! No terminal, no printing, no web server in here.

mod account;
pub mod accounts;
mod answer;
mod api_key;
mod api_key_exchange;
mod auth_file;
mod authorize_url;
mod blocking;
mod claims;
mod clock;
mod codex_config;
mod credentials;
mod credits;
mod device_code;
mod disk;
mod hop;
mod http;
mod issuer;
mod issuer_url;
mod keyring;
mod lend;
mod loadable;
mod lock;
mod notify;
mod owner;
mod pace;
mod personal_access_token;
mod pkce;
mod precedence;
#[cfg(feature = "cli")]
mod probe;
mod proxy;
mod random;
mod revocation;
mod salvage;
mod secret_kind;
mod session;
mod sign_out;
mod store;
mod timeouts;
mod tls;

pub(crate) use account::check_workspace;
pub use account::{Account, Mode, Plan, Saved};
pub use api_key::ApiKeySave;
pub use clock::Clock;
pub use codex_config::CodexConfig;
#[cfg(feature = "cli")]
pub(crate) use codex_config::{Allows, Rule};
pub use device_code::DeviceCode;
pub use issuer::Issuer;
pub use issuer_url::IssuerUrl;
pub use keyring::{Keyring, KeyringAnswer, KeyringEntry, KeyringFailure};
pub use lend::{Lender, LenderEvent, LentFolder};
pub use notify::Notify;
pub use pace::Pace;
pub use personal_access_token::AccessTokenSave;
pub use precedence::Override;
pub use proxy::ProxySettings;
pub use revocation::Revocation;
#[doc(hidden)]
pub use secret_kind::SecretKind;
pub use session::{
    ApiEndpoint, ApiEndpointOptions, Check, Lent, Session, SessionOptions, Source, Workspace,
};
pub use sign_out::{SignedOut, sign_out, sign_out_unless};
pub use store::{CredentialsStore, Place, Reading, Store};
pub use timeouts::Timeouts;
pub use tls::CaFile;

pub use crate::product::codex::{DEFAULT_CLIENT_ID, DEFAULT_ISSUER};

pub(crate) use answer::Lasting;
pub(crate) use api_key_exchange::has_organization;
pub(crate) use auth_file::{AuthFile, Tokens, same};
pub(crate) use authorize_url::{AuthorizeRequest, redirect_uri};
#[cfg(feature = "screen")]
pub(crate) use blocking::on_blocking_thread;
pub(crate) use claims::{Claims, Identity};
pub(crate) use credits::credits_of;
pub(crate) use device_code::{DeviceAuthorization, Poll};
pub(crate) use issuer::{CodeGrant, EXCHANGE_FAILED};
#[cfg(feature = "screen")]
pub(crate) use issuer_url::is_loopback;
pub(crate) use lock::{Attempt, Lock, LockKind, described};
#[cfg(feature = "cli")]
pub(crate) use lock::{LockState, lock_state};
pub(crate) use owner::user_of;
pub(crate) use pkce::Pkce;
#[cfg(feature = "cli")]
pub(crate) use probe::Probe;
pub(crate) use random::random_base64url;
pub(crate) use revocation::revoke_unused;
pub(crate) use store::{Contents, LockedSave};
#[cfg(feature = "cli")]
pub(crate) use store::{Obstacle, Part};

/// For the tests and benchmarks of this crate: no part of what a host may rely on.
#[doc(hidden)]
pub mod internals {
    pub use super::auth_file::{AuthFile, Tokens};
    pub use super::authorize_url::{AuthorizeRequest, redirect_uri};
    pub use super::disk::{Disk, RealDisk, TemporaryName};
    pub use super::revocation::revoke_unused;
    pub use super::store::{Contents, LOCK_TIMEOUT};
}
