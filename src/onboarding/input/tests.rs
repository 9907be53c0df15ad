//! Bytes as terminals send them, whole and in pieces.

use super::*;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

/// Writes each message as `k` and the key, or `p` and the pasted text.
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
    messages.extend(input.flush());
    assert_eq!(input.pause(), None);
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
fn the_keypad_types_digits_in_its_application_mode_too() {
    assert_eq!(
        typed(b"\x1bOp\x1bOq\x1bOy\x1bOM\x1bOA"),
        ["k0", "k1", "k9", "kEnter", "kUp"]
    );
}

#[test]
fn ctrl_g_goes_back_as_esc_does() {
    assert_eq!(typed(b"\x07"), ["kEsc"]);
}

#[test]
fn a_lone_escape_is_the_esc_key_only_after_a_pause() {
    let mut input = Input::default();
    assert!(input.feed(b"\x1b", true).is_empty());
    assert_eq!(input.pause(), Some(PAUSE));
    assert_eq!(words(input.feed(b"[A", true)), ["kUp"]);
    assert!(input.feed(b"\x1b", true).is_empty());
    assert_eq!(words(input.flush()), ["kEsc"]);
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
    assert_eq!(words(input.flush()), ["pcode=abc&state=x"]);
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
        assert_eq!(input.pause(), Some(HALF_SEQUENCE));
        assert!(input.flush().is_empty());
        assert_eq!(input.pause(), None);
        assert_eq!(words(input.feed(b"\x03", true)), ["kCtrl('c')"]);
    }
}

#[test]
fn a_paste_that_stops_midway_is_what_came_of_it() {
    let mut input = Input::default();
    assert!(input.feed(b"\x1b[200~code=abc&sta", true).is_empty());
    assert_eq!(input.pause(), Some(HALF_PASTE));
    assert_eq!(words(input.flush()), ["pcode=abc&sta"]);
    // The rest arrives without its beginning.
    assert!(input.feed(b"te=01234567\x1b[201~", true).is_empty());
    assert_eq!(words(input.flush()), ["pte=01234567"]);
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
        input.flush();
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
        input.flush();
        proptest::prop_assert!(input.pause().is_none());
    }
}
