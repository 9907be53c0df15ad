//! Turns the terminal's bytes into keys and pastes.

use std::time::Duration;

use secrecy::SecretString;
use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};
use termina::{Event, Parser};

use super::message::{Key, Message};
use crate::text::PASTE_MARKERS;

/// After this long without another byte, a lone ESC is the Esc key, and a burst has ended.
const SETTLE: Duration = Duration::from_millis(25);

/// A slow connection may split a sequence; after this long the rest will not come. Then it
/// was Alt with a key that begins one (`]`, `P`), and must not swallow the keys that follow.
const HALF_SEQUENCE: Duration = Duration::from_millis(250);

/// A paste may pause between two pieces, but not forever: inside it, Ctrl-C is text.
const HALF_PASTE: Duration = Duration::from_secs(1);

/// More characters between two reads than anybody types: a paste in a terminal without
/// bracketed paste.
const BURST: usize = 8;

/// An unterminated escape sequence or paste that is longer is dropped.
const MAX_PENDING: usize = 4 * 1024 * 1024;

const PASTE_BEGINS: &[u8] = PASTE_MARKERS[0].as_bytes();
const PASTE_ENDS: &[u8] = PASTE_MARKERS[1].as_bytes();

/// Keeps half sequences and bursts between two reads.
#[derive(Debug, Default)]
pub struct Input {
    parser: Parser,
    /// Bytes since the last whole event.
    pending: usize,
    /// The latest bytes, to recognize the beginning and the end of a paste.
    latest: [u8; PASTE_BEGINS.len()],
    /// The bytes of a paste so far. The parser would look through all of them at every byte.
    paste: Option<Vec<u8>>,
    burst: Option<String>,
}

impl Input {
    /// Takes the bytes that were read. Many characters at once are a paste where text is
    /// expected, and keys elsewhere.
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

    /// Ends what is pending, because nothing has come for [`Input::patience`].
    pub fn settle(&mut self) -> Vec<Message> {
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

    /// Returns how long after the last read [`Input::settle`] is due.
    pub fn patience(&self) -> Option<Duration> {
        match self.pending {
            0 => self.burst.as_ref().map(|_| SETTLE),
            1 => Some(SETTLE),
            _ if self.paste.is_some() => Some(HALF_PASTE),
            _ => Some(HALF_SEQUENCE),
        }
    }

    /// Takes one byte. Returns the event that it completes.
    fn take(&mut self, byte: u8) -> Option<Event> {
        self.latest.rotate_left(1);
        if let Some(last) = self.latest.last_mut() {
            *last = byte;
        }
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
        // Some layouts send Alt with a letter for a character that we do not know.
        KeyCode::Char(_) if event.modifiers.contains(Modifiers::ALT) => return None,
        KeyCode::Char(c) if event.modifiers.contains(Modifiers::CONTROL) => match c {
            // Some terminals send these for Backspace and Enter.
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
    use proptest::prelude::*;
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
        assert_eq!(input.patience(), None);
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
        assert_eq!(input.patience(), Some(SETTLE));
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
    fn alt_and_a_key_that_begins_a_sequence_swallows_nothing_that_follows() {
        for half in [
            &b"\x1b]"[..],
            b"\x1bP",
            b"\x1b[",
            b"\x1b[<12",
            b"\x1bO",
            b"\xe6\x9d",
        ] {
            let mut input = Input::default();
            assert!(input.feed(half, true).is_empty());
            assert_eq!(input.patience(), Some(HALF_SEQUENCE));
            assert!(input.settle().is_empty());
            assert_eq!(input.patience(), None);
            assert_eq!(words(input.feed(b"\x03", true)), ["kCtrl('c')"]);
        }
    }

    #[test]
    fn a_paste_that_stops_midway_is_what_came_of_it() {
        let mut input = Input::default();
        assert!(input.feed(b"\x1b[200~code=abc&sta", true).is_empty());
        assert_eq!(input.patience(), Some(HALF_PASTE));
        assert_eq!(words(input.settle()), ["pcode=abc&sta"]);
        // The rest comes without its beginning.
        assert!(input.feed(b"te=01234567\x1b[201~", true).is_empty());
        assert_eq!(words(input.settle()), ["pte=01234567"]);
        assert_eq!(words(input.feed(b"\x03", true)), ["kCtrl('c')"]);
    }

    #[test]
    fn where_no_text_is_expected_many_keys_are_keys() {
        let mut input = Input::default();
        assert_eq!(words(input.feed(b"jjjjjjjjj", false)).len(), 9);
    }

    proptest! {
        #[test]
        fn whatever_comes_no_panic_and_ctrl_c_is_heard_afterwards(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "\x1b", "[", "]", "P", "O", "<", "M", "m", "~", "?", ">", ";", "1", "9999999", "u",
                    "R", "c", "n", "y", " q", "200", "201", "\x1b[200~", "\x1b[201~", "\x1b\\", "\x07",
                    "$r", "é", "東", "\0", "\x7f", "rgb:", "11", ":", "-",
                ]),
                0..40,
            ),
            takes_text: bool,
        ) {
            let mut input = Input::default();
            for piece in pieces {
                input.feed(piece.as_bytes(), takes_text);
            }
            input.settle();
            prop_assert_eq!(words(input.feed(b"\x03", takes_text)), ["kCtrl('c')"]);
        }
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
            proptest::prop_assert!(input.patience().is_none());
        }
    }
}
