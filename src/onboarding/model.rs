//! Everything that the screens know, in one value: a test can build any screen.

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
    /// Known before the first frame.
    pub facts: Facts,
    /// The current screen.
    pub screen: Screen,
    /// The overlay that lists the keys is open.
    pub help: bool,
    /// The last key was a letter that is no command anywhere: the keyboard's layout is not Latin.
    pub foreign_letter: bool,
    /// The last [`super::message::Message::Tick`].
    pub now: Duration,
    /// Sentences that stay on the screen until the person begins something new.
    pub notices: Vec<String>,
}

/// Facts that hold for the whole session, found out by the caller.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // Independent facts, not states.
#[non_exhaustive]
pub struct Facts {
    /// The browser is elsewhere (or unwanted): none is opened.
    pub remote: Option<RemoteSession>,
    /// The product that the sign-in is for.
    pub product: Arc<Product>,
    /// Everything goes to the embedded issuer.
    pub demo: bool,
    /// Spinners and clocks may move.
    pub animations: bool,
    /// Colours may be used.
    pub color: bool,
    /// The API key in the environment, when not empty.
    pub environment_key: Option<SecretString>,
    /// The only way that may be chosen, where the host says so.
    pub forced: Option<Mode>,
    /// The Codex CLI's settings, which may forbid a choice.
    pub settings: CodexConfig,
    /// The path of the credentials.
    pub auth_file: String,
    /// The accounts that are stored here.
    pub accounts: KnownAccounts,
    /// The reason why nobody may sign in: no workspace is allowed.
    pub no_workspace: Option<Error>,
    /// The sign-in that was left, and can be gone on with.
    pub interrupted: Option<DeviceCode>,
    /// The programs that still use the sign-in from before; `None` until that is known.
    pub running: Option<Running>,
    /// Other sentences for the person.
    pub warnings: Vec<String>,
}

/// The screens. Each carries what only it needs.
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
    /// Signed in to another account: keep the one from before?
    Keep(KeepScreen),
}

/// The state of the choices.
#[derive(Clone, Debug)]
pub struct WelcomeScreen {
    /// The line the pointer is on.
    pub selected: usize,
    /// The note above the choices.
    pub note: Option<Note>,
}

/// A line of the choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WelcomeChoice {
    /// Go on with the sign-in that was left.
    Continue,
    /// Begin one.
    Begin(Choice),
}

/// Says why a choice cannot be taken, if it cannot.
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

/// A line about what just happened.
#[derive(Clone, Debug)]
pub enum Note {
    /// Something went as it should.
    Info(String),
    /// Something did not.
    Problem(Error),
}

/// The way in which a sign-in was started, and is started again.
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
    /// The first tick that saw it.
    pub since: Option<Duration>,
    /// The link, once the callback server listens.
    pub link: Option<Link>,
    /// The field for the address that the browser landed on.
    pub paste: TextField,
    /// Letters go into that field.
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
    /// A sign-in of which nothing has been heard yet.
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
    /// None was requested.
    NotAsked,
    /// Requested.
    Asked,
    /// It can be used.
    Issued {
        /// The code and where it goes.
        code: DeviceCode,
        /// The rows of a QR code of the address, for a phone's camera; none where that is no use.
        qr: Vec<String>,
        /// The time when it expires, on the clock of the ticks: the first one after it tells.
        ends: Option<Duration>,
    },
    /// It could not be had, or is no longer valid.
    Failed(Error),
}

/// The state of the API key screen.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyScreen {
    /// The key.
    pub field: TextField,
    /// Its last 4 characters are shown.
    pub revealed: bool,
    /// It came from the environment.
    pub from_environment: bool,
    /// It is being saved.
    pub saving: bool,
    /// A note about the key.
    pub note: Option<Note>,
}

/// The state after a sign-in.
#[derive(Clone, Debug)]
pub struct SuccessScreen {
    /// The new account.
    pub account: Account,
    /// The name of its workspace, where it is known.
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
    /// The line the pointer is on.
    pub selected: usize,
    /// The progress of signing out, or of using another account.
    pub step: AccountStep,
    /// The note above the choices.
    pub note: Option<Note>,
}

/// A choice about the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChoice {
    /// Go on with the sign-in that was left.
    Continue,
    /// Go on with the active one.
    Keep,
    /// Make this one of the parked accounts the active one.
    Use(usize),
    /// Sign in to another.
    Switch,
    /// Delete the credentials of the active one.
    SignOut,
    /// End the programs that still use the sign-in from before.
    EndRunning,
}

/// The progress of signing out, or of using another account.
#[derive(Clone, Debug, Default)]
pub enum AccountStep {
    /// Not started.
    #[default]
    Choosing,
    /// The person is asked to confirm.
    Confirming,
    /// Signing out.
    SigningOut,
    /// Another account is on its way to become the active one.
    Using,
    /// Use this account although these programs hold the active one in memory?
    ConfirmingUse(Box<StoredAccount>, Vec<String>),
}

/// The state of the question after a sign-in to another account. The one from before is
/// parked already.
#[derive(Clone, Debug)]
pub struct KeepScreen {
    /// The account that has signed in.
    pub account: Account,
    /// The account that was signed in before.
    pub before: Box<StoredAccount>,
    /// The line the pointer is on.
    pub selected: usize,
    /// The one from before is being removed.
    pub removing: bool,
}

impl Model {
    /// Returns the model of the first screen: the account when somebody is signed in, else the
    /// choices.
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

    /// Returns whether a burst of characters is a paste on this screen, and not keys that were
    /// pressed fast.
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

    /// Returns what a person has to know first.
    pub(super) fn first_problem(&self) -> Option<&Error> {
        self.no_workspace
            .as_ref()
            .or(self.accounts.problem.as_ref())
    }

    /// Returns the warnings of the caller, and those about the accounts.
    pub(super) fn all_warnings(&self) -> impl Iterator<Item = &str> {
        let warnings = self.warnings.iter().chain(&self.accounts.warnings);
        warnings.map(String::as_str)
    }

    /// Returns whether there is an account to keep or to use.
    pub(super) fn knows_accounts(&self) -> bool {
        self.accounts.active.is_some() || !self.accounts.parked.is_empty()
    }

    /// Returns the choices where nobody is signed in, in the order of the digits.
    pub(super) fn welcome_choices(&self) -> Vec<WelcomeChoice> {
        let goes_on = self.offer().map(|_| WelcomeChoice::Continue).into_iter();
        let begin = self.product.choices.iter().copied();
        goes_on.chain(begin.map(WelcomeChoice::Begin)).collect()
    }

    /// Returns the sign-in that can be gone on with, where that is allowed.
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
