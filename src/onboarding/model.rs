//! The whole state of the screens in one value, so that a test can build any screen.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::known::{KnownAccounts, Running};
use super::text_field::TextField;
use crate::auth::accounts::StoredAccount;
use crate::auth::{Account, CodexConfig, Mode};
use crate::error::Error;
use crate::product::{Choice, Product};
use crate::remote::RemoteSession;
use crate::sign_in::{DeviceCode, Link};

/// The state of the full screen.
#[derive(Clone, Debug)]
pub struct Model {
    /// Facts that do not depend on the current screen.
    pub facts: Facts,
    /// The current screen.
    pub screen: Screen,
    /// Set while the help is open.
    pub help: bool,
    /// Set if the last key was a letter of a non-Latin layout, which is no command.
    pub foreign_letter: bool,
    /// The time of the last [`super::message::Message::Tick`].
    pub now: Duration,
    /// Sentences that stay until the person begins something new.
    pub notices: Vec<String>,
}

/// The settings, which hold for the whole session, and the facts known about the accounts.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // Independent facts, not states.
#[non_exhaustive]
pub struct Facts {
    /// Set if the browser is on another machine or not wanted: none is opened.
    pub remote: Option<RemoteSession>,
    /// The product that the sign-in is for.
    pub product: Arc<Product>,
    /// Set in a demo, with the embedded issuer.
    pub demo: bool,
    /// Set if spinners and clocks may move.
    pub animations: bool,
    /// Set if colours may be used.
    pub color: bool,
    /// The API key in the environment, when not empty.
    pub environment_key: Option<SecretString>,
    /// The only kind of credentials that the host allows, if it restricts them.
    pub forced: Option<Mode>,
    /// The Codex CLI's settings, which may forbid a choice.
    pub settings: CodexConfig,
    /// The path of the credentials.
    pub auth_file: String,
    /// The accounts that are stored here.
    pub accounts: KnownAccounts,
    /// The reason why no account may sign in: no workspace is allowed.
    pub no_workspace: Option<Error>,
    /// The code of a sign-in that was interrupted and can be continued.
    pub interrupted: Option<DeviceCode>,
    /// The programs that still use an earlier sign-in; `None` until they were looked for.
    pub running: Option<Running>,
    /// Other warnings for the person.
    pub warnings: Vec<String>,
}

/// The screens, each with a state of its own.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one screen")]
pub enum Screen {
    /// The choices.
    Welcome(WelcomeScreen),
    /// A running sign-in.
    SignIn(SignInScreen),
    /// An API key is typed or pasted.
    ApiKey(ApiKeyScreen),
    /// Signed in.
    Success(SuccessScreen),
    /// A sign-in that failed; nothing was saved.
    Failure(FailureScreen),
    /// Signed in already.
    Account(AccountScreen),
    /// Signed in to another account: should the previous one be kept?
    Keep(KeepScreen),
}

/// The state of the choices.
#[derive(Clone, Debug)]
pub struct WelcomeScreen {
    /// The line that the pointer is on.
    pub selected: usize,
    /// The note above the choices.
    pub note: Option<Note>,
}

/// A line of the choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WelcomeChoice {
    /// Continue the sign-in that was interrupted.
    Continue,
    /// Begin a new one.
    Begin(Choice),
}

/// Returns the reason why a choice cannot be taken, if there is one.
pub fn forbidden(choice: Choice, facts: &Facts) -> Option<String> {
    let mode = match choice {
        Choice::ApiKey => Mode::ApiKey,
        Choice::Account | Choice::DeviceCode => Mode::ChatGpt,
    };
    if let Err(refusal) = facts.settings.check_allowed(&mode) {
        return Some(refusal.message().to_owned());
    }
    let value = match facts.forced.as_ref()? {
        forced if *forced == mode => return None,
        Mode::ApiKey => "api",
        other => other.as_str(),
    };
    Some(match &facts.product.settings_file {
        Some(file) => format!("Not allowed: {file} has forced_login_method = \"{value}\""),
        None => "Not allowed here".to_owned(),
    })
}

/// The latest event, in one line.
#[derive(Clone, Debug)]
pub enum Note {
    /// Something went well, or is under way.
    Info(String),
    /// Something failed.
    Problem(Error),
}

