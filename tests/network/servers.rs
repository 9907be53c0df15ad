//! An issuer behind TLS with a private certificate authority, and a proxy before it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Starts a server in a thread of its own, which ends with the test program.
fn serve<F: Future<Output = Option<()>> + Send + 'static>(
    answer: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
    });
    address
}

/// A private certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    fn server_config(&self, host: &str) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap()
    }
}

/// Ends TLS as `host`, and hands everything on to `behind`.
pub fn tls_front(authority: &Authority, host: &str, behind: SocketAddr) -> SocketAddr {
    let acceptor = TlsAcceptor::from(Arc::new(authority.server_config(host)));
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut inside = acceptor.accept(stream).await.ok()?;
            let mut outside = TcpStream::connect(behind).await.ok()?;
            let head = read_head(&mut inside).await?;
            // The issuer itself answers to its own name only.
            let lines = head.split("\r\n").map(|line| {
                let is_host = line.to_lowercase().starts_with("host:");
                if is_host {
                    format!("host: {behind}")
                } else {
                    line.to_owned()
                }
            });
            let head = lines.collect::<Vec<_>>().join("\r\n");
            outside.write_all(head.as_bytes()).await.ok()?;
            copy_bidirectional(&mut inside, &mut outside).await.ok()?;
            Some(())
        }
    })
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// A proxy, and the requests that it got.
pub struct Proxy {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Leads every CONNECT (RFC 9110, section 9.3.6) to `behind`, or refuses it without one.
    pub fn start(behind: Option<SocketAddr>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let address = serve(move |stream| connect(stream, behind, Arc::clone(&log)));
        Self { address, asked }
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn connect(
    mut stream: TcpStream,
    behind: Option<SocketAddr>,
    log: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let line = read_head(&mut stream).await?.lines().next()?.to_owned();
    log.lock().unwrap().push(line);
    let Some(behind) = behind else {
        let no = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        return stream.write_all(no).await.ok();
    };
    let yes = b"HTTP/1.1 200 Connection established\r\n\r\n";
    stream.write_all(yes).await.ok()?;
    let mut outside = TcpStream::connect(behind).await.ok()?;
    copy_bidirectional(&mut stream, &mut outside).await.ok()?;
    Some(())
}
