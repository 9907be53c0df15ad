//! No screen at all: the background task alone, for a host that talks to the person itself.
//!
//! ```sh
//! cargo run --example plain
//! ```
//! signs in against the embedded issuer, in a temporary folder. Open the link that it prints,
//! or paste the address that the browser lands on.

#[path = "support/stage.rs"]
mod stage;

use std::error::Error;

use codex_onboarding::sign_in::{SignIn, Status};
use stage::{Stage, read_on_thread};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let stage = Stage::new()?;
    let mut sign_in = SignIn::start(stage.sign_in_options()?)?;
    // The end of standard input ends only the pasting.
    let mut lines = read_on_thread(|| std::io::stdin().lines().next()?.ok());
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
