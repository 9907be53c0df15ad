//! The keys of a screen: one table for the footer, the help, the answers of a dialogue of lines,
//! and the tests of `update`.

use std::borrow::Cow;

use crate::onboarding::message::Key;

/// The ways back on a screen that takes text. They stand together because such a screen has no help
/// to name the second.
pub const BACK: &str = "Esc, Ctrl-G";

/// An action on a screen, and the keys that do it.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// The keys that do it.
    pub keys: Vec<Key>,
    /// Their name; empty if the word in the footer contains it.
    pub name: &'static str,
    /// The word in the footer; empty if the footer and the help leave the row out.
    pub footer: &'static str,
    /// The sentence in the help.
    pub help: &'static str,
    /// The digit that does the same, so that no action needs a letter.
    pub digit: Option<char>,
    /// The words for it in a dialogue of lines.
    pub words: &'static [&'static str],
    /// The keys that such a word stands for, if not the first one of the row.
    presses: Option<&'static [Key]>,
    /// The offer in the dialogue's question.
    pub answer: Cow<'static, str>,
}

/// Returns the row of the key of that name.
pub(super) fn row(name: &'static str, footer: &'static str, help: &'static str) -> KeyRow {
    let key = match (name.strip_prefix("Ctrl-"), name) {
        (Some(letter), _) => Key::Ctrl(first(letter)),
        (_, "" | "Esc" | BACK) => Key::Esc,
        (_, "Enter") => Key::Enter,
        (_, "Tab") => Key::Tab,
        (_, "↑↓") => Key::Down,
        _ => Key::Char(first(name)),
    };
    KeyRow {
        keys: vec![key],
        name,
        footer,
        help,
        digit: None,
        words: &[],
        presses: None,
        answer: Cow::Borrowed(""),
    }
}

/// Returns a row that only a dialogue of lines shows.
pub(super) fn unseen(name: &'static str) -> KeyRow {
    row(name, "", "")
}

fn first(name: &str) -> char {
    name.chars().next().unwrap_or_default().to_ascii_lowercase()
}

impl KeyRow {
    /// Adds more keys that do it.
    pub(super) fn or(mut self, keys: impl IntoIterator<Item = Key>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// Adds a digit that does the same as the letter.
    pub(super) fn digit(self, digit: char) -> Self {
        let digit = Some(digit);
        Self { digit, ..self }
    }

    /// Adds words for a dialogue of lines.
    pub(super) fn said(
        self,
        words: &'static [&'static str],
        answer: impl Into<Cow<'static, str>>,
    ) -> Self {
        let answer = answer.into();
        Self {
            words,
            answer,
            ..self
        }
    }

    /// Sets the keys that the words stand for.
    pub(super) fn pressing(mut self, presses: &'static [Key]) -> Self {
        self.presses = Some(presses);
        self
    }

    /// Returns the keys that a word stands for, one after another. An empty list means to repeat
    /// the screen.
    pub fn presses(&self) -> &[Key] {
        self.presses.unwrap_or(&self.keys[..1])
    }

    /// Returns whether an answer in a dialogue of lines means this row.
    pub fn is_meant_by(&self, word: &str) -> bool {
        // The digit only stands for the letter, while the word may press other keys.
        let is_digit = |digit: char| self.presses.is_none() && word.chars().eq([digit]);
        self.words.contains(&word) || !self.words.is_empty() && self.digit.is_some_and(is_digit)
    }

    /// Returns whether the full screen shows this row.
    pub fn is_seen(&self) -> bool {
        !self.footer.is_empty()
    }
}

pub(super) fn help() -> KeyRow {
    row("?", "help", "Show these keys")
}

/// Returns the only row while a change is under way.
pub(super) fn quit() -> KeyRow {
    row("Ctrl-C", "quit", "Quit")
}

/// Returns the row that empties a field.
pub(super) fn clear() -> KeyRow {
    row("Ctrl-U", "clear", "Clear the field")
}

pub(super) fn device() -> KeyRow {
    row("d", "device code", "Sign in on another device").said(&["d", "device"], "")
}

pub(super) fn cancel() -> KeyRow {
    row("", "Press Esc to cancel", "End this sign-in").said(&["c", "cancel"], "c to cancel")
}

/// Returns the rows that move in a list of `count` lines, and choose from it.
pub(super) fn list(count: usize) -> [KeyRow; 2] {
    let moving = [Key::Up, Key::Tab, Key::BackTab, Key::Home, Key::End];
    let move_in = row("↑↓", "move", "Move up or down (or k and j)").or(moving);
    let choose = row("Enter", "choose", "Choose (or press the number)");
    [
        move_in.or(['j', 'k'].map(Key::Char)),
        choose
            .or(('1'..='9').map(Key::Char))
            .said(&[], digits(count)),
    ]
}

/// Returns the digits of a list of `count` lines: `1, 2 or 3`.
fn digits(count: usize) -> String {
    let all: Vec<String> = (1..=count).map(|digit| digit.to_string()).collect();
    match all.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_listed_as_a_person_says_them() {
        assert_eq!(digits(1), "1");
        assert_eq!(digits(2), "1 or 2");
        assert_eq!(digits(3), "1, 2 or 3");
    }
}
