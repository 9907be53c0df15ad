//! Everything that the screens know, in one value: a test can build any screen.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::expiry::Expiry;
use super::qr::Qr;
use super::text_field::TextField;
use crate::auth::{self, Mode};
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
    /// The last [`super::Message::Tick`].
    pub now: Duration,
}

/// Facts that hold for the whole session, found out by the caller.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // Independent facts, not states.
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
    /// `forced_login_method` of `config.toml`.
    pub forced: Option<Mode>,
    /// The path of the credentials.
    pub auth_file: String,
    /// The account that is signed in by that file.
    pub signed_in: Option<SignedIn>,
    /// The reason why that file is of no use.
    pub problem: Option<Error>,
    /// A ChatGPT sign-in will drop a stored API key.
    pub replaces_api_key: bool,
    /// Other sentences for the person.
    pub warnings: Vec<String>,
}

/// Credentials that are stored already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Their account.
    pub account: auth::Account,
    /// The time of the last refresh, in words.
    pub refreshed: Option<String>,
    /// The kind of credentials in words: "ChatGPT tokens", "an API key".
    pub stored: String,
}

/// The screens. Each carries what only it needs.
#[derive(Clone, Debug)]
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
}

/// The state of the choices.
#[derive(Clone, Debug)]
pub struct WelcomeScreen {
    /// The line the pointer is on.
    pub selected: Choice,
    /// The note above the choices.
    pub note: Option<Note>,
}

/// Says why a choice cannot be taken, if it cannot.
pub fn forbidden(choice: Choice, facts: &Facts) -> Option<String> {
    let mode = facts.forced.as_ref()?;
    let allowed = match mode {
        Mode::ChatGpt => choice != Choice::ApiKey,
        Mode::ApiKey => choice == Choice::ApiKey,
        _ => true,
    };
    (!allowed).then(|| {
        let Some(file) = &facts.product.settings_file else {
            return "Not allowed here".to_owned();
        };
        let value = match mode {
            Mode::ApiKey => "api",
            other => other.as_str(),
        };
        format!("Not allowed: {file} has forced_login_method = \"{value}\"")
    })
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
    /// Notices that stay on the screen to the end.
    pub notices: Vec<String>,
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
            notices: Vec::new(),
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
        /// The same address for a phone's camera.
        qr: Option<Qr>,
        /// The end of its validity.
        expiry: Expiry,
    },
    /// It could not be had, or is no longer valid.
    Failed(Error),
}

/// A line about what just happened.
#[derive(Clone, Debug)]
pub enum Note {
    /// Something went as it should.
    Info(String),
    /// Something did not.
    Problem(Error),
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
    /// Notices that stay on the screen to the end.
    pub notices: Vec<String>,
}

/// The state after a sign-in.
#[derive(Clone, Debug)]
pub struct SuccessScreen {
    /// The new account.
    pub account: auth::Account,
    /// Notices of the sign-in.
    pub notices: Vec<String>,
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
#[derive(Clone, Debug)]
pub struct AccountScreen {
    /// The account.
    pub signed_in: SignedIn,
    /// The line the pointer is on.
    pub selected: usize,
    /// The progress of signing out.
    pub step: AccountStep,
    /// The note above the choices.
    pub note: Option<Note>,
}

/// A choice about the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChoice {
    /// Go on with it.
    Keep,
    /// Sign in to another.
    Switch,
    /// Delete the credentials.
    SignOut,
}

/// The progress of signing out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountStep {
    /// Not started.
    Choosing,
    /// The person is asked to confirm.
    Confirming,
    /// Signing out.
    SigningOut,
}

impl Model {
    /// Returns the model of the first screen: the account when somebody is signed in, else the
    /// choices.
    pub fn new(facts: Facts) -> Self {
        let screen = match &facts.signed_in {
            Some(signed_in) => Screen::Account(AccountScreen::new(signed_in.clone())),
            None => Screen::Welcome(WelcomeScreen::new(&facts)),
        };
        Self {
            facts,
            screen,
            help: false,
            now: Duration::ZERO,
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
    /// Returns the choices, with the problem of the stored credentials above them.
    pub fn new(facts: &Facts) -> Self {
        let choices = &facts.product.choices;
        let allowed = choices
            .iter()
            .find(|choice| forbidden(**choice, facts).is_none());
        Self {
            selected: allowed
                .or(choices.first())
                .copied()
                .unwrap_or(Choice::Account),
            note: facts.problem.clone().map(Note::Problem),
        }
    }
}

impl AccountScreen {
    /// Returns the account screen with the pointer on the first choice.
    pub fn new(signed_in: SignedIn) -> Self {
        Self {
            signed_in,
            selected: 0,
            step: AccountStep::Choosing,
            note: None,
        }
    }

    /// Returns the choices in the order of their digits.
    pub fn choices(&self) -> &'static [AccountChoice] {
        &[
            AccountChoice::Keep,
            AccountChoice::Switch,
            AccountChoice::SignOut,
        ]
    }
}
