//! A screen as lines: the essential text, then the possible answers; and the meaning of a line
//! that answers it.
//!
//! ```text
//!
//! Finish signing in via your browser
//! If the link doesn't open automatically, open the following link to authenticate:
//! https://issuer/oauth/authorize?…
//! …
//! Paste that address (it stays hidden), or type d for a device code, …
//! ```

use std::iter::repeat;

use secrecy::SecretString;

use crate::error::Error;
use crate::onboarding::message::{Key, Message, command_char};
use crate::onboarding::model::{Method, Model, Screen};
use crate::onboarding::screens::{Described, Kind, LONGEST, Mark, On, Part, describe, marked};
use crate::product::ASIDE;
use crate::text::clean_short;

/// The lines of a screen.
#[derive(Debug, Default)]
pub struct ScreenText {
    /// The heading, which differs from screen to screen.
    heading: String,
    lines: Vec<String>,
    /// The question, if the screen expects an answer.
    pub ask: Option<String>,
}

/// Returns the first lines of a dialogue.
pub fn greeting(model: &Model) -> Vec<String> {
    let mut lines = vec![format!("{}, line by line", model.facts.product.title)];
    if model.facts.demo {
        lines.push("This is a demo: nothing leaves this machine.".to_owned());
    }
    lines.push("Type one of the answers offered and press Enter. Ctrl-C quits.".to_owned());
    lines
}

/// Returns whether only an answer can change this screen.
pub fn needs_an_answer(model: &Model) -> bool {
    // A sign-in that began with a link may still be finished in the browser.
    let has_link =
        matches!(&model.screen, Screen::SignIn(screen) if screen.method == Method::Browser);
    let described = describe(model);
    described.asks.is_some() && described.mark != Mark::Busy && !has_link
}

/// Returns whether the dialogue is over: signed in, with no program left to end.
pub fn is_last(model: &Model) -> bool {
    let running = model.facts.running.as_ref();
    matches!(model.screen, Screen::Success(_))
        && running.is_some_and(|running| !running.ending)
        && model.facts.endable().is_none()
}

impl ScreenText {
    /// Returns the text of the model's screen.
    pub fn of(model: &Model) -> Self {
        let described = describe(model);
        let said = |part: &&Part<'_>| {
            let is_new = part.news || !described.brief;
            is_new && matches!(part.on, On::Both | On::Lines | On::WholeLink)
        };
        let mut parts: Vec<_> = described.parts.iter().filter(said).collect();
        // News comes last, before the question.
        parts.sort_by_key(|part| part.news);
        let lines = parts.into_iter().flat_map(|part| lines(&part.kind));
        Self {
            lines: lines.collect(),
            ask: question(&described),
            heading: described.title.into_owned(),
        }
    }

    /// Returns the lines that are not in `told`.
    pub fn beyond(&self, told: &Self) -> Vec<String> {
        let mut news = Vec::new();
        let another = self.heading != told.heading;
        if another {
            news.extend([String::new(), self.heading.clone()]);
        }
        let new = self
            .lines
            .iter()
            .filter(|line| another || !told.lines.contains(line));
        news.extend(new.cloned());
        if !news.is_empty() || self.ask != told.ask {
            news.extend(self.ask.clone());
        }
        news
    }
}

/// Returns the question for the answers that the screen offers: `Type 1 or 2, or q to quit:`.
fn question(described: &Described<'_>) -> Option<String> {
    let begin = described.asks?;
    let offered = described.keys.iter().map(|row| row.answer.as_ref());
    let offered: Vec<&str> = offered.filter(|answer| !answer.is_empty()).collect();
    let (last, others) = offered.split_last()?;
    Some(match others {
        [] => format!("{begin}{last}:"),
        others => format!("{begin}{}, or {last}:", others.join(", ")),
    })
}

