//! A host that asks an API with somebody's credentials: it signs in where nobody is, and gets a
//! new bearer when the API refuses the old one.
//!
//! ```sh
//! cargo run --example bearer
//! ```
//! signs in on the full screen against the embedded issuer, in a temporary folder, and asks a
//! small API of its own, which refuses the first bearer. Choose the first way to sign in: the
//! program plays the person in the browser.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use codex_onboarding::auth::{DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Session, Store};
use codex_onboarding::browser::Opener;
use codex_onboarding::demo::{DemoIssuer, Person, Profile};
use codex_onboarding::environment::Environment;
use codex_onboarding::onboarding::{self, Ended, Options};
use codex_onboarding::secrecy::{ExposeSecret as _, SecretString};
use codex_onboarding::sign_in::{Port, SignInOptions};
use reqwest::{Client, Response, StatusCode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let demo = DemoIssuer::start(Profile::default())?;
    let home = tempfile::tempdir()?;
    // For real: `Issuer::openai()`, the registered ports, the folder of the host's own, and the
    // browser and the API as they are.
    let issuer = Issuer::new(IssuerUrl::parse(demo.url())?, DEFAULT_CLIENT_ID, None);
    let mut sign_in = SignInOptions::new(issuer, Store::new(home.path()));
    sign_in.port = Port::Exactly(0);
    let mut options = Options::new(sign_in, Environment::of_process());
    options.facts.remote = None;
    options.browser = person_at(demo.url())?;
    let mut session = options.session();
    session.endpoint.base_url = Some(start_api()?);

    if onboarding::is_needed(&session) {
        let ended = onboarding::run(options).await?;
        if ended != Ended::SignedIn {
            return Err("nobody signed in".into());
        }
    }
    let session = Session::load(&session)?.ok_or("nobody is signed in")?;
    // reqwest needs to be told which cryptography to use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new();
    println!("The API says: {}", ask(&client, &session).await?);
    // A refresh that is under way must not be lost.
    session.settle().await;
    Ok(())
}

/// Asks once more with another bearer when the first is refused.
async fn ask(client: &Client, session: &Session) -> Result<String, Box<dyn Error>> {
    let url = session.endpoint().await?.base_url;
    let bearer = session.bearer().await?;
    let mut answer = get(client, &url, &bearer).await?;
    if answer.status() == StatusCode::UNAUTHORIZED {
        println!("The API refuses the bearer: asking for another one");
        // Of any number of tasks and processes that ask now, one makes a request.
        let bearer = session.replace(&bearer).await?;
        answer = get(client, &url, &bearer).await?;
    }
    Ok(answer.error_for_status()?.text().await?)
}

async fn get(client: &Client, url: &str, bearer: &SecretString) -> reqwest::Result<Response> {
    let request = client.get(url).bearer_auth(bearer.expose_secret());
    request.send().await
}

/// Plays the person in the browser instead of opening one.
fn person_at(issuer: &str) -> codex_onboarding::Result<Opener> {
    let person = Person::at(issuer)?;
    Ok(Arc::new(move |link, opened| {
        let (person, link) = (person.clone(), link.to_owned());
        tokio::spawn(async move {
            let page = match person.approve(&link).await {
                Ok(callback) => person.browse(callback.as_str()).await,
                Err(error) => Err(error),
            };
            opened(page.map(drop));
        });
    }))
}

/// An API on a thread of its own, which answers 401 to the first bearer that it sees, and 200
/// to any other. Returns its address.
fn start_api() -> io::Result<String> {
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
