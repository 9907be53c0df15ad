//! A host that asks an API with somebody's credentials: it signs in where nobody is, and gets a
//! new bearer when the API refuses the old one.
//!
//! ```sh
//! cargo run --example bearer
//! ```
//! signs in against the embedded issuer, in a temporary folder: choose the first way.

#[path = "support/stage.rs"]
mod stage;

use std::{error::Error, sync::Arc};

use codex_onboarding::auth::Session;
use codex_onboarding::environment::Environment;
use codex_onboarding::onboarding::{self, Ended, Options};
use codex_onboarding::secrecy::{ExposeSecret as _, SecretString};
use reqwest::{Client, Response, StatusCode};
use stage::{Stage, start_api};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let stage = Stage::new()?;
    let mut options = Options::new(stage.sign_in_options()?, Environment::of_process());
    options.facts.remote = None;
    options.browser = Arc::new(stage.browser()?);
    let mut session = options.session();
    session.endpoint.base_url = Some(start_api()?);

    if onboarding::is_needed(&session) && onboarding::run(options).await? != Ended::SignedIn {
        return Err("nobody signed in".into());
    }
    let session = Session::load(&session)?.ok_or("nobody is signed in")?;
    // reqwest asks for it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!("The API says: {}", ask(&Client::new(), &session).await?);
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
