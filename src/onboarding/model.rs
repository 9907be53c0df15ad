//! All that the screens know. One value, so that any screen can be built in a test.

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

/// What is on the screen, and what it needs to know.
#[derive(Clone, Debug)]
pub struct Model {
    /// What the caller found out before the first frame.
    pub facts: Facts,
    /// The screen that is shown.
    pub screen: Screen,
    /// The overlay that lists the keys is open.
    pub help: bool,
    /// The last [`super::Message::Tick`].
    pub now: Duration,
}

/// What holds for the whole session, decided once by the caller.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // Independent facts, not states.
pub struct Facts {
    /// The browser is elsewhere (or unwanted): none is opened.
    pub remote: Option<RemoteSession>,
    /// What is signed in to.
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
    /// Where credentials are kept, as a person would write the path.
    pub auth_file: String,
    /// Who is signed in already, through that file.
    pub signed_in: Option<SignedIn>,
    /// Why that file is of no use.
    pub problem: Option<Error>,
    /// A ChatGPT sign-in will drop a stored API key.
    pub replaces_api_key: bool,
    /// What else the person should know.
    pub warnings: Vec<String>,
}

/// Stored credentials that were there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Whose.
    pub account: auth::Account,
    /// Since when, as a person would say it.
    pub since: Option<String>,
    /// What the file holds: "ChatGPT tokens", "an API key".
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
    /// The sign-in is over and nothing was saved.
    Failure(FailureScreen),
    /// Signed in since before.
    Account(AccountScreen),
}

/// The state of the choices.
#[derive(Clone, Debug)]
pub struct WelcomeScreen {
    /// The line the pointer is on.
    pub selected: Choice,
    /// What stands above the choices.
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

/// How a sign-in was started, and so how it is started again.
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
    /// How it was started.
    pub method: Method,
    /// Which part of it is shown.
    pub step: SignInStep,
    /// The first tick that saw it.
    pub since: Option<Duration>,
    /// The link, once the callback server listens.
    pub link: Option<Link>,
    /// Where the address that the browser landed on is pasted.
    pub paste: TextField,
    /// Letters go into that field.
    pub typing: bool,
    /// How far the device code is.
    pub code: CodeStep,
    /// The last thing worth a line.
    pub note: Option<Note>,
    /// Lines that stay to the end.
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

/// How far the device code is.
#[derive(Clone, Debug)]
pub enum CodeStep {
    /// Nobody wanted one.
    NotAsked,
    /// On its way.
    Asked,
    /// Here it is.
    Issued {
        /// The code and where it goes.
        code: DeviceCode,
        /// The same address for a phone's camera.
        qr: Option<Qr>,
        /// Until when.
        expiry: Expiry,
    },
    /// None to be had, or no longer valid.
    Failed(Error),
}

/// A line about what just happened.
#[derive(Clone, Debug)]
pub enum Note {
    /// As it should.
    Info(String),
    /// Not as it should.
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
    /// What is wrong with it, or what happened.
    pub note: Option<Note>,
    /// Lines that stay to the end.
    pub notices: Vec<String>,
}

/// Who has signed in.
#[derive(Clone, Debug)]
pub struct SuccessScreen {
    /// Who.
    pub account: auth::Account,
    /// What else came of it.
    pub notices: Vec<String>,
}

/// What failed, and how it was tried.
#[derive(Clone, Debug)]
pub struct FailureScreen {
    /// What, why, and what to do.
    pub error: Error,
    /// For another try.
    pub method: Method,
}

/// The state of the account screen.
#[derive(Clone, Debug)]
pub struct AccountScreen {
    /// Who.
    pub signed_in: SignedIn,
    /// The line the pointer is on.
    pub selected: usize,
    /// How far signing out is.
    pub step: AccountStep,
    /// What stands above the choices.
    pub note: Option<Note>,
}

/// What can be done about the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChoice {
    /// Go on with it.
    Keep,
    /// Sign in to another.
    Switch,
    /// Delete the credentials.
    SignOut,
}

/// How far signing out is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountStep {
    /// Keep, switch, or sign out?
    Choosing,
    /// Really?
    Confirming,
    /// On its way.
    SigningOut,
}

impl Model {
    /// The first screen: the account when somebody is signed in, else the choices.
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

    /// Whether a burst of characters may be a paste here. Elsewhere it is keys
    /// that were pressed fast.
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
    /// The choices, with what the caller has to say above them.
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
    /// The account with the pointer on keeping it.
    pub fn new(signed_in: SignedIn) -> Self {
        Self {
            signed_in,
            selected: 0,
            step: AccountStep::Choosing,
            note: None,
        }
    }

    /// What can be chosen, in the order of the digits.
    pub fn choices(&self) -> &'static [AccountChoice] {
        &[
            AccountChoice::Keep,
            AccountChoice::Switch,
            AccountChoice::SignOut,
        ]
    }
}
