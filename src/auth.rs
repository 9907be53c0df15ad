//! Credentials: obtains, stores, renews and revokes them. Nothing here uses a terminal, prints, or
//! serves web pages.

pub mod accounts;
mod codex_config;
pub(in crate::auth) mod credentials;
mod file;
mod issuer;
mod issuer_url;
mod lend;
mod session;
mod sign_out;
mod store;
mod system;
mod typed_secret;

pub use codex_config::CodexConfig;
#[cfg(feature = "cli")]
pub(crate) use codex_config::{Allows, Rule};
pub(crate) use file::account::check_workspace;
pub use file::account::{Account, Mode, Plan, Saved};
#[doc(hidden)]
pub use file::secret_kind::SecretKind;
pub use issuer::Issuer;
pub use issuer::device_code::{DeviceCode, Pace};
pub use issuer::http::Timeouts;
pub use issuer::proxy::ProxySettings;
pub use issuer::tls::CaFile;
pub use issuer_url::IssuerUrl;
pub use lend::{Lender, LenderEvent, LentFolder};
pub use session::{
    ApiEndpoint, ApiEndpointOptions, Check, Lent, Session, SessionOptions, Workspace,
};
pub use sign_out::{Revocation, SignedOut, sign_out, sign_out_or_cancel};
pub use store::keyring::{Keyring, KeyringAnswer, KeyringEntry, KeyringFailure};
pub use store::notify::Notify;
pub use store::{Reading, Save, Source, Store, StoreSetting};
pub use system::Clock;

pub use crate::product::codex::{DEFAULT_CLIENT_ID, DEFAULT_ISSUER, Override};

pub(crate) use file::auth_file::{AuthFile, Tokens, same, write_secret};
pub(crate) use file::claims::Claims;
pub(crate) use issuer::authorize_url::{AuthorizeRequest, Pkce, redirect_uri};
pub(crate) use issuer::credits::credits_of;
pub(crate) use issuer::device_code::DeviceAuthorization;
#[cfg(feature = "cli")]
pub(crate) use issuer::probe::Probe;
pub(crate) use issuer::refusal::lasting_refusal;
pub(crate) use issuer::token_endpoint::{CodeGrant, EXCHANGE_FAILED, has_organization};
#[cfg(feature = "screen")]
pub(crate) use issuer_url::is_loopback;
pub(crate) use sign_out::revoke_unused;
pub(crate) use store::Contents;
#[cfg(feature = "cli")]
pub(crate) use store::Obstacle;
pub(crate) use store::lock::{Attempt, Lock, LockKind, cannot_lock, described};
#[cfg(feature = "cli")]
pub(crate) use store::lock::{LockHolder, lock_holder};
#[cfg(feature = "screen")]
pub(crate) use system::on_blocking_thread;
pub(crate) use system::random_base64url;

/// For the tests and benchmarks of this crate: not a stable part of the API.
#[doc(hidden)]
pub mod internals {
    pub use super::file::auth_file::{AuthFile, Tokens};
    pub use super::issuer::authorize_url::{AuthorizeRequest, redirect_uri};
    pub use super::sign_out::revoke_unused;
    pub use super::store::disk::{Disk, RealDisk, TemporaryName};
    pub use super::store::{Contents, LOCK_TIMEOUT};
}
