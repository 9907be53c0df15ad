//! An issuer behind TLS with a private certificate authority, and a proxy before it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;

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

/// Ends TLS as `host`, and hands everything on to `behind`.
pub fn tls_front(authority: &Authority, host: &str, behind: SocketAddr) -> SocketAddr {
    let acceptor = TlsAcceptor::from(Arc::new(authority.server_config(&[host])));
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
    scheme: &'static str,
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Leads every CONNECT (RFC 9110, section 9.3.6) to `behind`, or refuses it without one.
    pub fn start(behind: Option<SocketAddr>) -> Self {
        let refusal = "407 Proxy Authentication Required";
        Self::http(move |_| behind.ok_or(refusal.to_owned()))
    }

    /// Answers every CONNECT with this status.
    pub fn refusing(status: &'static str) -> Self {
        Self::http(move |_| Err(status.to_owned()))
    }

    /// Leads those to `behind` who send this user name and password.
    pub fn with_password(user: &str, behind: SocketAddr) -> Self {
        let expected = format!(
            "proxy-authorization: Basic {}",
            BASE64_STANDARD.encode(user)
        );
        Self::http(move |head| {
            let is_there = head
                .lines()
                .any(|line| line.eq_ignore_ascii_case(&expected));
            let refusal = "407 Proxy Authentication Required".to_owned();
            is_there.then_some(behind).ok_or(refusal)
        })
    }

    fn http(decide: impl Fn(&str) -> Result<SocketAddr, String> + Clone + Send + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let address = serve(move |stream| connect(stream, decide.clone(), Arc::clone(&log)));
        Self {
            scheme: "http",
            address,
            asked,
        }
    }

    /// Leads everybody to `behind` (RFC 1928). It wants no password, or this one (RFC 1929).
    pub fn socks(password: Option<&'static str>, behind: SocketAddr) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let address = serve(move |stream| socks(stream, password, behind, Arc::clone(&log)));
        Self {
            scheme: "socks5h",
            address,
            asked,
        }
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// With a user name and a password.
    pub fn url_of(&self, user: &str) -> String {
        format!("{}://{user}@{}", self.scheme, self.address)
    }
}

async fn connect(
    mut stream: TcpStream,
    decide: impl Fn(&str) -> Result<SocketAddr, String>,
    log: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let head = read_head(&mut stream).await?;
    log.lock().unwrap().push(head.lines().next()?.to_owned());
    let behind = match decide(&head) {
        Ok(behind) => behind,
        Err(status) => {
            let no = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            return stream.write_all(no.as_bytes()).await.ok();
        }
    };
    let yes = b"HTTP/1.1 200 Connection established\r\n\r\n";
    stream.write_all(yes).await.ok()?;
    let mut outside = TcpStream::connect(behind).await.ok()?;
    copy_bidirectional(&mut stream, &mut outside).await.ok()?;
    Some(())
}

async fn socks(
    mut stream: TcpStream,
    password: Option<&str>,
    behind: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    const NONE_ACCEPTABLE: u8 = 0xff;
    let mut bytes = [0; 256];
    stream.read_exact(&mut bytes[..2]).await.ok()?;
    let methods = usize::from(bytes[1]);
    stream.read_exact(&mut bytes[..methods]).await.ok()?;
    let method = if password.is_some() { 2 } else { 0 };
    if !bytes[..methods].contains(&method) {
        return stream.write_all(&[5, NONE_ACCEPTABLE]).await.ok();
    }
    stream.write_all(&[5, method]).await.ok()?;
    if let Some(expected) = password {
        let mut parts = Vec::new();
        stream.read_u8().await.ok()?;
        for _ in 0..2 {
            let length = usize::from(stream.read_u8().await.ok()?);
            stream.read_exact(&mut bytes[..length]).await.ok()?;
            parts.push(String::from_utf8(bytes[..length].to_vec()).ok()?);
        }
        let accepted = parts.join(":") == expected;
        stream.write_all(&[1, u8::from(!accepted)]).await.ok()?;
        if !accepted {
            return None;
        }
    }
    // Version, CONNECT, reserved, and a domain name.
    stream.read_exact(&mut bytes[..5]).await.ok()?;
    let length = usize::from(bytes[4]);
    let (rest, is_name) = match bytes[3] {
        1 => (3, false),
        4 => (15, false),
        _ => (length, true),
    };
    stream.read_exact(&mut bytes[..rest + 2]).await.ok()?;
    let name = String::from_utf8_lossy(&bytes[..rest]).into_owned();
    let asked = if is_name {
        name
    } else {
        "an address".to_owned()
    };
    log.lock().unwrap().push(asked);
    stream
        .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        .await
        .ok()?;
    let mut outside = TcpStream::connect(behind).await.ok()?;
    copy_bidirectional(&mut stream, &mut outside).await.ok()?;
    Some(())
}
