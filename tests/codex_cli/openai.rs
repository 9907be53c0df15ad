//! `chatgpt.com` and `auth.openai.com` on loopback: a proxy for `HTTPS_PROXY` that ends TLS with
//! an authority of its own, hands what concerns a sign-in to the demo issuer, answers the rest
//! itself, and records every request. Whoever asks for another host is refused, and recorded.

use std::io::{Read as _, Write as _};
use std::net::TcpStream as BlockingStream;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use codex_onboarding::demo::{DemoIssuer, Person, Profile};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;
use crate::backend;
use crate::patience::wait_until;

/// The hosts that are played here.
pub const HOSTS: [&str; 3] = ["auth.openai.com", "chatgpt.com", "api.openai.com"];
/// What Codex sends of a conversation stays far below.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// The service, which ends with the test program.
pub struct OpenAi {
    pub issuer: DemoIssuer,
    pub authority: Authority,
    proxy: String,
    shared: Arc<Shared>,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub host: String,
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: String,
    /// The status of the answer; 0 until there is one.
    pub status: u16,
}

struct Shared {
    issuer: String,
    log: Mutex<Vec<Asked>>,
    strangers: Mutex<Vec<String>>,
    refused: Mutex<Vec<String>>,
    /// The answers that wait until this is `None`.
    held: watch::Sender<Option<Choice>>,
}

type Choice = fn(&Asked) -> bool;

/// Keeps answers back until it is dropped.
pub struct HeldAnswers(Arc<Shared>);

impl Drop for HeldAnswers {
    fn drop(&mut self) {
        self.0.held.send_replace(None);
    }
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The account that the request is for.
    pub fn account(&self) -> Option<&str> {
        self.header("chatgpt-account-id")
    }

    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn is(&self, path: &str) -> bool {
        self.path == path
    }
}

impl OpenAi {
    pub fn start() -> Self {
        let issuer = DemoIssuer::start(Profile::default()).unwrap();
        let authority = Authority::new();
        let shared = Arc::new(Shared {
            issuer: issuer.url().to_owned(),
            log: Mutex::default(),
            strangers: Mutex::default(),
            refused: Mutex::default(),
            held: watch::Sender::new(None),
        });
        let acceptor = TlsAcceptor::from(Arc::new(authority.server_config(&HOSTS)));
        let proxy = serve(acceptor, Arc::clone(&shared));
        Self {
            issuer,
            authority,
            proxy,
            shared,
        }
    }

    /// The value for `HTTPS_PROXY`.
    pub fn proxy(&self) -> &str {
        &self.proxy
    }

    /// Every request so far, in the order in which they came.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.log.lock().unwrap().clone()
    }

    /// Forgets every request so far.
    pub fn forget(&self) {
        self.shared.log.lock().unwrap().clear();
    }

    /// The requests with this path.
    pub fn asked_for(&self, path: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|one| one.is(path));
        asked
    }

    /// The hosts beside [`HOSTS`] that somebody wanted to reach.
    pub fn strangers(&self) -> Vec<String> {
        self.shared.strangers.lock().unwrap().clone()
    }

    /// Answers this access token with 401 from now on.
    pub fn refuse(&self, access_token: &str) {
        let mut refused = self.shared.refused.lock().unwrap();
        refused.push(access_token.to_owned());
    }

    /// Presses Approve on the page of this link, and returns where the browser is sent to.
    pub fn approve(&self, link: &str) -> String {
        let link = link.replace("https://auth.openai.com", self.issuer.url());
        let person = Person::at(self.issuer.url()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let callback = runtime.block_on(person.approve(&link)).unwrap();
        callback.to_string()
    }

    /// Keeps back the answers that this chooses, whose requests have been judged by then.
    pub fn hold(&self, which: Choice) -> HeldAnswers {
        self.shared.held.send_replace(Some(which));
        HeldAnswers(Arc::clone(&self.shared))
    }

    /// Waits for a request like this, whose answer may still be held.
    #[track_caller]
    pub fn waits_for(&self, what: &str, is_so: impl Fn(&Asked) -> bool) {
        wait_until(what, || self.asked().iter().any(&is_so));
    }
}

/// Serves on a thread of its own, and returns the proxy's URL.
fn serve(acceptor: TlsAcceptor, shared: Arc<Shared>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        runtime.block_on(async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&shared)));
            }
        });
    });
    url
}

/// Takes a CONNECT (RFC 9110, section 9.3.6), and answers as the host that it names.
async fn connection(
    mut stream: TcpStream,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
) -> Option<()> {
    let head = read_head(&mut stream).await?;
    let target = head.split(' ').nth(1)?.to_owned();
    let known = HOSTS
        .into_iter()
        .find(|host| target == format!("{host}:443"));
    let Some(host) = known else {
        shared.strangers.lock().unwrap().push(target);
        let no = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        return stream.write_all(no).await.ok();
    };
    let yes = b"HTTP/1.1 200 Connection established\r\n\r\n";
    stream.write_all(yes).await.ok()?;
    let inside = acceptor.accept(stream).await.ok()?;
    let router = Router::new().fallback(answer).with_state((host, shared));
    http1::Builder::new()
        .serve_connection(TokioIo::new(inside), TowerToHyperService::new(router))
        .await
        .ok()
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn answer(
    State((host, shared)): State<(&'static str, Arc<Shared>)>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.unwrap_or_default();
    let asked = Asked {
        host: host.to_owned(),
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        status: 0,
    };
    let number = {
        let mut log = shared.log.lock().unwrap();
        log.push(asked.clone());
        log.len() - 1
    };
    let refused = shared.refused.lock().unwrap().clone();
    let is_refused = |token: &str| refused.iter().any(|other| other == token);
    let response = if host == "auth.openai.com" {
        let issuer = shared.issuer.clone();
        let asked = asked.clone();
        let answer = tokio::task::spawn_blocking(move || hand_on(&issuer, &asked));
        answer.await.unwrap()
    } else if asked.bearer().is_none_or(is_refused) {
        backend::unauthorized()
    } else {
        backend::answer(&asked)
    };
    let judged = {
        let mut log = shared.log.lock().unwrap();
        log[number].status = response.status().as_u16();
        log[number].clone()
    };
    let mut chosen = shared.held.subscribe();
    let _ = chosen
        .wait_for(|held| !held.is_some_and(|chosen| chosen(&judged)))
        .await;
    response
}

/// Asks the demo issuer, which answers to its own name only and ends each connection.
fn hand_on(issuer: &str, asked: &Asked) -> Response {
    let address = issuer.strip_prefix("http://").unwrap();
    let mut stream = BlockingStream::connect(address).unwrap();
    let Asked { method, path, .. } = asked;
    let (query, length) = (&asked.query, asked.body.len());
    let content_type = asked.header("content-type").unwrap_or("text/plain");
    let head = format!(
        "{method} {path}?{query} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {content_type}\r\n\
         content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(asked.body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}
