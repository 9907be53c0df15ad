//! What a credential is, and how it is had, kept, renewed and given up.
//! No terminal, no printing, no web server in here.

mod account;
mod api_key;
mod auth_file;
mod authorize_url;
mod claims;
mod codex_config;
mod device_code;
mod disk;
mod extras;
mod hop;
mod http;
mod issuer;
mod issuer_url;
mod lock;
mod notify;
mod pkce;
mod revocation;
mod salvage;
mod session;
mod sign_out;
mod store;
mod tls;

pub use account::{Account, Mode, Plan};
pub use api_key::{ApiKeySave, SavedApiKey, check_api_key};
pub use auth_file::{AuthFile, Tokens, same};
pub use authorize_url::{AuthorizeRequest, DEFAULT_CLIENT_ID, ORIGINATOR, redirect_uri};
pub use claims::{Claims, Identity};
pub use codex_config::CodexConfig;
pub use device_code::{DeviceAuthorization, DeviceGrant, Pace};
pub use disk::{Disk, RealDisk, TemporaryName};
pub use extras::{credits_of, has_organization};
pub use http::{Answer, Refusal, Timeouts};
pub use issuer::{EXCHANGE_FAILED, Issuer};
pub use issuer_url::{DEFAULT_ISSUER, IssuerUrl, is_loopback};
pub use notify::Notify;
pub use pkce::{Pkce, random_base64url};
pub use revocation::{Revocation, Stored, revoke_unused, stored};
pub use session::{ApiEndpoint, ApiEndpointOptions, Session, SessionOptions, Source};
pub use sign_out::{SignedOut, sign_out, sign_out_unless};
pub use store::{Contents, LOCK_TIMEOUT, PreparedSave, Store, WriteAccess};
pub use tls::CaFile;