fn lines(kind: &Kind<'_>) -> Vec<String> {
    match kind {
        Kind::Text(text) | Kind::Advice(text, _) => vec![sentence(text)],
        Kind::Command(how, command) => vec![(*how).to_owned(), command.clone()],
        Kind::Step(_, text) | Kind::Link { text, .. } => vec![(*text).to_owned()],
        Kind::Code(code) => vec![code.clone()],
        Kind::Fact(name, value) => vec![format!("{name}: {}", clean_short(value, LONGEST))],
        Kind::Choices { items, .. } => (1..)
            .zip(items)
            .map(|(number, item)| match &item.why {
                Some(why) => format!("{number}. {}. {}.", item.label, clean_short(why, LONGEST)),
                None => format!("{number}. {}.", item.label),
            })
            .collect(),
        Kind::Info(text) => vec![clean_short(text, LONGEST)],
        Kind::Error(error) => problem(error),
        Kind::Remark(text) => vec![remark(text)],
        // The question asks for this field's text.
        Kind::Field { .. } => Vec::new(),
    }
}

/// Ends a text with a full stop, unless it already ends with punctuation.
fn sentence(text: &str) -> String {
    let text = text.strip_suffix('…').unwrap_or(text);
    let end = if text.ends_with(char::is_alphanumeric) {
        "."
    } else {
        ""
    };
    format!("{text}{end}")
}

fn remark(text: &str) -> String {
    let (mark, text) = marked(text);
    format!("{mark}{}", clean_short(text, LONGEST))
}

fn problem(error: &Error) -> Vec<String> {
    let says = |begin: &str, text: &str| format!("{begin}{}", clean_short(text, LONGEST));
    let mut lines = vec![says("Error: ", error.message())];
    lines.extend(error.causes().iter().map(|cause| says("Because: ", cause)));
    // A speech synthesiser would spell out the dash.
    let hints = error.hint().into_iter().flat_map(|hint| hint.split(ASIDE));
    let begins = ["Next: "].into_iter().chain(repeat("Or "));
    lines.extend(begins.zip(hints).map(|(begin, hint)| says(begin, hint)));
    lines
}

/// The longest word. Every callback is longer, and a mistyped word usually is not.
const LONGEST_WORD: usize = 8;

/// Interprets a line as an answer to the screen. An empty list means to repeat the screen; `None`
/// means that the line is no answer here. Ignores case and blanks around a word.
pub fn meaning(model: &Model, line: &str) -> Option<Vec<Message>> {
    // A longer text is not a word, and may be a secret, so it is not copied.
    let word = Some(line.trim()).filter(|text| text.len() <= LONGEST_WORD);
    let word: Option<String> = word.map(|text| text.chars().map(command_char).collect());
    let keys = word.as_deref().and_then(|word| match word {
        "?" | "help" => Some(Vec::new()),
        "q" | "quit" => Some(vec![Key::Ctrl('c')]),
        word => keys(model, word),
    });
    if let Some(keys) = keys {
        return Some(keys.into_iter().map(Message::Key).collect());
    }
    // Any line may be an API key, but only a long one may be an address.
    let is_text = word.is_none() || matches!(model.screen, Screen::ApiKey(_));
    let text = || vec![Message::Line(SecretString::from(line))];
    (is_text && model.takes_text()).then(text)
}

/// Returns the keys that a word stands for. An empty list means to repeat the screen.
fn keys(model: &Model, word: &str) -> Option<Vec<Key>> {
    let described = describe(model);
    if let Some(row) = described.keys.iter().find(|row| row.is_meant_by(word)) {
        return Some(row.presses().to_vec());
    }
    let at = word.parse::<usize>().ok()?.checked_sub(1)?;
    let is_there = described.parts.iter().any(|part| match &part.kind {
        Kind::Choices { items, .. } => at < items.len(),
        _ => false,
    });
    // A list may be longer than there are digits.
    let down = std::iter::repeat_n(Key::Down, at);
    let keys = std::iter::once(Key::Home).chain(down).chain([Key::Enter]);
    is_there.then(|| keys.collect())
}
