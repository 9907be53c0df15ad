//! A line of text that is typed or pasted and never shown.

use std::fmt;

use secrecy::SecretString;
use tui_input::{Input, InputRequest};

use super::message::Key;

/// The size limit, more than any callback or key needs (spec, section 3).
const MAX_BYTES: usize = 8 * 1024;

/// The length below which the last 4 characters of a key would reveal too much.
const SHORTEST_REVEALED: usize = 12;

/// The error for a text that is longer than the field holds. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// An editable line of at most 8 KiB.
#[derive(Clone, Default)]
pub struct TextField {
    input: Input,
}

impl TextField {
    /// Returns a field that holds `text`, with the cursor at its end.
    ///
    /// # Errors
    /// The text is too long.
    pub fn with_text(text: &str) -> Result<Self, TooLong> {
        let mut field = Self::default();
        field.insert(text)?;
        Ok(field)
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Returns the text without the blanks around it.
    pub fn secret(&self) -> SecretString {
        SecretString::from(self.text().trim())
    }

    /// Returns the number of characters.
    pub fn chars(&self) -> usize {
        self.text().chars().count()
    }

    /// Returns the number of characters before the cursor.
    pub fn cursor(&self) -> usize {
        self.input.cursor()
    }

    /// Returns whether the text is only blanks.
    pub fn is_blank(&self) -> bool {
        self.text().trim().is_empty()
    }

    /// Empties the field.
    pub fn clear(&mut self) {
        self.input = Input::default();
    }

    /// Inserts `text` at the cursor.
    ///
    /// # Errors
    /// The text would become too long. It stays unchanged.
    pub fn insert(&mut self, text: &str) -> Result<(), TooLong> {
        if self.text().len() + text.len() > MAX_BYTES {
            return Err(TooLong);
        }
        // Insert everything at once, because `tui_input` measures the whole line for each
        // character.
        let before: String = self.text().chars().take(self.cursor()).collect();
        let after: String = self.text().chars().skip(self.cursor()).collect();
        let cursor = self.cursor() + text.chars().count();
        self.input = Input::new(before + text + &after).with_cursor(cursor);
        Ok(())
    }

    /// Handles an editing key; other keys change nothing.
    ///
    /// # Errors
    /// As [`TextField::insert`].
    pub fn press(&mut self, key: Key) -> Result<(), TooLong> {
        let request = match key {
            Key::Char(c) if self.text().len() + c.len_utf8() > MAX_BYTES => return Err(TooLong),
            Key::Char(c) => InputRequest::InsertChar(c),
            Key::Backspace | Key::Ctrl('h') => InputRequest::DeletePrevChar,
            Key::Delete | Key::Ctrl('d') => InputRequest::DeleteNextChar,
            Key::Left | Key::Ctrl('b') => InputRequest::GoToPrevChar,
            Key::Right | Key::Ctrl('f') => InputRequest::GoToNextChar,
            Key::Home | Key::Ctrl('a') => InputRequest::GoToStart,
            Key::End | Key::Ctrl('e') => InputRequest::GoToEnd,
            Key::Ctrl('w') => InputRequest::DeletePrevWord,
            Key::Ctrl('u') => {
                self.clear();
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.input.handle(request);
        Ok(())
    }
}

/// Returns the last 4 characters, unless the text is too short for that.
pub fn last_4(text: &str) -> Option<&str> {
    let chars = text.chars().count();
    let (at, _) = text.char_indices().nth(chars.checked_sub(4)?)?;
    (chars >= SHORTEST_REVEALED).then(|| &text[at..])
}

impl fmt::Debug for TextField {
    /// Shows only the size, because the text may be a code or a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextField({} characters)", self.chars())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_typed_and_pasted_where_the_cursor_is() {
        let mut field = TextField::with_text("sk-ef").unwrap();
        for key in [Key::Left, Key::Left, Key::Char('c')] {
            field.press(key).unwrap();
        }
        field.insert("d").unwrap();
        assert_eq!((field.text(), field.cursor()), ("sk-cdef", 5));
    }

    #[test]
    fn a_text_beyond_8_kib_is_refused_and_changes_nothing() {
        let mut field = TextField::with_text(&"x".repeat(MAX_BYTES)).unwrap();
        assert_eq!(field.insert("y"), Err(TooLong));
        assert_eq!(field.press(Key::Char('y')), Err(TooLong));
        assert_eq!(field.chars(), MAX_BYTES);
        field.press(Key::Ctrl('u')).unwrap();
        assert!(field.is_blank());
    }

    #[test]
    fn its_debug_output_holds_nothing_of_the_text() {
        let field = TextField::with_text("secret").unwrap();
        assert_eq!(format!("{field:?}"), "TextField(6 characters)");
    }
}