/// The way in which a sign-in was started. A retry starts it in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// From "Sign in with ChatGPT".
    Browser,
    /// From "Sign in with a device code".
    DeviceCode,
}

/// A running sign-in as the person sees it.
#[derive(Clone, Debug)]
pub struct SignInScreen {
    /// The way in which it was started.
    pub method: Method,
    /// The part that is shown.
    pub step: SignInStep,
    /// The time when it began, set by the first tick.
    pub since: Option<Duration>,
    /// The link, once the callback server listens.
    pub link: Option<Link>,
    /// The field for the address that the browser has landed on.
    pub paste: TextField,
    /// Set while letters go into that field.
    pub typing: bool,
    /// The state of the device code.
    pub code: CodeStep,
    /// The latest note.
    pub note: Option<Note>,
}

/// The part of a running sign-in that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInStep {
    /// The link, and the field to paste into.
    Waiting,
    /// The device code.
    DeviceCode,
    /// Approved: tokens are being fetched and saved.
    Exchanging,
}

impl SignInScreen {
    /// Returns a sign-in that has reported nothing yet.
    pub fn new(method: Method) -> Self {
        let (step, code) = match method {
            Method::Browser => (SignInStep::Waiting, CodeStep::NotAsked),
            Method::DeviceCode => (SignInStep::DeviceCode, CodeStep::Asked),
        };
        Self {
            method,
            step,
            since: None,
            link: None,
            paste: TextField::default(),
            typing: false,
            code,
            note: None,
        }
    }
}

/// The state of the device code.
#[derive(Clone, Debug)]
pub enum CodeStep {
    /// Not requested.
    NotAsked,
    /// Requested.
    Asked,
    /// Ready to be typed in.
    Issued {
        /// The code, and the address to type it in at.
        code: DeviceCode,
        /// The rows of a QR code of the address, for a phone; empty if a phone cannot open it.
        qr: Vec<String>,
        /// The time when it expires, set by the next tick.
        ends: Option<Duration>,
    },
    /// The issuer gave no code, or the code is no longer valid.
    Failed(Error),
}

/// The state of the API key screen.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyScreen {
    /// The key.
    pub field: TextField,
    /// Set while its last 4 characters are shown.
    pub revealed: bool,
    /// Set if the key came from the environment.
    pub from_environment: bool,
    /// Set while the key is being saved.
    pub saving: bool,
    /// A note about the key.
    pub note: Option<Note>,
}

/// The state after a sign-in.
#[derive(Clone, Debug)]
pub struct SuccessScreen {
    /// The new account.
    pub account: Account,
    /// The name of its workspace, once that is known.
    pub workspace: Option<String>,
}

/// A sign-in that failed.
#[derive(Clone, Debug)]
pub struct FailureScreen {
    /// The failure, its causes, and the next step.
    pub error: Error,
    /// The way in which it was started.
    pub method: Method,
}

/// The state of the account screen.
#[derive(Clone, Debug, Default)]
pub struct AccountScreen {
    /// The line that the pointer is on.
    pub selected: usize,
    /// The progress of signing out, or of using another account.
    pub step: AccountStep,
    /// The note above the choices.
    pub note: Option<Note>,
}

/// A choice about the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChoice {
    /// Continue the sign-in that was interrupted.
    Continue,
    /// Keep the active one.
    Keep,
    /// Make this one of the parked accounts the active one.
    Use(usize),
    /// Sign in to another.
    Switch,
    /// Delete the credentials of the active one.
    SignOut,
    /// End the programs that still use an earlier sign-in.
    EndRunning,
}

/// The progress of signing out, or of using another account.
#[derive(Clone, Debug, Default)]
pub enum AccountStep {
    /// Not started.
    #[default]
    Choosing,
    /// The person is asked whether to sign out.
    Confirming,
    /// Signing out.
    SigningOut,
    /// Another account is being made the active one.
    Using,
    /// The person is asked whether to use this account although these programs hold the active
    /// one in memory.
    ConfirmingUse(Box<StoredAccount>, Vec<String>),
}

