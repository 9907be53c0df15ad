//! A sign-in against the embedded issuer, and a client that sends exactly what it is told.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use codex_onboarding::auth::internals::{Disk, RealDisk};
use codex_onboarding::auth::{Issuer, IssuerUrl, Store};
use codex_onboarding::demo::{CLIENT_ID, Person, Profile};
use codex_onboarding::sign_in::{Port, SignIn, SignInOptions, Status};
use codex_onboarding::{Error, auth};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use crate::issuer::{Fault, Route, TestIssuer};
use crate::patience::PATIENCE;
pub use crate::tokens::parameter;

/// An issuer, the person in front of its pages, and a codex home.
pub struct Stage {
    pub issuer: TestIssuer,
    pub person: Person,
    pub options: SignInOptions,
    home: TempDir,
}

/// One attempt that has begun.
pub struct Running {
    pub sign_in: SignIn,
    pub port: u16,
    pub state: String,
    pub link: String,
    person: Person,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(Profile::default())
    }

    pub fn with(profile: Profile) -> Self {
        Self::on(profile, Arc::new(RealDisk))
    }

    /// On a disk that may misbehave.
    pub fn on(profile: Profile, disk: Arc<dyn Disk>) -> Self {
        let issuer = TestIssuer::start(profile);
        let home = tempfile::tempdir().unwrap();
        let mut options = SignInOptions::new(
            client(issuer.url()),
            Store::new(home.path()).with_disk(disk),
        );
        options.port = Port::Exactly(0);
        Self {
            person: Person::at(issuer.url()).unwrap(),
            issuer,
            options,
            home,
        }
    }

    pub fn start(&self) -> Running {
        self.start_with(self.options.clone())
    }

    /// With options that differ this once.
    pub fn start_with(&self, options: SignInOptions) -> Running {
        let mut sign_in = SignIn::start(options).unwrap();
        let link = sign_in.link().clone();
        let url = Url::parse(&link.authorization_url).unwrap();
        assert!(matches!(first_status(&mut sign_in), Status::Url(first) if first == link));
        Running {
            state: parameter(&url, "state").unwrap(),
            port: link.port.unwrap_or_default(),
            link: link.authorization_url,
            sign_in,
            person: self.person.clone(),
        }
    }

    pub fn file(&self) -> PathBuf {
        self.home.path().join("auth.json")
    }

    /// Returns the contents of `auth.json`; `None` when there is none.
    pub fn saved(&self) -> Option<Value> {
        let bytes = fs::read(self.file()).ok()?;
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    /// Asserts that nothing was saved, and that no temporary file is left.
    pub fn assert_untouched(&self) {
        let entries = fs::read_dir(self.home.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let others: Vec<_> = names.filter(|name| !name.contains(".lock")).collect();
        assert!(others.is_empty(), "{others:?}");
    }

    pub fn token_requests(&self) -> usize {
        self.issuer.count(Route::Token)
    }

    /// From now on any code is worth these tokens, without a trip through the pages.
    pub fn accept_any_code(&self) {
        let tokens = self.issuer.issue_tokens();
        let answer = serde_json::json!({
            "id_token": tokens.id_token,
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
        });
        let fault = Fault::Status(200, answer.to_string());
        self.issuer.fault_always(Route::Token, fault);
    }
}

impl Running {
    /// `/auth/callback` with our state and these parameters, as they stand.
    pub fn callback(&self, parameters: &str) -> String {
        format!("/auth/callback?state={}&{parameters}", self.state)
    }

    /// The whole address of a path on our server.
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// The person approves; returns where the browser is sent, as path and query.
    pub async fn approve(&self) -> String {
        let url = self.person.approve(&self.link).await.unwrap();
        path_of(&url)
    }

    /// The person pastes the whole address of this path.
    pub fn paste(&self, path: &str) {
        self.sign_in.submit(&self.url(path)).unwrap();
    }

    /// As a browser opens it from its address bar.
    pub async fn get(&self, path: &str) -> Reply {
        self.browser().get(path).await
    }

    /// A request with our `Host` and more header lines, each with its line end.
    pub async fn ask(&self, method: &str, path: &str, headers: &str) -> Reply {
        let host = format!("Host: localhost:{}\r\n", self.port);
        let request = format!("{method} {path} HTTP/1.1\r\n{host}{headers}\r\n");
        self.send(&request).await
    }

    /// These bytes and nothing else.
    pub async fn send(&self, request: impl AsRef<[u8]>) -> Reply {
        self.browser().send(request).await.unwrap()
    }

    /// Returns a browser that can reach the port, also when the handle is gone.
    pub fn browser(&self) -> Browser {
        Browser { port: self.port }
    }

    /// The next status.
    pub async fn next(&mut self) -> Option<Status> {
        within(self.sign_in.next()).await
    }

    /// Every status from now until the task has ended.
    pub async fn rest(&mut self) -> Vec<Status> {
        let mut statuses = Vec::new();
        while let Some(status) = self.next().await {
            statuses.push(status);
        }
        statuses
    }

    /// Waits for the attempt's last status, which must come.
    pub async fn end(&mut self) -> Result<auth::Account, Error> {
        loop {
            match self.next().await.expect("the attempt ended without a word") {
                Status::Completed(account) => return Ok(account),
                Status::Failed(error) => return Err(error),
                _ => {}
            }
        }
    }

    /// The attempt is still open: the person can finish it, and it takes one request.
    pub async fn still_completes(&mut self, stage: &Stage) {
        assert_eq!(stage.token_requests(), 0, "the issuer was asked");
        stage.assert_untouched();
        let callback = self.approve().await;
        assert_eq!(self.get(&callback).await.status, 302);
        self.end().await.unwrap();
        assert_eq!(stage.token_requests(), 1);
        assert!(stage.saved().is_some());
    }
}

/// A client that can reach the port.
#[derive(Clone, Copy, Debug)]
pub struct Browser {
    pub port: u16,
}

impl Browser {
    pub async fn connect(self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    pub async fn get(self, path: &str) -> Reply {
        self.try_get(path).await.unwrap()
    }

    /// Returns `None` when the connection ends without an answer, or no server listens.
    pub async fn try_get(self, path: &str) -> Option<Reply> {
        let host = format!("localhost:{}", self.port);
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await
    }

    pub async fn send(self, request: impl AsRef<[u8]>) -> Option<Reply> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        // A server that has heard enough may be gone already.
        let _ = stream.write_all(request.as_ref()).await;
        Reply::read(stream).await
    }

    /// Sends the beginning of something and keeps the connection.
    pub async fn begin(self, bytes: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    pub async fn is_listening(self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
    }
}

/// An answer, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Reply {
    /// `None` when the connection ends without an answer.
    pub async fn read(mut stream: TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        // A reset after the answer does not make it less of an answer.
        let _ = within(stream.read_to_end(&mut bytes)).await;
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        Some(Self {
            status,
            headers: lines.map(header).collect(),
            body: body.to_owned(),
        })
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The same but for the hour.
    pub fn without_date(mut self) -> Self {
        self.headers.remove("date");
        self
    }

    #[track_caller]
    pub fn assert_says(&self, status: u16, text: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.body.contains(text), "{text} is not in {}", self.body);
    }
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

pub fn client(issuer: &str) -> Issuer {
    Issuer::new(IssuerUrl::parse(issuer).unwrap(), CLIENT_ID, None)
}

pub fn path_of(url: &Url) -> String {
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// Returns a page's text as the person reads it.
pub fn unescaped(html: &str) -> String {
    let entities = [
        ("&#39;", "'"),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    let replace = |text: String, (entity, c): (&str, &str)| text.replace(entity, c);
    entities.into_iter().fold(html.to_owned(), replace)
}

pub fn name(status: &Status) -> &'static str {
    match status {
        Status::Url(_) => "Url",
        Status::DeviceCode(_) => "DeviceCode",
        Status::DeviceCodeFailed(_) => "DeviceCodeFailed",
        Status::Exchanging => "Exchanging",
        Status::Waiting(_) => "Waiting",
        Status::Notice(_) => "Notice",
        Status::Completed(_) => "Completed",
        Status::Failed(_) => "Failed",
        _ => "unknown",
    }
}

pub fn names(statuses: &[Status]) -> Vec<&'static str> {
    statuses.iter().map(name).collect()
}

/// It is there as soon as `start` has returned.
fn first_status(sign_in: &mut SignIn) -> Status {
    use std::task::{Context, Poll, Waker};
    let next = std::pin::pin!(sign_in.next());
    match next.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(status)) => status,
        other => panic!("no status after start: {other:?}"),
    }
}

/// A small generator (xorshift64*), the same everywhere for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// From 0 to 1.
    pub fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }
}
