//! No screen at all: the background task alone, for a host that talks to the person itself.
//!
//! ```sh
//! cargo run --example plain
//! ```
//! signs in against the embedded issuer, in a temporary folder. Open the link that it prints,
//! or paste the address that the browser lands on.

use std::error::Error;
use std::io::BufRead as _;

use codex_onboarding::auth::{DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Store};
use codex_onboarding::demo::{DemoIssuer, Profile};
use codex_onboarding::sign_in::{Port, SignIn, SignInOptions, Status};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let demo = DemoIssuer::start(Profile::default())?;
    let home = tempfile::tempdir()?;
    // For real: `Issuer::openai()`, the registered ports, and the folder of the host's own.
    let issuer = Issuer::new(IssuerUrl::parse(demo.url())?, DEFAULT_CLIENT_ID, None);
    let mut options = SignInOptions::new(issuer, Store::new(home.path()));
    options.port = Port::Exactly(0);

    let mut sign_in = SignIn::start(options)?;
    let mut lines = lines_of_stdin();
    loop {
        tokio::select! {
            status = sign_in.next() => match status {
                Some(Status::Url(link)) => {
                    println!("Open this link in a browser:\n{}", link.authorization_url);
                }
                Some(Status::Exchanging) => println!("Finishing sign-in"),
                Some(Status::Completed(account)) => {
                    println!("Signed in as {}", account.email.unwrap_or_default());
                    // Waits until the browser has its last page.
                    sign_in.finish().await;
                    return Ok(());
                }
                Some(Status::Failed(error)) => return Err(error.into()),
                Some(_) => {}
                None => return Err("the sign-in was cancelled".into()),
            },
            // An address that is not a callback of this attempt uses nothing up.
            Some(line) = lines.recv() => if let Err(error) = sign_in.submit(&line) {
                println!("{error}");
            },
        }
    }
}

/// Reads standard input on a thread of its own; the end of it ends only the pasting.
fn lines_of_stdin() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
