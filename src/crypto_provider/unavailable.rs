//! A provider that does nothing. An HTTP client cannot be built without a provider, although it
//! needs none for plain http on loopback.
//!
//! A handshake begins with random bytes and a key exchange. Both fail here, so the rest is never
//! called.

use std::sync::Arc;

use rustls::crypto::cipher::{
    AeadKey, Iv, MessageDecrypter, MessageEncrypter, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::crypto::hash::{Context, Hash, HashAlgorithm, Output};
use rustls::crypto::hmac::Tag;
use rustls::crypto::tls13::{Hkdf, HkdfExpander, OkmBlock};
use rustls::crypto::{
    ActiveKeyExchange, CipherSuiteCommon, CryptoProvider, GetRandomFailed, KeyProvider,
    SecureRandom, SupportedKxGroup, WebPkiSupportedAlgorithms,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{
    CipherSuite, ConnectionTrafficSecrets, Error, NamedGroup, SupportedCipherSuite,
    Tls13CipherSuite,
};

/// Returns the provider.
pub fn unavailable() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        // rustls requires one of each.
        cipher_suites: vec![SupportedCipherSuite::Tls13(&SUITE)],
        kx_groups: vec![&Unavailable],
        signature_verification_algorithms: WebPkiSupportedAlgorithms {
            all: &[],
            mapping: &[],
        },
        secure_random: &Unavailable,
        key_provider: &Unavailable,
    })
}

static SUITE: Tls13CipherSuite = Tls13CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS13_AES_128_GCM_SHA256,
        hash_provider: &Unavailable,
        confidentiality_limit: 0,
    },
    hkdf_provider: &Unavailable,
    aead_alg: &Unavailable,
    quic: None,
};

#[derive(Debug)]
struct Unavailable;

fn error() -> Error {
    Error::General("no cryptography was chosen".to_owned())
}

impl SecureRandom for Unavailable {
    fn fill(&self, _: &mut [u8]) -> Result<(), GetRandomFailed> {
        Err(GetRandomFailed)
    }
}

impl SupportedKxGroup for Unavailable {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Err(error())
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl KeyProvider for Unavailable {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(error())
    }
}

const NEVER: &str = "no handshake comes this far without a key exchange";

impl Hash for Unavailable {
    fn start(&self) -> Box<dyn Context> {
        unreachable!("{NEVER}")
    }

    fn hash(&self, _: &[u8]) -> Output {
        unreachable!("{NEVER}")
    }

    fn output_len(&self) -> usize {
        0
    }

    fn algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }
}

impl Hkdf for Unavailable {
    fn extract_from_zero_ikm(&self, _: Option<&[u8]>) -> Box<dyn HkdfExpander> {
        unreachable!("{NEVER}")
    }

    fn extract_from_secret(&self, _: Option<&[u8]>, _: &[u8]) -> Box<dyn HkdfExpander> {
        unreachable!("{NEVER}")
    }

    fn expander_for_okm(&self, _: &OkmBlock) -> Box<dyn HkdfExpander> {
        unreachable!("{NEVER}")
    }

    fn hmac_sign(&self, _: &OkmBlock, _: &[u8]) -> Tag {
        unreachable!("{NEVER}")
    }
}

impl Tls13AeadAlgorithm for Unavailable {
    fn encrypter(&self, _: AeadKey, _: Iv) -> Box<dyn MessageEncrypter> {
        unreachable!("{NEVER}")
    }

    fn decrypter(&self, _: AeadKey, _: Iv) -> Box<dyn MessageDecrypter> {
        unreachable!("{NEVER}")
    }

    fn key_len(&self) -> usize {
        0
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    fn client() -> reqwest::Client {
        let tls = rustls::ClientConfig::builder_with_provider(unavailable())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
        client.no_proxy().build().unwrap()
    }

    #[tokio::test]
    async fn plain_http_needs_no_cryptography_and_tls_fails_without() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
            stream.write_all(answer).unwrap();
            drop(stream);
            // The second connection is closed, since its handshake fails.
            drop(listener.accept().unwrap());
        });
        let answer = client().get(format!("http://{address}")).send().await;
        assert_eq!(answer.unwrap().status(), 204);
        let answer = client().get(format!("https://{address}")).send().await;
        assert!(answer.unwrap_err().is_connect());
        server.join().unwrap();
    }
}
