//! `demo`: the whole onboarding against the embedded issuer; nothing leaves the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use codex_onboarding::auth::{DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Session};
use codex_onboarding::browser::{Opened, Opener};
use codex_onboarding::demo::{self, DemoIssuer, Person, Profile};
use codex_onboarding::platform::temporary_folder;
use codex_onboarding::sign_in::Destination;
use codex_onboarding::{Error, Result};
use tokio::sync::mpsc;

use super::login::Conversation;
use super::output::{print_error, say_line};
use super::{catch_exit_signals, onboard, session_options, status};
use crate::cli::SignInFlags;
use crate::settings::{Settings, at_a_terminal};

/// Limits the wait for a person whom the program plays itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the demo on the full screen or, without a terminal, plays the person too.
/// `--no-browser` asks for the look of a remote session.
pub async fn run(mut settings: Settings) -> Result<u8> {
    let home = temporary_folder("codex-onboarding-demo-").map_err(cannot_start)?;
    let issuer = DemoIssuer::start(Profile::default()).map_err(cannot_start)?;
    let issuer = Arc::new(issuer);
    settings.codex_home = home.path().join("codex-home");
    settings.slot = None;
    // They are about the real sign-in.
    settings.machine_folder = None;
    settings.issuer = Issuer::new(IssuerUrl::parse(issuer.url())?, DEFAULT_CLIENT_ID, None)
        .with_product(demo::product());
    settings.flags.port = Some(0);
    settings.flags.workspace = Vec::new();
    settings.environment_key = None;
    if at_a_terminal() {
        let mut options = onboard::options(&settings)?;
        options.facts.demo = true;
        options.facts.environment_key = None;
        if settings.remote().is_some() && !settings.flags.no_browser {
            // A browser elsewhere could not reach the issuer, which is on this machine.
            options.facts.remote = None;
            options.browser = stand_in(Person::at(issuer.url())?, Arc::clone(&issuer));
        }
        let code = Box::pin(onboard::show(options)).await?;
        say_line("Everything that the demo saved is deleted.");
        say_line("Sign in for real with: codex-onboarding");
        return Ok(code);
    }
    play(&settings, issuer.url()).await
}

/// Signs in, approves as the person would, and says each step.
async fn play(settings: &Settings, issuer: &str) -> Result<u8> {
    say_line("demo: an embedded issuer on this machine; nothing leaves it");
    let (browsing, mut browsed) = mpsc::channel(1);
    // It names no file and no command for later: nothing is kept.
    let destination = Destination::Beside(None);
    let mut conversation = Conversation::new(settings, &SignInFlags::default(), &destination);
    conversation.attended = false;
    conversation.timeout = Some(PATIENCE);
    conversation.ssh_target = None;
    conversation.browser = Some(person(Person::at(issuer)?, browsing));
    let exit_signals = catch_exit_signals()?;
    let code = conversation.chatgpt(settings.sign_in(), exit_signals).await;
    if code != 0 {
        return Ok(code);
    }
    // The last page in the browser is a step, too.
    drop(conversation);
    let _: Option<()> = browsed.recv().await;
    say_line("demo: status says:");
    let session = Session::load(&session_options(settings));
    let code = status::report(settings, false, &session, None);
    say_line("demo: it works; everything it saved is deleted");
    Ok(code)
}

/// Stands in for a browser where there is none: says so when the screen would open one, and
/// plays the person when the person asks for it.
fn stand_in(person: Person, issuer: Arc<DemoIssuer>) -> Opener {
    let person = Arc::new(person);
    let asked = AtomicBool::new(false);
    Arc::new(move |link: &str, opened: Opened| {
        if link.ends_with("/codex/device") {
            // Nothing opens that page by itself, so the person has asked for it.
            let (person, codes) = (Arc::clone(&person), issuer.user_codes());
            tokio::spawn(async move {
                for code in codes {
                    if let Err(error) = person.approve_device(&code).await {
                        return opened(Err(error));
                    }
                }
                opened(Ok(()));
            });
            return;
        }
        if !asked.swap(true, Ordering::Relaxed) {
            return opened(Err(Error::internal(
                "No browser was found here: with o, the demo approves by itself",
            )));
        }
        let (person, link) = (Arc::clone(&person), link.to_owned());
        tokio::spawn(async move {
            opened(person.sign_in(&link).await.map(drop));
        });
    })
}

/// Opens the link as a browser would, and presses Approve. Drops `browsing` once the last
/// page is shown.
fn person(person: Person, browsing: mpsc::Sender<()>) -> Opener {
    let person = Arc::new(person);
    Arc::new(move |link: &str, opened: Opened| {
        let (person, link) = (Arc::clone(&person), link.to_owned());
        let browsing = browsing.clone();
        tokio::spawn(async move {
            let _browsing = browsing;
            say_line("demo: the person opens the link and presses Approve");
            match person.sign_in(&link).await {
                Ok(page) => {
                    let shown = format!("{} ({})", page.url.path(), page.status);
                    say_line(&format!("demo: the browser shows {shown}"));
                    opened(Ok(()));
                }
                Err(error) => {
                    print_error(&error);
                    opened(Err(error));
                }
            }
        });
    })
}

fn cannot_start(source: std::io::Error) -> Error {
    Error::internal("The demo cannot start").with_source(source)
}
