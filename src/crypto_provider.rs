//! The cryptography of TLS: a host may have chosen already.

#[cfg(any(test, not(feature = "ring")))]
mod unavailable;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use crate::error::Result;

/// Returns rustls's ring provider.
#[cfg(feature = "ring")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it can fail")]
pub fn crypto_provider() -> Result<Arc<CryptoProvider>> {
    Ok(Arc::new(rustls::crypto::ring::default_provider()))
}

/// Returns the same for requests that need no TLS; without any provider one that does nothing.
pub fn crypto_provider_for_plain_http() -> Arc<CryptoProvider> {
    #[cfg(feature = "ring")]
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    #[cfg(not(feature = "ring"))]
    let provider = crypto_provider().unwrap_or_else(|_| unavailable::unavailable());
    provider
}

/// Returns the provider that the process installed, else the one that rustls's features give.
///
/// # Errors
/// Fails when there is none, or more than one and the process chose neither.
#[cfg(not(feature = "ring"))]
pub fn crypto_provider() -> Result<Arc<CryptoProvider>> {
    use std::sync::OnceLock;

    use crate::error::Error;

    static PROVIDER: OnceLock<Option<Arc<CryptoProvider>>> = OnceLock::new();
    let installed = CryptoProvider::get_default().cloned();
    let provider = installed.or_else(|| PROVIDER.get_or_init(from_rustls_features).clone());
    provider.ok_or_else(|| {
        Error::network("Could not set up TLS: no cryptography was chosen")
            .with_hint("Install a rustls CryptoProvider at the start of the program")
    })
}

/// rustls keeps its choice private, and panics where its features leave none or several.
#[cfg(not(feature = "ring"))]
fn from_rustls_features() -> Option<Arc<CryptoProvider>> {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let builder = std::panic::catch_unwind(rustls::ClientConfig::builder);
    std::panic::set_hook(print);
    builder
        .ok()
        .map(|builder| Arc::clone(builder.crypto_provider()))
}