/// The state of the question after a sign-in to another account: should the previous one, which
/// is parked by now, be kept?
#[derive(Clone, Debug)]
pub struct KeepScreen {
    /// The new account.
    pub account: Account,
    /// The previous account.
    pub before: Box<StoredAccount>,
    /// The line that the pointer is on.
    pub selected: usize,
    /// Set while the previous account is being removed.
    pub removing: bool,
}

impl Model {
    /// Returns the model of the first screen: the accounts if there are any, else the choices.
    pub fn new(facts: Facts) -> Self {
        let screen = if facts.knows_accounts() {
            Screen::Account(AccountScreen {
                note: facts.first_problem().cloned().map(Note::Problem),
                ..AccountScreen::default()
            })
        } else {
            Screen::Welcome(WelcomeScreen::new(&facts))
        };
        Self {
            facts,
            screen,
            help: false,
            foreign_letter: false,
            now: Duration::ZERO,
            notices: Vec::new(),
        }
    }

    /// Returns whether the screen takes text. A burst of characters is then a paste, not fast keys.
    pub fn takes_text(&self) -> bool {
        let expects_text = match &self.screen {
            Screen::SignIn(screen) => screen.step != SignInStep::Exchanging,
            Screen::ApiKey(_) => true,
            _ => false,
        };
        expects_text && !self.help
    }
}

impl WelcomeScreen {
    /// Returns the choices, with the pointer on the first that is allowed, and the problem of the
    /// stored credentials above them.
    pub fn new(facts: &Facts) -> Self {
        let choices = facts.welcome_choices();
        let allowed = choices.iter().position(|choice| match choice {
            WelcomeChoice::Continue => true,
            WelcomeChoice::Begin(choice) => forbidden(*choice, facts).is_none(),
        });
        Self {
            selected: allowed.unwrap_or(0),
            note: facts.first_problem().cloned().map(Note::Problem),
        }
    }
}

impl Facts {
    /// Returns the name of the environment variable that may hold an API key.
    pub(super) fn key_variable(&self) -> &str {
        self.product.api_key.variable.as_deref().unwrap_or("A key")
    }

    /// Returns the problem that a person has to know about first.
    pub(super) fn first_problem(&self) -> Option<&Error> {
        self.no_workspace
            .as_ref()
            .or(self.accounts.problem.as_ref())
    }

    /// Returns all warnings, about the accounts last.
    pub(super) fn all_warnings(&self) -> impl Iterator<Item = &str> {
        let warnings = self.warnings.iter().chain(&self.accounts.warnings);
        warnings.map(String::as_str)
    }

    /// Returns whether any account is stored here.
    pub(super) fn knows_accounts(&self) -> bool {
        self.accounts.active.is_some() || !self.accounts.parked.is_empty()
    }

    /// Returns the choices when no account is signed in, in the order of the digits.
    pub(super) fn welcome_choices(&self) -> Vec<WelcomeChoice> {
        let goes_on = self.offer().map(|_| WelcomeChoice::Continue).into_iter();
        let begin = self.product.choices.iter().copied();
        goes_on.chain(begin.map(WelcomeChoice::Begin)).collect()
    }

    /// Returns the code of the sign-in that can be continued, if that is allowed.
    pub(super) fn offer(&self) -> Option<&DeviceCode> {
        let interrupted = self.interrupted.as_ref()?;
        forbidden(Choice::DeviceCode, self)
            .is_none()
            .then_some(interrupted)
    }

    /// Returns the programs that the product's own command can end.
    pub(super) fn endable(&self) -> Option<&Running> {
        let running = self.running.as_ref()?;
        (running.stop_command.is_some() && !running.ending).then_some(running)
    }

    /// Returns the choices about the accounts, in the order of the digits.
    pub(super) fn account_choices(&self) -> Vec<AccountChoice> {
        let goes_on = self.offer().map(|_| AccountChoice::Continue).into_iter();
        let active = self.accounts.active.iter();
        let keep = active.clone().map(|_| AccountChoice::Keep);
        let others = (0..self.accounts.parked.len()).map(AccountChoice::Use);
        let sign_out = active.map(|_| AccountChoice::SignOut);
        let end = self.endable().map(|_| AccountChoice::EndRunning);
        goes_on
            .chain(keep)
            .chain(others)
            .chain([AccountChoice::Switch])
            .chain(sign_out)
            .chain(end)
            .collect()
    }
}
