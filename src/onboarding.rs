//! The full screen: an event becomes a [`Message`], [`update()`] changes the
//! [`Model`] and returns [`Effect`]s, and [`view()`] draws the model.

mod canvas;
mod clock;
mod effect;
mod exit;
mod expiry;
mod input;
mod jobs;
mod message;
mod model;
mod options;
mod plain;
mod qr;
mod runtime;
mod text_field;
mod theme;
mod update;
mod view;
mod wording;

pub use crate::product::Choice;
pub use effect::Effect;
pub use expiry::Expiry;
pub use message::{Key, Message};
pub use model::{
    AccountChoice, AccountScreen, AccountStep, ApiKeyScreen, CodeStep, Facts, FailureScreen,
    Method, Model, Note, Screen, SignInScreen, SignInStep, SignedIn, SuccessScreen, WelcomeScreen,
};
pub use options::Options;
pub use qr::Qr;
pub use text_field::{TextField, TooLong};
pub use update::update;
pub use view::{Hyperlink, view};

use crate::auth::{Session, SessionOptions};
use crate::error::Result;
use crate::hidden_input::HiddenInput;
use crate::signals::ExitSignal;

/// How an onboarding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody is signed in.
    SignedIn,
    /// The person left.
    Cancelled,
    /// A signal ended it, or the terminal was closed.
    Signal(ExitSignal),
    /// [`Options::shutdown`] completed.
    Shutdown,
}

/// Returns whether nothing usable is stored: no credentials, none of their secrets, or a
/// file that is damaged or cannot be read, which the onboarding replaces. A key in the
/// environment is not stored. Takes no lock and never touches the network.
pub fn is_needed(session: &SessionOptions) -> bool {
    let stored_only = SessionOptions {
        environment_key: None,
        ..session.clone()
    };
    !matches!(Session::load(&stored_only), Ok(Some(_)))
}

/// Shows the full screen until the person is signed in or leaves. Needs a tokio runtime
/// with time and I/O enabled.
///
/// While it runs, SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGTSTP are events, and a panic in
/// any thread restores the terminal and ends the process with exit code 101. When it ends
/// or is dropped, the terminal, what those signals do, and the panic hook are as before.
/// A host that listens to signals itself sets [`Options::shutdown`].
///
/// # Errors
/// [`crate::ErrorKind::Usage`] when standard input or output is no terminal.
pub async fn run(options: Options) -> Result<Ended> {
    if options.plain {
        let input = match options.shutdown {
            None => HiddenInput::open()?,
            Some(_) => HiddenInput::open_without_job_control()?,
        };
        return converse(options, input, std::io::stdout()).await;
    }
    runtime::Runtime::new(options)?.run().await
}

/// Runs the same onboarding in whole lines of plain text, without any escape sequence: for
/// screen readers and dumb terminals, and for hosts and tests that hold both ends.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] when the signals cannot be caught.
pub async fn converse(
    options: Options,
    input: HiddenInput,
    output: impl std::io::Write,
) -> Result<Ended> {
    plain::Dialogue::new(options, input, output)?.run().await
}
