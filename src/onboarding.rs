//! The whole onboarding, on the full screen or line by line: [`run`] shows it, [`Options`]
//! configure it, and [`Ended`] is its result.
//!
//! Inside, an event becomes a message, `update` changes the model and returns effects, and
//! `screens` describes the model. `view` draws that description, and `plain` prints it line by
//! line.

mod canvas;
mod clock;
mod effect;
mod input;
mod jobs;
mod known;
mod message;
mod model;
mod options;
mod plain;
mod runtime;
mod screens;
mod text_field;
mod update;
mod view;

pub use known::{KnownAccounts, Running};
pub use model::Facts;
pub use options::Options;
#[cfg(feature = "cli")]
pub(crate) use view::SMALLEST;

use std::time::Duration;

use crate::auth::{Session, SessionOptions};
use crate::error::Result;
use crate::hidden_input::HiddenInput;
use crate::outlet::Outlet;
use crate::signals::ExitSignal;

/// For the tests and benchmarks of this crate. Hosts cannot rely on it.
#[doc(hidden)]
pub mod internals {
    pub use super::effect::Effect;
    pub use super::message::{Key, Message};
    pub use super::model::{
        AccountScreen, AccountStep, ApiKeyScreen, CodeStep, Method, Model, Note, Screen,
        SignInScreen, WelcomeScreen,
    };
    pub use super::text_field::TextField;
    pub use super::update::update;
    pub use super::view::{Drawn, Hyperlink, view};
}

/// The longest wait, at the end, for a reader of the output that has stopped reading.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The end of an onboarding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// An account is signed in.
    SignedIn,
    /// The person left.
    Cancelled,
    /// A signal ended it, or the terminal was closed.
    Signal(ExitSignal),
    /// [`Options::shutdown`] completed.
    Shutdown,
}

/// Returns whether nothing usable is stored. Besides missing credentials, these are not usable:
/// - credentials without their secrets, or in a file that is damaged or unreadable (the onboarding
///   replaces it);
/// - credentials that the Codex CLI cannot load ([`Session::codex_problem`]);
/// - a lent session that has ended.
///
/// A key in the environment does not count. Takes no lock and never touches the network.
///
/// ```
/// use codex_onboarding::auth::{Issuer, SessionOptions, Store};
/// use codex_onboarding::onboarding;
///
/// let home = tempfile::tempdir()?;
/// let session = SessionOptions::new(Store::new(home.path()), Issuer::openai());
/// assert!(onboarding::is_needed(&session));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn is_needed(session: &SessionOptions) -> bool {
    let stored_only = SessionOptions {
        environment_key: None,
        ..session.clone()
    };
    let session = Session::load(&stored_only).ok().flatten();
    session.is_none_or(|session| {
        session.codex_problem().is_some() || session.lent_has_ended().is_some()
    })
}

/// Shows the full screen until the person is signed in or leaves. Needs a tokio runtime
/// with time and I/O enabled.
///
/// While it runs, it catches SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGTSTP unless they were ignored,
/// and the other signals that would end the program (SIGUSR1, SIGALRM) unless the host catches
/// them. A panic in any thread restores the terminal and ends the process with exit code 101. When
/// it ends or is dropped, the terminal, the effects of those signals and the panic hook are as
/// before. A host that listens to signals itself sets [`Options::shutdown`].
///
/// # Errors
/// [`crate::ErrorKind::Usage`] when standard input or output is not a terminal. Without the feature
/// `ring`, where no cryptography provider was chosen and the issuer needs TLS.
///
/// ```no_run
/// use codex_onboarding::auth::{Issuer, Store};
/// use codex_onboarding::environment::Environment;
/// use codex_onboarding::onboarding::{self, Ended, Options};
/// use codex_onboarding::sign_in::SignInOptions;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> codex_onboarding::Result<()> {
/// let sign_in = SignInOptions::new(Issuer::openai(), Store::new("/home/zoe/.codex"));
/// let mut options = Options::new(sign_in, Environment::of_process());
/// // For a host that catches signals itself: `run` then catches none.
/// options.shutdown = Some(Box::pin(async { drop(tokio::signal::ctrl_c().await) }));
/// match onboarding::run(options).await? {
///     Ended::SignedIn => println!("Welcome"),
///     ended => println!("Nobody signed in: {ended:?}"),
/// }
/// # Ok(())
/// # }
/// ```
pub async fn run(mut options: Options) -> Result<Ended> {
    options.sign_in.issuer.check_tls()?;
    options.look();
    if options.plain {
        let input = match options.shutdown {
            None => HiddenInput::open()?,
            Some(_) => HiddenInput::open_without_job_control()?,
        };
        let output = Outlet::new(std::io::stdout());
        let ended = Box::pin(converse(options, input, output.clone())).await;
        // A closed terminal is not an error here.
        let _ = output.finish(LAST_WORDS);
        return ended;
    }
    Box::pin(runtime::Runtime::new(options)?.run()).await
}

/// Runs the same onboarding in whole lines of plain text, without any escape sequence: for
/// screen readers and dumb terminals, and for hosts and tests with streams of their own.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] when the signals cannot be caught.
///
/// ```
/// use codex_onboarding::auth::{Issuer, Store};
/// use codex_onboarding::environment::Environment;
/// use codex_onboarding::hidden_input::HiddenInput;
/// use codex_onboarding::onboarding::{self, Ended, Options};
/// use codex_onboarding::sign_in::SignInOptions;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// let sign_in = SignInOptions::new(Issuer::openai(), Store::new(home.path()));
/// let options = Options::new(sign_in, Environment::default());
/// let (keyboard, lines) = tokio::sync::mpsc::channel(1);
/// keyboard.send(b"q\n".to_vec()).await?;
/// let mut said = Vec::new();
/// let ended = onboarding::converse(options, HiddenInput::from_pieces(lines), &mut said).await?;
/// assert_eq!(ended, Ended::Cancelled);
/// assert!(String::from_utf8(said)?.contains("1. Sign in with ChatGPT."));
/// # Ok(())
/// # }
/// ```
pub async fn converse(
    mut options: Options,
    input: HiddenInput,
    output: impl std::io::Write,
) -> Result<Ended> {
    options.look();
    plain::Dialogue::new(options, input, output)?.run().await
}
