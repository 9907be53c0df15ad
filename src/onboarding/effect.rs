//! Requests of the screens to the outside world.

use secrecy::SecretString;

use super::Ended;
use super::model::Method;
use crate::auth::accounts::StoredAccount;

/// Something to carry out. Effects are carried out in order, and their results come back as a
/// [`Message`](super::message::Message).
#[derive(Clone, Debug)]
pub enum Effect {
    /// Starts a new sign-in, and cancels the running one.
    StartSignIn(Method),
    /// Continues the sign-in that was interrupted.
    ResumeSignIn,
    /// Requests a device code for the running sign-in.
    RequestDeviceCode,
    /// Cancels the running sign-in. [`Status::Completed`](crate::sign_in::Status::Completed)
    /// follows if the cancel came too late.
    CancelSignIn,
    /// Submits a pasted address to the running sign-in.
    SubmitPaste(SecretString),
    /// Opens an address in the browser.
    OpenBrowser(String),
    /// Copies a text to the terminal's clipboard (OSC 52).
    Copy(String),
    /// Leaves the full screen, prints a URL alone on a line, and returns on any key.
    ShowBareUrl(String),
    /// Checks that a key could be saved, before a person types one.
    /// [`Message::ApiKeyNotSaved`](super::message::Message::ApiKeyNotSaved) follows when it could
    /// not.
    CheckStore,
    /// Saves an API key that was checked.
    SaveApiKey(SecretString),
    /// Revokes and deletes the stored credentials.
    SignOut,
    /// Makes a parked account the active one. If running programs hold the active one in memory,
    /// [`Message::ProgramsRun`](super::message::Message::ProgramsRun) follows instead.
    UseAccount {
        /// The account.
        account: Box<StoredAccount>,
        /// Set if the person has been told of those programs.
        anyway: bool,
    },
    /// Removes a parked account's credentials from this machine. Its session stays alive.
    RemoveAccount(Box<StoredAccount>),
    /// Looks for running programs that still use the previous credentials.
    /// [`Message::Running`](super::message::Message::Running) follows.
    LookForRunning {
        /// Set to count only programs that were started before the credentials last changed.
        earlier: bool,
    },
    /// Ends those programs with the product's own command.
    /// [`Message::RunningEnded`](super::message::Message::RunningEnded) follows.
    EndRunning,
    /// Looks up the name of the new account's workspace.
    /// [`Message::Workspace`](super::message::Message::Workspace) follows if it has one.
    AskWorkspace,
    /// Ends the onboarding. A running sign-in is cancelled first. If that is too late, the
    /// onboarding ends as [`Ended::SignedIn`] instead.
    Quit(Ended),
}

impl Effect {
    /// Returns whether this begins something new, which clears the notices about the last attempt.
    pub(super) fn begins_anew(&self) -> bool {
        matches!(
            self,
            Self::StartSignIn(_)
                | Self::ResumeSignIn
                | Self::SaveApiKey(_)
                | Self::SignOut
                | Self::UseAccount { .. }
        )
    }
}
