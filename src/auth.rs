//! Credentials: getting, keeping, renewing and giving up.
//! No terminal, no printing, no web server in here.

mod account;
mod accounts;
mod answer;
mod api_key;
mod api_key_exchange;
mod auth_file;
mod authorize_url;
mod blocking;
mod claims;
mod codex_config;
mod credits;
mod device_code;
mod disk;
mod hop;
mod http;
mod issuer;
mod issuer_url;
mod keyring;
mod lock;
mod notify;
mod owner;
mod pace;
mod personal_access_token;
mod pkce;
mod precedence;
#[cfg(feature = "cli")]
mod probe;
mod random;
mod revocation;
mod salvage;
mod session;
mod sign_out;
mod store;
mod timeouts;
mod tls;

pub(crate) use account::check_workspace;
pub use account::{Account, Mode, Plan};
pub use accounts::{
    Accounts, Activated, Details, ExecHome, NewSlot, Parked, Program, StoredAccount, check_name,
};
pub use answer::{Answer, Refusal};
pub use api_key::{ApiKeySave, SavedApiKey, check_api_key};
pub use api_key_exchange::has_organization;
pub use auth_file::{AuthFile, Tokens, same};
pub use authorize_url::{AuthorizeRequest, redirect_uri};
pub use claims::{Claims, Identity};
pub use codex_config::CodexConfig;
pub use credits::credits_of;
pub use device_code::{DeviceAuthorization, DeviceCode};
pub use disk::{Disk, RealDisk, TemporaryName};
pub use issuer::{CodeGrant, EXCHANGE_FAILED, Issuer};
pub use issuer_url::{IssuerUrl, is_loopback};
pub use keyring::{Keyring, KeyringAnswer, KeyringEntry, KeyringFailure};
#[cfg(feature = "cli")]
pub(crate) use lock::{LockState, lock_state};
pub use notify::Notify;
pub use pace::Pace;
pub use personal_access_token::AccessTokenSave;
pub use pkce::Pkce;
pub use precedence::Override;
#[cfg(feature = "cli")]
pub(crate) use probe::Probe;
pub(crate) use random::random_base64url;
pub use revocation::{Revocation, revoke_unused};
pub use session::{ApiEndpoint, ApiEndpointOptions, Session, SessionOptions, Source};
pub use sign_out::{SignedOut, sign_out, sign_out_unless};
pub(crate) use store::LockedSave;
pub use store::{
    Contents, CredentialsStore, LOCK_TIMEOUT, Place, PreparedSave, Reading, Store, WriteAccess,
};
pub use timeouts::Timeouts;
pub use tls::CaFile;

pub use crate::product::{DEFAULT_CLIENT_ID, DEFAULT_ISSUER};
