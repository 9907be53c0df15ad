//! What stands in for the world in the examples: an issuer, a folder, a person and an API.
#![allow(dead_code)] // Each example needs a part of it.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use codex_onboarding::Result;
use codex_onboarding::auth::{DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Store};
use codex_onboarding::demo::{DemoIssuer, Person, Profile};
use codex_onboarding::sign_in::{Port, SignInOptions};
use tokio::sync::mpsc;

/// An issuer of its own, and a folder for its credentials.
pub struct Stage {
    demo: DemoIssuer,
    home: tempfile::TempDir,
}

impl Stage {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            demo: DemoIssuer::start(Profile::default())?,
            home: tempfile::tempdir()?,
        })
    }

    /// For real: `SignInOptions::new(Issuer::openai(), Store::new("/home/zoe/.codex"))`.
    pub fn sign_in_options(&self) -> Result<SignInOptions> {
        let url = IssuerUrl::parse(self.demo.url())?;
        let issuer = Issuer::new(url, DEFAULT_CLIENT_ID, None);
        let mut options = SignInOptions::new(issuer, Store::new(self.home.path()));
        options.port = Port::Exactly(0);
        Ok(options)
    }

    /// A browser in which a person presses Approve. For real: `browser::system()`.
    pub fn browser(&self) -> Result<impl Fn(&str, Opened) + Send + Sync + use<>> {
        let person = Arc::new(Person::at(self.demo.url())?);
        Ok(move |link: &str, opened: Opened| {
            let (person, link) = (Arc::clone(&person), link.to_owned());
            tokio::spawn(async move {
                let page = match person.approve(&link).await {
                    Ok(callback) => person.browse(callback.as_str()).await,
                    Err(error) => Err(error),
                };
                opened(page.map(drop));
            });
        })
    }
}

/// Hears whether the link was opened, as `browser::Opened` of the feature `screen` does.
pub type Opened = Box<dyn FnOnce(Result<()>) + Send>;

/// Calls `read` on a thread of its own, and sends what it returns until that is `None`.
pub fn read_on_thread<T: Send + 'static>(
    read: impl Fn() -> Option<T> + Send + 'static,
) -> mpsc::UnboundedReceiver<T> {
    let (sender, received) = mpsc::unbounded_channel();
    std::thread::spawn(move || while read().is_some_and(|it| sender.send(it).is_ok()) {});
    received
}

/// An API on a thread of its own, which answers 401 to the first bearer that it sees, and 200
/// to any other. Returns its address. For real: `Session::endpoint`.
pub fn start_api() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        let mut refused = None;
        for stream in listener.incoming().flatten() {
            if let Err(error) = answer(stream, &mut refused) {
                eprintln!("The API failed: {error}");
            }
        }
    });
    Ok(url)
}

fn answer(mut stream: TcpStream, refused: &mut Option<String>) -> io::Result<()> {
    let mut bearer = String::new();
    for line in BufReader::new(&stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("authorization: ") {
            value.clone_into(&mut bearer);
        }
    }
    let (status, text) = if *refused.get_or_insert(bearer.clone()) == bearer {
        ("401 Unauthorized", "expired")
    } else {
        ("200 OK", "hello")
    };
    let length = text.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    )
}
