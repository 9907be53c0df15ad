//! What the screens ask of the world around them.

use secrecy::SecretString;

use super::Ended;

/// Something for the runtime to carry out, in the order given. Outcomes come
/// back as a [`super::Message`].
#[derive(Clone, Debug)]
pub enum Effect {
    /// Start a new attempt, in place of any that is still there.
    StartSignIn,
    /// Ask for a device code beside the running attempt.
    RequestDeviceCode,
    /// End the running attempt. When that comes too late, say
    /// [`super::Message::AlreadySaved`].
    CancelSignIn,
    /// Hand a pasted callback to the running attempt.
    SubmitPaste(SecretString),
    /// Open this address in the person's browser.
    OpenBrowser(String),
    /// Send this to the terminal's clipboard (OSC 52).
    Copy(String),
    /// Leave the full screen, print this URL alone on a line, and return on any key.
    ShowBareUrl(String),
    /// Check nothing more, save this key.
    SaveApiKey(SecretString),
    /// Revoke and delete the stored credentials.
    SignOut,
    /// End the program. A running attempt is cancelled first, and when that
    /// comes too late the outcome is [`Ended::SignedIn`] whatever is said here.
    Quit(Ended),
}
