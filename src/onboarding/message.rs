//! Everything that can happen to the screen.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::auth::{Account, Revocation};
use crate::error::{Error, Result};
use crate::sign_in::Status;

/// Something that happened. [`super::update()`] says what it means.
#[derive(Clone, Debug)]
pub enum Message {
    /// A key was pressed.
    Key(Key),
    /// Text arrived in one piece: a bracketed paste, or a burst of characters
    /// without a pause. It may hold a code or a key.
    Paste(SecretString),
    /// A whole line was entered, where lines are all there is: it replaces what the field
    /// holds, and hands itself in. It may hold a code or a key.
    Line(SecretString),
    /// The person has read what stands on the screen, and goes on from there.
    NoteRead,
    /// This much time has passed since the program started: the only source of time.
    Tick(Duration),
    /// The running sign-in reports.
    Status(Status),
    /// The sign-in could not even start.
    StartFailed(Error),
    /// The text handed in with [`super::Effect::SubmitPaste`] is of no use.
    PasteRefused(Error),
    /// A cancel came too late: the credentials are on disk.
    AlreadySaved(Account),
    /// How [`super::Effect::SaveApiKey`] ended.
    ApiKeySaved(Result<Account>),
    /// How [`super::Effect::SignOut`] ended.
    SignedOut(Result<Revocation>),
    /// No browser could be opened.
    BrowserFailed(Error),
    /// The terminal changed and wants to be drawn again.
    Redraw,
}

/// A key as the screens know it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A printable character.
    Char(char),
    /// A letter, in lower case, with the control key.
    Ctrl(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Deletes to the left.
    Backspace,
    /// Deletes to the right.
    Delete,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Start of the line.
    Home,
    /// End of the line.
    End,
}

impl fmt::Debug for Key {
    /// Names the key but never a character: typed one after the other, they
    /// may be an API key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(_) => f.write_str("Char(_)"),
            Self::Ctrl(letter) => write!(f, "Ctrl({letter:?})"),
            Self::Enter => f.write_str("Enter"),
            Self::Esc => f.write_str("Esc"),
            Self::Tab => f.write_str("Tab"),
            Self::BackTab => f.write_str("BackTab"),
            Self::Backspace => f.write_str("Backspace"),
            Self::Delete => f.write_str("Delete"),
            Self::Left => f.write_str("Left"),
            Self::Right => f.write_str("Right"),
            Self::Up => f.write_str("Up"),
            Self::Down => f.write_str("Down"),
            Self::Home => f.write_str("Home"),
            Self::End => f.write_str("End"),
        }
    }
}
