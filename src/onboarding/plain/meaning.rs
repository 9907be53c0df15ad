//! The meaning of a line on the screen that it answers: words for the full screen's keys.

use secrecy::SecretString;

use crate::onboarding::message::{Key, Message, command_char};
use crate::onboarding::model::{Model, Screen};
use crate::onboarding::screens::{Kind, describe};

/// Longest word. Every callback is longer, and an unknown word usually is not.
const LONGEST_WORD: usize = 8;

/// The meaning of a line.
pub enum Meaning {
    /// It stands for these.
    Messages(Vec<Message>),
    /// It asks for the screen to be repeated.
    Repeat,
    /// It means nothing here.
    Unknown,
}

/// Reads a line as an answer to the screen. A word may be in any case and have blanks around
/// it.
pub fn read(model: &Model, line: &str) -> Meaning {
    // A longer text is no word. It may be a secret, which is not copied.
    let word: Option<String> = match line.trim() {
        text if text.len() <= LONGEST_WORD => Some(text.chars().map(command_char).collect()),
        _ => None,
    };
    let keys = word.as_deref().and_then(|word| match word {
        "?" | "help" => Some(Vec::new()),
        "q" | "quit" => Some(vec![Key::Ctrl('c')]),
        _ => keys(model, word),
    });
    match keys {
        Some(keys) if keys.is_empty() => Meaning::Repeat,
        Some(keys) => Meaning::Messages(keys.into_iter().map(Message::Key).collect()),
        None if is_text(model, word.is_some()) => {
            Meaning::Messages(vec![Message::Line(SecretString::from(line))])
        }
        None => Meaning::Unknown,
    }
}

/// Returns the keys that a word stands for; none where the screen is to be repeated.
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

/// Returns whether a line is text for the screen's field: any line a key, only a long one an
/// address.
fn is_text(model: &Model, is_word: bool) -> bool {
    model.takes_text() && (matches!(model.screen, Screen::ApiKey(_)) || !is_word)
}
