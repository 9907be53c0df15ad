//! The messages: everything that can happen to the screen.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::known::{KnownAccounts, Running};
use crate::auth::accounts::StoredAccount;
use crate::auth::{Account, Revocation};
use crate::error::{Error, Result};
use crate::product::Product;
use crate::sign_in::Status;

/// Something that happened. [`super::update::update()`] decides what it means.
#[derive(Clone, Debug)]
pub enum Message {
    /// A key was pressed.
    Key(Key),
    /// Text arrived in one piece: a bracketed paste, or a burst of characters
    /// without a pause. It may hold a code or a key.
    Paste(SecretString),
    /// A whole line was entered in a dialogue of lines: it replaces the field's text and is
    /// submitted. It may hold a code or a key.
    Line(SecretString),
    /// The person has read the screen's note.
    NoteRead,
    /// The time since the program started. The screens know no other clock.
    Tick(Duration),
    /// A report of the running sign-in.
    Status(Status),
    /// The sign-in could not be started.
    StartFailed(Error),
    /// The person's last action failed: a paste is unusable, or no browser could be opened.
    Problem(Error),
    /// The key of [`super::effect::Effect::SaveApiKey`] could not be saved, or
    /// [`super::effect::Effect::CheckStore`] has found that no key could be.
    ApiKeyNotSaved(Error),
    /// The result of [`super::effect::Effect::SignOut`].
    SignedOut(Result<Revocation>),
    /// The sign-in is complete, and the previous account is parked.
    SignedInBeside(Account, Box<StoredAccount>),
    /// The result of [`Effect::RemoveAccount`](super::effect::Effect::RemoveAccount).
    AccountRemoved(Result<()>),
    /// The result of [`Effect::UseAccount`](super::effect::Effect::UseAccount).
    AccountUsed(Result<Box<KnownAccounts>>),
    /// These programs hold the active account in memory, so the other one is not used yet.
    ProgramsRun(Box<StoredAccount>, Vec<String>),
    /// The programs that still use an earlier sign-in.
    Running(Running),
    /// The result of [`Effect::EndRunning`](super::effect::Effect::EndRunning), and the programs that are left.
    RunningEnded(Result<()>, Running),
    /// The name of the new account's workspace, not cleaned yet.
    Workspace(String),
}

impl Message {
    /// Adds the product's doctor to the hint of the error in this message, if there is one.
    pub(super) fn advised(mut self, product: &Product) -> Self {
        if let Self::StartFailed(error)
        | Self::ApiKeyNotSaved(error)
        | Self::SignedOut(Err(error))
        | Self::Status(Status::Failed(error) | Status::DeviceCodeFailed(error)) = &mut self
        {
            *error = product.advise(error.clone());
        }
        self
    }
}

/// A key as the screens know it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A printable character.
    Char(char),
    /// A lower-case letter with the control key.
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

impl Key {
    /// Returns the key as a command, for a screen that expects no text: letters in lower case, and
    /// digits from any keyboard.
    pub(super) fn as_command(self) -> Self {
        match self {
            Self::Char(c) => Self::Char(command_char(c)),
            key => key,
        }
    }

    /// Returns whether this is a letter outside the Latin alphabet, which no screen uses as a
    /// command.
    pub(super) fn is_foreign_letter(self) -> bool {
        matches!(self, Self::Char(c) if c.is_alphabetic() && !c.is_ascii())
    }
}

/// Returns the character that this one stands for in a command. Caps Lock may be on, and East
/// Asian and Arabic keyboards have digits of their own.
pub(super) fn command_char(c: char) -> char {
    /// The zeros of the Arabic and the Persian digits.
    const ZEROS: [u32; 2] = [0x0660, 0x06F0];
    /// The distance of the full-width forms from ASCII, whose order they follow.
    const FULL_WIDTH: u32 = 0xFF01 - '!' as u32;
    let code = u32::from(c);
    let digit = |zero: u32| {
        code.checked_sub(zero)
            .and_then(|digit| char::from_digit(digit, 10))
    };
    let ascii = match code {
        0xFF01..=0xFF5E => char::from_u32(code - FULL_WIDTH),
        _ => ZEROS.into_iter().find_map(digit),
    };
    ascii.unwrap_or(c).to_ascii_lowercase()
}

impl fmt::Debug for Key {
    /// Names the key but never a character: typed one after another, characters may be an
    /// API key.
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
