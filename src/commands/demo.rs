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

/// The time limit for the sign-in when the program plays the person itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the demo on the full screen or, without a terminal, also plays the person. `--no-browser`
/// asks for the look of a remote session.
pub async fn run(mut settings: Settings) -> Result<u8> {
    let home = temporary_folder("codex-onboarding-demo-").map_err(cannot_start)?;
    let issuer = DemoIssuer::start(Profile::default()).map_err(cannot_start)?;
    let issuer = Arc::new(issuer);
    settings.codex_home = home.path().join("codex-home");
    settings.slot = None;
    // The machine's rules are about real sign-ins.
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

/// Signs in, approves as the person would, and describes each step.
async fn play(settings: &Settings, issuer: &str) -> Result<u8> {
    say_line("demo: an embedded issuer on this machine; nothing leaves it");
    let (browsing, mut browsed) = mpsc::channel(1);
    // Nothing is kept, so this destination names no file and no command for later.
    let destination = Destination::Beside(None);
    let flags = SignInFlags {
        timeout: Some(PATIENCE),
        ..SignInFlags::default()
    };
    let mut conversation = Conversation::new(settings, &flags, destination);
    conversation.attended = false;
    conversation.ssh_target = None;
    conversation.browser = Some(person(Person::at(issuer)?, browsing));
    let exit_signals = catch_exit_signals()?;
    let code = conversation.chatgpt(settings.sign_in(), exit_signals).await;
    if code != 0 {
        return Ok(code);
    }
    // The browser's last page is a step as well.
    drop(conversation);
    let _: Option<()> = browsed.recv().await;
    say_line("demo: status says:");
    let session = Session::load(&session_options(settings));
    let code = status::report(settings, false, &session, None);
    say_line("demo: it works; everything it saved is deleted");
    Ok(code)
}

/// Returns a stand-in where there is no browser. It refuses when the screen opens a page by
/// itself, and plays the person when the real one asks for it.
fn stand_in(person: Person, issuer: Arc<DemoIssuer>) -> Opener {
    let asked = AtomicBool::new(false);
    opener(move |link| {
        let (person, issuer) = (person.clone(), Arc::clone(&issuer));
        // Nothing opens the device page by itself, so the person has asked for it.
        let is_device = link.ends_with("/codex/device");
        let by_itself = !is_device && !asked.swap(true, Ordering::Relaxed);
        async move {
            if by_itself {
                return Err(Error::internal(
                    "No browser was found here: with o, the demo approves by itself",
                ));
            }
            if is_device {
                for code in issuer.user_codes() {
                    person.approve_device(&code).await?;
                }
            } else {
                person.sign_in(&link).await?;
            }
            Ok(())
        }
    })
}

/// Returns an opener that opens the link as a browser would, and presses Approve. It drops
/// `browsing` once the last page is shown.
fn person(person: Person, browsing: mpsc::Sender<()>) -> Opener {
    opener(move |link| {
        let (person, browsing) = (person.clone(), browsing.clone());
        async move {
            let _browsing = browsing;
            say_line("demo: the person opens the link and presses Approve");
            let page = person.sign_in(&link).await;
            let page = page.inspect_err(print_error)?;
            let shown = format!("{} ({})", page.url.path(), page.status);
            say_line(&format!("demo: the browser shows {shown}"));
            Ok(())
        }
    })
}

/// Returns an opener that runs `visit` on a task of its own.
fn opener<F>(visit: impl Fn(String) -> F + Send + Sync + 'static) -> Opener
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    Arc::new(move |link: &str, opened: Opened| {
        let visit = visit(link.to_owned());
        tokio::spawn(async move { opened(visit.await) });
    })
}

fn cannot_start(source: std::io::Error) -> Error {
    Error::internal("The demo cannot start").with_source(source)
}
