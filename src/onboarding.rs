//! The full screen: an event becomes a [`Message`], [`update()`] changes the
//! [`Model`] and answers with [`Effect`]s, and [`view()`] draws it.

mod clock;
mod effect;
mod input;
mod message;
mod model;
mod plain;
mod qr;
mod runtime;
mod screen;
mod text_field;
mod theme;
mod update;
mod view;
mod wording;
mod work;

pub use clock::Expiry;
pub use effect::{Effect, Outcome};
pub use message::{Key, Message};
pub use model::{
    Account, AccountStep, ApiKey, Attempt, Choice, Code, Facts, Failure, Method, Model, Note,
    Remote, Screen, SignedIn, Welcome,
};
pub use qr::Qr;
pub use text_field::{TextField, TooLong};
pub use update::update;
pub use view::{Hyperlink, view};

use crate::browser::Opener;
use crate::environment::Environment;
use crate::error::Result;
use crate::hidden_input::HiddenInput;
use crate::sign_in::SignInOptions;
use crate::signals::Ending;

/// What the full screen needs to know.
#[derive(Clone)]
pub struct Options {
    /// How to sign in, and where the credentials go.
    pub sign_in: SignInOptions,
    /// What holds for the whole session.
    pub facts: Facts,
    /// How links are opened: [`crate::browser::system`].
    pub browser: Opener,
    /// What the terminal is called, and what stands before it.
    pub environment: Environment,
    /// Line by line instead of full screen: for screen readers and dumb terminals.
    pub plain: bool,
}

/// How the full screen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There are credentials.
    SignedIn,
    /// The person left.
    Cancelled,
    /// A signal came, or the terminal went.
    Signal(Ending),
}

/// Shows the full screen until the person is signed in or leaves. Needs a tokio runtime
/// with time and I/O enabled. Whatever happens, the terminal is as it was.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] when standard input or output is no terminal.
pub async fn run(options: Options) -> Result<Ended> {
    if options.plain {
        let input = HiddenInput::open()?;
        return converse(options, input, std::io::stdout()).await;
    }
    runtime::Runtime::new(options)?.run().await
}

/// The same, line by line: whole lines of plain text in, whole lines of plain text out, and
/// never an escape sequence. For screen readers, dumb terminals, and hosts and tests that
/// hold both ends.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] when the signals cannot be caught.
pub async fn converse(
    options: Options,
    input: HiddenInput,
    output: impl std::io::Write,
) -> Result<Ended> {
    plain::Conversation::new(options, input, output)?
        .run()
        .await
}
