//! The cryptography of TLS, which a host may have chosen already, and the HTTP client that needs
//! none.

#[cfg(any(test, not(feature = "ring")))]
mod unavailable;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use reqwest::{Client, ClientBuilder};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, Result};

/// Returns rustls's ring provider.
#[cfg(feature = "ring")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it can fail")]
pub fn crypto_provider() -> Result<Arc<CryptoProvider>> {
    Ok(Arc::new(rustls::crypto::ring::default_provider()))
}

/// Begins an HTTP client for plain http on this machine, without a proxy. It trusts no certificate
/// authority, because it needs none and reading the system's takes milliseconds.
pub fn loopback_client() -> Result<ClientBuilder> {
    #[cfg(feature = "ring")]
    let provider = crypto_provider()?;
    // A client cannot be built without any provider.
    #[cfg(not(feature = "ring"))]
    let provider = crypto_provider().unwrap_or_else(|_| unavailable::unavailable());
    let tls = tls_with(provider, RootCertStore::empty())?;
    // RFC 6761, section 6.3: localhost is this machine. A container without /etc/hosts cannot look
    // it up. Port 0 stands for the URL's port.
    let localhost = [
        (Ipv4Addr::LOCALHOST, 0).into(),
        (Ipv6Addr::LOCALHOST, 0).into(),
    ];
    let client = Client::builder().tls_backend_preconfigured(tls).no_proxy();
    Ok(client.resolve_to_addrs("localhost", &localhost))
}

/// Returns a configuration that trusts these authorities.
pub fn tls_with(provider: Arc<CryptoProvider>, roots: RootCertStore) -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| Error::internal("Could not set up TLS").with_source(source))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Returns the provider that the process installed, else the one that rustls's features give.
///
/// # Errors
/// There is no provider, or there are several and the process chose none of them.
#[cfg(not(feature = "ring"))]
pub fn crypto_provider() -> Result<Arc<CryptoProvider>> {
    use std::sync::OnceLock;

    static PROVIDER: OnceLock<Option<Arc<CryptoProvider>>> = OnceLock::new();
    let installed = CryptoProvider::get_default().cloned();
    let provider = installed.or_else(|| PROVIDER.get_or_init(from_rustls_features).clone());
    provider.ok_or_else(|| {
        Error::network("Could not set up TLS: no cryptography was chosen")
            .with_hint("Install a rustls CryptoProvider at the start of the program")
    })
}

/// Returns rustls's own choice, which it keeps private. It panics if its features give no provider
/// or several.
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use reqwest::dns::{Name, Resolve, Resolving};

    use super::*;

    struct KnowsNothing;

    impl Resolve for KnowsNothing {
        fn resolve(&self, _: Name) -> Resolving {
            Box::pin(async { Err("no such name".into()) })
        }
    }

    #[tokio::test]
    async fn localhost_is_found_on_a_machine_that_cannot_resolve_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                .unwrap();
        });
        let client = loopback_client().unwrap().dns_resolver(KnowsNothing);
        let client = client.build().unwrap();
        let answer = client.get(format!("http://localhost:{port}")).send().await;
        assert_eq!(answer.unwrap().status(), 204);
        server.join().unwrap();
    }
}
