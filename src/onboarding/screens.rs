//! The words and keys of each screen, described once: `view` draws them, `plain` prints them line
//! by line. Text from outside is not cleaned here: the renderers clean it.

mod account;
mod api_key;
mod device_code;
mod ends;
mod keys;
mod waiting;
mod welcome;

use std::borrow::Cow;
use std::time::Duration;

use super::model::{Facts, Model, Note, Screen, SignInStep};
use super::text_field::TextField;
use crate::auth::{Account, Mode};
use crate::error::Error;
use crate::product::{Choice, Product};
use crate::text::clean_short;

pub use keys::{BACK, KeyRow};
pub use waiting::CHECKING;

/// The longest text from outside, in characters.
pub const LONGEST: usize = 300;

/// A screen in words and keys.
pub struct Described<'a> {
    /// The title, which differs from screen to screen.
    pub title: Cow<'a, str>,
    /// The look of the title.
    pub mark: Mark,
    /// The parts below the title.
    pub parts: Vec<Part<'a>>,
    /// The keys, the most important first.
    pub keys: Vec<KeyRow>,
    /// Set if a dialogue of lines has printed the parts already, except for the news.
    pub brief: bool,
    /// The beginning of the question, if a dialogue of lines asks one.
    pub asks: Option<&'static str>,
    /// The start of the clock on the full screen.
    pub since: Option<Duration>,
    /// The end of the countdown, which is shown in minutes.
    pub ends: Option<Duration>,
    /// The rows of a QR code, drawn beside the parts if there is room.
    pub qr: &'a [String],
    /// A sentence for the help, because a small screen has no room for it.
    pub more_help: Option<String>,
}

/// The look of a title.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A title.
    Plain,
    /// Something is going on.
    Busy,
    /// Something went well.
    Done,
    /// A sentence below the wordmark.
    Purpose,
}

/// A part of a screen.
pub struct Part<'a> {
    /// The words.
    pub kind: Kind<'a>,
    /// Its importance when there is little room.
    pub weight: Weight,
    /// The renderings that show it.
    pub on: On,
    /// Set for an empty row above it.
    pub apart: bool,
    /// Set if it reports what just happened, which a dialogue of lines prints last.
    pub news: bool,
    /// The text to show if there is no room for the whole part.
    pub short: Option<Cow<'a, str>>,
}

