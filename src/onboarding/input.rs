//! Turns the terminal's bytes into keys and pastes.

#[cfg(test)]
mod tests;

use std::time::Duration;

use secrecy::SecretString;
use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};
use termina::{Event, Parser};

use super::message::{Key, Message};
use crate::text::PASTE_MARKERS;

/// The pause after which a lone ESC is the Esc key, and a burst has ended.
const PAUSE: Duration = Duration::from_millis(25);

/// The longest pause inside an escape sequence, which a slow connection may split. After that, it
/// was Alt with a key that begins a sequence (`]`, `P`), which must not swallow the keys after it.
const HALF_SEQUENCE: Duration = Duration::from_millis(250);

/// The longest pause inside a paste. It needs a limit, because Ctrl-C is text inside a paste.
const HALF_PASTE: Duration = Duration::from_secs(1);

/// The number of characters in one read that is too fast for typing: a paste in a terminal without
/// bracketed paste.
const BURST: usize = 8;

/// The size limit of an unfinished escape sequence or paste, which is then dropped.
const MAX_PENDING: usize = 4 * 1024 * 1024;

const PASTE_BEGINS: &[u8] = PASTE_MARKERS[0].as_bytes();
const PASTE_ENDS: &[u8] = PASTE_MARKERS[1].as_bytes();

/// Parses typed bytes. Keeps half sequences and bursts between two reads.
#[derive(Debug, Default)]
pub struct Input {
    parser: Parser,
    /// Bytes since the last whole event.
    pending: usize,
    /// The last bytes, in which a paste's beginning and end are recognized.
    latest: [u8; PASTE_BEGINS.len()],
    /// The bytes of a paste so far. They bypass the parser, which would scan all of them again for
    /// each byte.
    paste: Option<Vec<u8>>,
    burst: Option<String>,
}

impl Input {
    /// Parses the bytes that were read. Many characters at once are a paste if the screen
    /// `takes_text`, else keys.
    pub fn feed(&mut self, bytes: &[u8], takes_text: bool) -> Vec<Message> {
        let mut events = Vec::new();
        for byte in bytes {
            match self.take(*byte) {
                Some(event) => {
                    self.pending = 0;
                    events.push(event);
                }
                None => self.pending += 1,
            }
        }
        if self.pending > MAX_PENDING {
            self.forget();
        }
        self.messages(events, takes_text)
    }

    /// Completes pending input, because no byte has come for [`Input::pause`].
    pub fn flush(&mut self) -> Vec<Message> {
        let events = if let Some(paste) = self.paste.take() {
            vec![pasted(&paste)]
        } else {
            self.parser.parse(&[], false);
            std::iter::from_fn(|| self.parser.pop()).collect()
        };
        self.forget();
        let mut messages = self.messages(events, false);
        messages.splice(0..0, self.end_burst());
        messages
    }

    /// Returns how long after the last read [`Input::flush`] is due; `None` if nothing is pending.
    pub fn pause(&self) -> Option<Duration> {
        match self.pending {
            0 => self.burst.as_ref().map(|_| PAUSE),
            1 => Some(PAUSE),
            _ if self.paste.is_some() => Some(HALF_PASTE),
            _ => Some(HALF_SEQUENCE),
        }
    }

    /// Parses one byte, and returns the event that it completes.
    fn take(&mut self, byte: u8) -> Option<Event> {
        self.latest.rotate_left(1);
        self.latest[PASTE_BEGINS.len() - 1] = byte;
        if let Some(paste) = &mut self.paste {
            paste.push(byte);
            if self.latest != PASTE_ENDS {
                return None;
            }
            let paste = self.paste.take().unwrap_or_default();
            return Some(pasted(paste.strip_suffix(PASTE_ENDS).unwrap_or(&paste)));
        }
        if self.latest == PASTE_BEGINS {
            self.parser = Parser::default();
            self.paste = Some(Vec::new());
            return None;
        }
        if self.pending == 2
            && self.latest[3..5] == *b"\x1bO"
            && let Some(key) = keypad(byte)
        {
            self.parser = Parser::default();
            return Some(Event::Key(key.into()));
        }
        self.parser.parse(&[byte], true);
        self.parser.pop()
    }

    /// Drops half a sequence.
    fn forget(&mut self) {
        self.parser = Parser::default();
        self.pending = 0;
        self.paste = None;
    }

    fn messages(&mut self, events: Vec<Event>, takes_text: bool) -> Vec<Message> {
        let mut messages = Vec::new();
        let count = events.iter().filter(|event| typed(event).is_some()).count();
        let bursting = takes_text && (count >= BURST || self.burst.is_some());
        for event in events {
            match typed(&event) {
                Some(c) if bursting => self.burst.get_or_insert_default().push(c),
                _ => {
                    messages.extend(self.end_burst());
                    messages.extend(message(event));
                }
            }
        }
        messages
    }

    /// Returns the burst as a paste; a line break at its end is the Enter key.
    fn end_burst(&mut self) -> Vec<Message> {
        let Some(burst) = self.burst.take() else {
            return Vec::new();
        };
        let text = burst.trim_end_matches('\n');
        let mut messages = vec![Message::Paste(SecretString::from(text))];
        if text.len() < burst.len() {
            messages.push(Message::Key(Key::Enter));
        }
        messages
    }
}

fn pasted(bytes: &[u8]) -> Event {
    Event::Paste(String::from_utf8_lossy(bytes).into_owned())
}

/// Returns the key that `ESC O` and this byte stand for: the keypad's application mode, which an
/// earlier program may have left on.
fn keypad(byte: u8) -> Option<KeyCode> {
    match byte {
        b'M' => Some(KeyCode::Enter),
        // `*+,-./0123456789`, each 64 above its ASCII code.
        b'j'..=b'y' => Some(KeyCode::Char(char::from(byte - 64))),
        _ => None,
    }
}

/// Returns the character that this event adds to a burst.
fn typed(event: &Event) -> Option<char> {
    let Event::Key(key) = event else { return None };
    match key.code {
        KeyCode::Char(c)
            if !key
                .modifiers
                .intersects(Modifiers::CONTROL | Modifiers::ALT) =>
        {
            Some(c)
        }
        KeyCode::Enter => Some('\n'),
        _ => None,
    }
}

fn message(event: Event) -> Option<Message> {
    match event {
        Event::Key(event) if event.kind != KeyEventKind::Release => key(event).map(Message::Key),
        Event::Paste(text) => Some(Message::Paste(text.into())),
        _ => None,
    }
}

fn key(event: KeyEvent) -> Option<Key> {
    Some(match event.code {
        // Alt with a letter is not text: some layouts use it to type other characters.
        KeyCode::Char(_) if event.modifiers.contains(Modifiers::ALT) => return None,
        KeyCode::Char(c) if event.modifiers.contains(Modifiers::CONTROL) => match c {
            // Some terminals send these for Backspace and Enter.
            'h' => Key::Backspace,
            'j' => Key::Enter,
            // A second way back, because some terminals (JetBrains) keep Esc for themselves.
            'g' => Key::Esc,
            c => Key::Ctrl(c.to_ascii_lowercase()),
        },
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Escape => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}
