//! From the terminal's bytes to keys and pastes.

use std::time::Duration;

use secrecy::SecretString;
use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};
use termina::{Event, Parser};

use super::message::{Key, Message};

/// After this long without another byte, a lone ESC was the Esc key and a burst is over.
pub const SETTLE: Duration = Duration::from_millis(25);

/// Nobody types so many characters between two reads: it is a paste in a terminal without
/// bracketed paste.
const BURST: usize = 8;

/// An unterminated escape sequence or paste is given up beyond this.
const MAX_PENDING: usize = 4 * 1024 * 1024;

/// Keeps half sequences and bursts between two reads.
#[derive(Debug, Default)]
pub struct Input {
    parser: Parser,
    /// Bytes since the last whole event.
    pending: usize,
    burst: Option<String>,
}

impl Input {
    /// Takes what was read. Only where text is expected can many characters at once be a
    /// paste; elsewhere they are keys.
    pub fn feed(&mut self, bytes: &[u8], takes_text: bool) -> Vec<Message> {
        self.parser.parse(bytes, true);
        self.pending += bytes.len();
        if self.pending > MAX_PENDING {
            *self = Self::default();
        }
        self.drain(takes_text)
    }

    /// Nothing has come for [`SETTLE`]: what is pending is all there will be.
    pub fn settle(&mut self) -> Vec<Message> {
        self.parser.parse(&[], false);
        self.pending = 0;
        let mut messages = self.drain(false);
        messages.splice(0..0, self.end_burst());
        messages
    }

    /// Whether [`Input::settle`] has anything to do.
    pub fn is_unsettled(&self) -> bool {
        self.pending > 0 || self.burst.is_some()
    }

    fn drain(&mut self, takes_text: bool) -> Vec<Message> {
        let mut messages = Vec::new();
        let events: Vec<Event> = std::iter::from_fn(|| self.parser.pop()).collect();
        if !events.is_empty() {
            // The parser does not tell whether it holds the start of another sequence.
            self.pending = 1;
        }
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

    /// The burst as a paste; a line break at its end is the Enter key.
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

/// The character that a burst would hold in this event's place.
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
        // Alt and a letter is what some layouts send for a character: not ours.
        KeyCode::Char(_) if event.modifiers.contains(Modifiers::ALT) => return None,
        KeyCode::Char(c) if event.modifiers.contains(Modifiers::CONTROL) => match c {
            // What some terminals send for Backspace and Enter.
            'h' => Key::Backspace,
            'j' => Key::Enter,
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

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    /// `k` and the key, or `p` and the pasted text.
    fn words(messages: Vec<Message>) -> Vec<String> {
        let word = |message| match message {
            Message::Key(Key::Char(c)) => format!("k{c}"),
            Message::Key(key) => format!("k{key:?}"),
            Message::Paste(text) => format!("p{}", text.expose_secret()),
            other => panic!("{other:?}"),
        };
        messages.into_iter().map(word).collect()
    }

    fn typed(bytes: &[u8]) -> Vec<String> {
        let mut input = Input::default();
        let mut messages = input.feed(bytes, true);
        messages.extend(input.settle());
        assert!(!input.is_unsettled());
        words(messages)
    }

    #[test]
    fn keys_are_read() {
        assert_eq!(typed(b"1\r"), ["k1", "kEnter"]);
        assert_eq!(typed(b"\x1b[A\x1bOB\x1b[Z"), ["kUp", "kDown", "kBackTab"]);
        assert_eq!(
            typed(b"\x03\x15\x08\x7f"),
            ["kCtrl('c')", "kCtrl('u')", "kBackspace", "kBackspace"]
        );
        assert_eq!(typed("é東".as_bytes()), ["ké", "k東"]);
    }

    #[test]
    fn a_lone_escape_is_the_esc_key_only_after_a_pause() {
        let mut input = Input::default();
        assert!(input.feed(b"\x1b", true).is_empty());
        assert!(input.is_unsettled());
        assert_eq!(words(input.feed(b"[A", true)), ["kUp"]);
        assert!(input.feed(b"\x1b", true).is_empty());
        assert_eq!(words(input.settle()), ["kEsc"]);
    }

    #[test]
    fn a_bracketed_paste_is_one_message_in_however_many_reads() {
        let mut input = Input::default();
        assert!(input.feed(b"\x1b[200~code=a", true).is_empty());
        assert_eq!(
            words(input.feed(b"\x1b\nq\x1b[201~x", true)),
            ["pcode=a\u{1b}\nq", "kx"]
        );
    }

    #[test]
    fn a_burst_is_a_paste_and_its_last_line_break_is_enter() {
        assert_eq!(
            typed(b"code=abc&state=x\r"),
            ["pcode=abc&state=x", "kEnter"]
        );
        let mut input = Input::default();
        assert!(input.feed(b"code=abc&sta", true).is_empty());
        assert!(input.feed(b"te=x", true).is_empty());
        assert_eq!(words(input.settle()), ["pcode=abc&state=x"]);
    }

    #[test]
    fn where_no_text_is_expected_many_keys_are_keys() {
        let mut input = Input::default();
        assert_eq!(words(input.feed(b"jjjjjjjjj", false)).len(), 9);
    }

    #[test]
    fn a_megabyte_of_paste_or_garbage_does_no_harm() {
        let mut paste = b"\x1b[200~".to_vec();
        paste.extend(std::iter::repeat_n(b'x', 1024 * 1024));
        paste.extend(b"\x1b[201~");
        assert_eq!(typed(&paste).len(), 1);
        let mut input = Input::default();
        for _ in 0..3 {
            assert!(input.feed(&paste[..paste.len() - 6], true).is_empty());
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_in_whatever_pieces_are_a_panic(
            pieces in proptest::collection::vec(proptest::collection::vec(0u8.., 0..40), 0..6),
        ) {
            let mut input = Input::default();
            for piece in pieces {
                input.feed(&piece, true);
            }
            input.settle();
            proptest::prop_assert!(!input.is_unsettled());
        }
    }
}