/// The kinds of parts.
pub enum Kind<'a> {
    /// Running text.
    Text(Cow<'a, str>),
    /// Running text, and a sentence about keys, which a dialogue of lines omits because its
    /// question says the same.
    Advice(Cow<'a, str>, &'static str),
    /// A numbered step. A dialogue of lines omits the number, which would sound like a choice.
    Step(u8, &'static str),
    /// The purpose of a command, and the command.
    Command(&'static str, String),
    /// An address that is a link to another.
    Link {
        /// The text.
        text: &'a str,
        /// The target.
        url: &'a str,
        /// Set to begin in column 0, so that a mouse can select the whole link.
        flush: bool,
    },
    /// The device code.
    Code(String),
    /// A name and its value.
    Fact(&'static str, Cow<'a, str>),
    /// A list to choose from.
    Choices {
        /// Its lines.
        items: Vec<Item<'a>>,
        /// The line that the pointer is on.
        selected: usize,
    },
    /// A field whose text is never shown.
    Field {
        /// The text.
        field: &'a TextField,
        /// Set while letters go into it.
        focused: bool,
        /// Set while the last 4 characters are shown.
        revealed: bool,
        /// The text shown while the field is empty.
        placeholder: &'static str,
    },
    /// A failure: its message, causes and hint.
    Error(&'a Error),
    /// A line about the latest event.
    Info(&'a str),
    /// A note or a warning.
    Remark(Cow<'a, str>),
}

/// A line of a list.
pub struct Item<'a> {
    /// Its name.
    pub label: Cow<'a, str>,
    /// A reason for or against choosing it.
    pub why: Option<Cow<'a, str>>,
    /// Set if the reason is more than an explanation.
    pub stressed: bool,
}

/// The importance of a part on a small screen. The last variant is left out first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Never left out.
    Needed,
    /// Left out or replaced only after everything less important.
    Important,
    /// Something to know.
    Useful,
    /// An explanation.
    Explaining,
    /// An empty row above a block.
    Gap,
    /// Pretty, and no more.
    Decoration,
}

/// The renderings that show a part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Everywhere.
    Both,
    /// In a dialogue of lines.
    Lines,
    /// On the full screen.
    Screen,
    /// On a full screen with room for whole sentences.
    Tall,
    /// On a full screen without room for whole sentences.
    Low,
    /// Everywhere but on a full screen with no room for the whole link.
    WholeLink,
    /// On a full screen with no room for the whole link.
    NoLink,
}

/// Returns the words and keys of the model's screen.
pub fn describe(model: &Model) -> Described<'_> {
    match &model.screen {
        Screen::Welcome(screen) => welcome::describe(model, screen),
        Screen::SignIn(screen) => match screen.step {
            SignInStep::Waiting => waiting::describe(model, screen),
            SignInStep::DeviceCode => device_code::describe(model, screen),
            SignInStep::Exchanging => waiting::describe_exchange(model, screen),
        },
        Screen::ApiKey(screen) => api_key::describe(model, screen),
        Screen::Success(screen) => ends::describe_success(model, screen),
        Screen::Failure(screen) => ends::describe_failure(model, screen),
        Screen::Account(screen) => account::describe(model, screen),
        Screen::Keep(screen) => ends::describe_keep(model, screen),
    }
}

impl<'a> Described<'a> {
    fn new(title: impl Into<Cow<'a, str>>, mark: Mark) -> Self {
        Self {
            title: title.into(),
            mark,
            parts: Vec::new(),
            keys: Vec::new(),
            brief: false,
            asks: Some("Type "),
            since: None,
            ends: None,
            qr: &[],
            more_help: None,
        }
    }

    /// Describes a screen during a change that cannot be stopped.
    fn busy(title: &'static str) -> Self {
        Self {
            keys: vec![keys::quit()],
            brief: true,
            asks: None,
            ..Self::new(title, Mark::Busy)
        }
    }

    fn add(&mut self, parts: impl IntoIterator<Item = Part<'a>>) {
        self.parts.extend(parts);
    }

    /// Adds parts that belong together.
    fn add_group(&mut self, parts: impl IntoIterator<Item = Part<'a>>) {
        let parts = parts.into_iter().enumerate();
        self.add(parts.map(|(at, part)| if at == 0 { part } else { part.joined() }));
    }

    /// Adds the news of this screen and of those before it.
    fn add_news(&mut self, note: Option<&'a Note>, model: &'a Model) {
        self.add(note.map(Part::note));
        let notices = model.notices.iter();
        self.add(notices.map(|it| Part::remark(Weight::Important, it).news()));
    }
}

impl<'a> Part<'a> {
    /// Creates a part that is shown everywhere, with an empty row above it.
    fn new(weight: Weight, kind: Kind<'a>) -> Self {
        Self {
            kind,
            weight,
            on: On::Both,
            apart: true,
            news: false,
            short: None,
        }
    }

    fn text(weight: Weight, text: impl Into<Cow<'a, str>>) -> Self {
        Self::new(weight, Kind::Text(text.into()))
    }

    fn remark(weight: Weight, text: impl Into<Cow<'a, str>>) -> Self {
        Self::new(weight, Kind::Remark(text.into()))
    }

    fn fact(weight: Weight, name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        Self::new(weight, Kind::Fact(name, value.into()))
    }

    fn link(weight: Weight, url: &'a str) -> Self {
        let (text, flush) = (url, false);
        Self::new(weight, Kind::Link { text, url, flush })
    }

    /// Creates a list of choices that need no reason.
    fn list<T: Into<Cow<'a, str>>>(labels: impl IntoIterator<Item = T>, selected: usize) -> Self {
        let item = |label: T| Item {
            label: label.into(),
            why: None,
            stressed: false,
        };
        let items = labels.into_iter().map(item).collect();
        Self::new(Weight::Needed, Kind::Choices { items, selected })
    }

    fn note(note: &'a Note) -> Self {
        let kind = match note {
            Note::Info(text) => Kind::Info(text),
            Note::Problem(error) => Kind::Error(error),
        };
        Self::new(Weight::Needed, kind).news()
    }

    fn news(self) -> Self {
        let news = true;
        Self { news, ..self }
    }

    /// Removes the empty row above it.
    fn joined(self) -> Self {
        let apart = false;
        Self { apart, ..self }
    }

    fn on(self, on: On) -> Self {
        Self { on, ..self }
    }

    fn or(self, short: impl Into<Cow<'a, str>>) -> Self {
        let short = Some(short.into());
        Self { short, ..self }
    }
}

