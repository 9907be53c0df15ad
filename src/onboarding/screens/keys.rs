//! The keys of a screen: one table for the footer, the help, the answers of a dialogue of lines,
//! and the tests of `update`.

use std::borrow::Cow;

use super::super::message::Key;
use super::super::wording;

/// Something that keys do on a screen.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// The keys that do it.
    pub keys: &'static [Key],
    /// Their name; empty where the word in the footer says it.
    pub name: &'static str,
    /// The word in the footer; empty where the footer and the help leave it out.
    pub footer: &'static str,
    /// The sentence in the help.
    pub help: &'static str,
    /// The words that do it in a dialogue of lines.
    pub words: &'static [&'static str],
    /// The keys that such a word stands for, where it is not the first of the row's.
    presses: Option<&'static [Key]>,
    /// How the dialogue offers it.
    pub answer: Cow<'static, str>,
}

impl KeyRow {
    pub(super) const fn new(
        keys: &'static [Key],
        name: &'static str,
        footer: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            keys,
            name,
            footer,
            help,
            words: &[],
            presses: None,
            answer: Cow::Borrowed(""),
        }
    }

    /// A row that only a dialogue of lines shows.
    pub(super) const fn unseen(keys: &'static [Key]) -> Self {
        Self::new(keys, "", "", "")
    }

    /// With words for a dialogue of lines.
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

    /// With the keys that the words stand for.
    pub(super) fn pressing(self, presses: &'static [Key]) -> Self {
        let presses = Some(presses);
        Self { presses, ..self }
    }

    /// Returns the keys that a word stands for, one after another. None: the screen is said again.
    pub fn presses(&self) -> &'static [Key] {
        self.presses.unwrap_or(&self.keys[..1])
    }

    /// Returns whether the full screen shows it.
    pub fn is_seen(&self) -> bool {
        !self.footer.is_empty()
    }
}

/// The ways back where `?` is text and no help can name the second one.
pub const BACK: &str = "Esc, Ctrl-G";

pub(super) const HELP: KeyRow = KeyRow::new(&[Key::Char('?')], "?", "help", "Show these keys");

/// The keys that move the pointer.
pub(super) const MOVE: KeyRow = KeyRow::new(
    &[
        Key::Down,
        Key::Up,
        Key::Tab,
        Key::BackTab,
        Key::Char('j'),
        Key::Char('k'),
        Key::Home,
        Key::End,
    ],
    "↑↓",
    "move",
    "Move up or down (or k and j)",
);

pub(super) const CLEAR: KeyRow =
    KeyRow::new(&[Key::Ctrl('u')], "Ctrl-U", "clear", "Clear the field");

const CANCEL: KeyRow = KeyRow::new(&[Key::Esc], "", "Press Esc to cancel", "End this sign-in");

const CTRL_C: &[Key] = &[Key::Ctrl('c')];

/// The only key while something is saved.
pub(super) const WAIT: KeyRow = KeyRow::new(CTRL_C, "Ctrl-C", "quit", "Quit");

const CHOOSE: KeyRow = KeyRow::new(
    &[
        Key::Enter,
        Key::Char('1'),
        Key::Char('2'),
        Key::Char('3'),
        Key::Char('4'),
        Key::Char('5'),
        Key::Char('6'),
        Key::Char('7'),
        Key::Char('8'),
        Key::Char('9'),
    ],
    "Enter",
    "choose",
    "Choose (or press the number)",
);

pub(super) fn device() -> KeyRow {
    KeyRow::new(
        &[Key::Char('d')],
        "d",
        "device code",
        "Sign in on another device",
    )
    .said(&["d", "device"], "")
}

/// Cancels, for a dialogue of lines.
pub(super) fn cancel() -> KeyRow {
    CANCEL.said(&["c", "cancel"], "c to cancel")
}

/// Chooses from a list of `count` lines.
pub(super) fn choose(count: usize) -> KeyRow {
    CHOOSE.said(&[], wording::digits(count))
}

/// Quits, in a dialogue of lines.
pub(super) fn quit() -> KeyRow {
    KeyRow::unseen(CTRL_C).said(&["q", "quit"], "q to quit")
}
