//! Requests of the screens to the world around them.

use secrecy::SecretString;

use super::Ended;
use super::model::Method;
use crate::auth::accounts::StoredAccount;

/// Something to carry out. Effects are carried out in the given order, and their results come
/// back as a [`super::message::Message`].
#[derive(Clone, Debug)]
pub enum Effect {
    /// Starts a new sign-in; cancels any that still runs.
    StartSignIn(Method),
    /// Goes on with the sign-in that was left here.
    ResumeSignIn,
    /// Asks for a device code beside the running sign-in.
    RequestDeviceCode,
    /// Cancels the running sign-in. [`Status::Completed`](crate::sign_in::Status::Completed)
    /// follows when that came too late.
    CancelSignIn,
    /// Hands a pasted callback to the running sign-in.
    SubmitPaste(SecretString),
    /// Opens this address in the person's browser.
    OpenBrowser(String),
    /// Sends this to the terminal's clipboard (OSC 52).
    Copy(String),
    /// Leaves the full screen, prints this URL alone on a line, and returns on any key.
    ShowBareUrl(String),
    /// Checks that a key could be saved, before a person types one.
    /// [`Message::ApiKeyNotSaved`](super::message::Message::ApiKeyNotSaved) follows when it could
    /// not.
    CheckStore,
    /// Saves this key, which was checked.
    SaveApiKey(SecretString),
    /// Revokes and deletes the stored credentials.
    SignOut,
    /// Makes a parked account the active one. Unless it is done `anyway`,
    /// [`Message::ProgramsRun`](super::message::Message::ProgramsRun) follows where programs hold the active one in memory.
    UseAccount {
        /// The account.
        account: Box<StoredAccount>,
        /// Whether the person knows of those programs.
        anyway: bool,
    },
    /// Removes a parked account's credentials here; its session stays alive.
    RemoveAccount(Box<StoredAccount>),
    /// Looks for programs that still use the sign-in from before;
    /// [`Message::Running`](super::message::Message::Running) follows.
    LookForRunning {
        /// Only those that were started before the credentials last changed.
        earlier: bool,
    },
    /// Ends them by the product's own command. [`Message::RunningEnded`](super::message::Message::RunningEnded) follows.
    EndRunning,
    /// Asks for the name of the new account's workspace.
    /// [`Message::Workspace`](super::message::Message::Workspace) follows where it is known.
    AskWorkspace,
    /// Ends the onboarding. A running sign-in is cancelled first; when that comes too late, the
    /// onboarding ends as [`Ended::SignedIn`] instead.
    Quit(Ended),
}

impl Effect {
    /// Returns whether what was said about the last attempt is of no interest any more.
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