/// Returns the mark of a remark, and its text without one.
pub fn marked(remark: &str) -> (&'static str, &str) {
    match remark.strip_prefix("warning: ") {
        Some(text) => ("Warning: ", text),
        None => ("Note: ", remark),
    }
}

/// Returns the facts about an account.
fn account_facts(account: &Account, workspace: Option<&str>) -> Vec<Part<'static>> {
    let plan = account.plan.as_ref().map(ToString::to_string);
    let workspace = workspace.or(account.account_id.as_deref());
    let facts = [
        (Weight::Needed, "Account", account.email.clone()),
        (Weight::Explaining, "Plan", plan),
        (
            Weight::Explaining,
            "Workspace",
            workspace.map(str::to_owned),
        ),
    ];
    let known = facts.into_iter();
    known
        .filter_map(|(weight, name, value)| Some(Part::fact(weight, name, value?)))
        .collect()
}

/// Returns the heading for credentials of this kind.
fn signed_in(mode: &Mode, product: &Product) -> String {
    match mode {
        Mode::ChatGpt => format!("Signed in with your {} account", product.account),
        Mode::ApiKey => "Signed in with an API key".to_owned(),
        other => format!("Signed in: {}", clean_short(other.words(), 40)),
    }
}

/// Returns the name of a choice.
fn label(choice: Choice, product: &Product) -> Cow<'static, str> {
    match choice {
        Choice::Account => format!("Sign in with {}", product.account).into(),
        Choice::ApiKey => "Provide your own API key".into(),
        Choice::DeviceCode => "Sign in with a device code".into(),
    }
}

/// The name of the choice to continue a sign-in that was interrupted.
const CONTINUE: &str = "Continue the sign-in that was interrupted";

/// Returns the code of the sign-in that was interrupted, and the time that is left for it.
fn interrupted(model: &Model) -> Option<String> {
    let interrupted = model.facts.offer()?;
    let code = clean_short(&interrupted.user_code, 40);
    let left = interrupted.expires_in.saturating_sub(model.now);
    let left = match left.as_millis().div_ceil(60_000) {
        ..=1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    };
    Some(format!("Code {code}, {left} left"))
}

/// Returns the warning that programs still use the previous sign-in, and what to do. The advice is
/// left out if there is no room for it.
fn running(facts: &Facts) -> Option<Part<'static>> {
    let running = facts.running.as_ref();
    let running = running.filter(|it| !it.programs.is_empty())?;
    let programs = running.programs.join(", ");
    let remark = |text| Part::remark(Weight::Important, text);
    let still_used = format!("warning: {programs} still uses the earlier sign-in.");
    Some(match &running.stop_command {
        _ if running.ending => remark(format!("Waiting for {programs} to end")),
        Some(command) => remark(format!("{still_used} End it with: {command}")).or(still_used),
        None => remark(format!("{still_used} Quit it, and start it again.")),
    })
}

/// Returns the remark that this cause drops a stored API key, if it does.
fn drops_api_key(cause: &str, facts: &Facts) -> Option<Part<'static>> {
    let cause = match facts.accounts.active {
        // Another account would be kept together with its key.
        Some(_) => "Signing in to the same account again",
        None => cause,
    };
    let text = || format!("{cause} drops the API key stored in {}.", facts.auth_file);
    let remark = || Part::remark(Weight::Important, text());
    facts.accounts.replaces_api_key.then(remark)
}

/// Returns the remark about what happens to the active account, if there is one.
fn stays_signed_in(facts: &Facts) -> Option<Part<'static>> {
    let stays = match facts.accounts.active.as_ref()?.account().email {
        Some(email) => format!("{email} stays"),
        None => "You stay".to_owned(),
    };
    let text = format!(
        "{stays} signed in until another sign-in is complete. If that is another account, you can \
         keep both."
    );
    Some(Part::remark(Weight::Important, text))
}
