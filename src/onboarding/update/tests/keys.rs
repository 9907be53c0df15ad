//! Compares the table of keys that the screens show with what the keys do.

use super::*;
use crate::onboarding::known::Running;
use crate::onboarding::screens::{KeyRow, describe};
use crate::onboarding::text_field::TextField;

fn after(mut model: Model, messages: impl IntoIterator<Item = Message>) -> Model {
    for message in messages {
        send(&mut model, message);
    }
    model
}

fn typed(mut model: Model, keys: &str) -> Model {
    type_keys(&mut model, keys);
    model
}

fn status(status: Status) -> Message {
    Message::Status(status)
}

fn with_key() -> Model {
    Model::new(Facts {
        environment_key: Some(SecretString::from("sk-0123456789abcdef")),
        ..Facts::default()
    })
}

/// Returns every screen that has its own keys, by name.
fn screens() -> Vec<(&'static str, Model)> {
    let waits = || waiting(model());
    let codeless = || status(Status::DeviceCodeFailed(failure()));
    let done = || after(waits(), [status(Status::Completed(who()))]);
    let running = Message::Running(Running {
        programs: vec!["a running Codex (pid 4711)".to_owned()],
        stop_command: Some("stop".to_owned()),
        ending: false,
    });
    let asks = Message::ProgramsRun(parked("bob"), vec!["codex".to_owned()]);
    let beside = || Message::SignedInBeside(who(), parked("bob"));
    vec![
        ("choices", model()),
        ("choices beside an account", typed(signed_in(), "2")),
        ("choices beside a parked one", typed(unsigned(), "2")),
        ("no link yet", typed(model(), "1")),
        ("waiting", waits()),
        ("waiting remotely", waiting(remote())),
        ("half an address", typed(waits(), "px\u{1b}")),
        ("typing an address", typed(waits(), "px")),
        ("asked for a code", typed(waits(), "d")),
        ("a code", after(typed(waits(), "d"), [device_code()])),
        ("a code alone", after(typed(model(), "3"), [device_code()])),
        (
            "a code elsewhere",
            after(typed(waiting(remote()), "d"), [device_code()]),
        ),
        ("no code", after(typed(waits(), "d"), [codeless()])),
        ("no code alone", after(typed(model(), "3"), [codeless()])),
        ("exchanging", after(waits(), [status(Status::Exchanging)])),
        ("a key", typed(model(), "2x")),
        ("a key of the environment", typed(with_key(), "2x")),
        ("a key is saved", typed(model(), "2sk-0123456789\n")),
        ("success", done()),
        ("success beside a program", after(done(), [running])),
        (
            "failure",
            after(waits(), [status(Status::Failed(failure()))]),
        ),
        ("accounts", with_parked(&["bob"])),
        ("no active account", unsigned()),
        ("sign out?", typed(signed_in(), "3")),
        ("signing out", typed(signed_in(), "3y")),
        (
            "use it anyway?",
            after(typed(with_parked(&["bob"]), "2"), [asks]),
        ),
        ("keep it?", after(waits(), [beside()])),
        ("removing it", typed(after(waits(), [beside()]), "n")),
    ]
}

fn unsigned() -> Model {
    Model::new(Facts {
        accounts: accounts_in(&[("accounts/1/auth.json", "bob")]),
        ..Facts::default()
    })
}

fn acts(model: &Model, key: Key) -> bool {
    let after = &mut model.clone();
    let effects = update(after, Message::Key(key));
    !effects.is_empty() || format!("{after:?}") != format!("{model:?}")
}

/// Returns whether a key works on every screen: Ctrl-C quits, and `?` shows the help.
fn is_everywhere(key: Key, letters: bool) -> bool {
    key == Key::Ctrl('c') || (key == Key::Char('?') && !letters)
}

fn edits(key: Key) -> bool {
    let mut field = TextField::with_text("ab cd").unwrap();
    field.press(Key::Left).unwrap();
    let before = (field.text().to_owned(), field.cursor());
    field.press(key).unwrap();
    key != Key::Ctrl('u') && before != (field.text().to_owned(), field.cursor())
}

fn all_keys() -> Vec<Key> {
    let named = [
        Key::Enter,
        Key::Esc,
        Key::Tab,
        Key::BackTab,
        Key::Backspace,
        Key::Delete,
        Key::Left,
        Key::Right,
        Key::Up,
        Key::Down,
        Key::Home,
        Key::End,
    ];
    let chars = (' '..='~').map(Key::Char);
    chars
        .chain(('a'..='z').map(Key::Ctrl))
        .chain(named)
        .collect()
}

#[test]
fn every_key_that_does_something_is_in_the_table_of_its_screen() {
    for (name, model) in screens() {
        let rows = describe(&model).keys;
        let letters = takes_letters(&model.screen);
        for pressed in all_keys() {
            let key = if letters {
                pressed
            } else {
                command(&model, pressed)
            };
            let is_listed = rows.iter().any(|row| row.keys.contains(&key))
                || is_everywhere(key, letters)
                || (letters && edits(key));
            let shown = match pressed {
                Key::Char(c) => c.to_string(),
                key => format!("{key:?}"),
            };
            assert!(is_listed || !acts(&model, pressed), "{name}: {shown}");
        }
    }
}

#[test]
fn every_row_of_the_table_does_something() {
    for (name, model) in screens() {
        for row in describe(&model).keys {
            let what = format!("{name}: {row:?}");
            assert!(row.keys.iter().any(|key| acts(&model, *key)), "{what}");
            let first = row.presses().first();
            assert!(
                first.is_none_or(|key| acts(&model, *key) || row.words.is_empty()),
                "{what}"
            );
            assert!(
                row.footer.is_empty() || letters_or_help(&model, &row),
                "{what}"
            );
        }
    }
}

/// Returns whether the help shows the row, or the screen takes letters and so has no help.
fn letters_or_help(model: &Model, row: &KeyRow) -> bool {
    takes_letters(&model.screen) || !row.help.is_empty()
}

#[test]
fn a_word_of_a_dialogue_has_one_meaning_on_a_screen() {
    for (name, model) in screens() {
        let rows = describe(&model).keys;
        let mut words: Vec<&str> = rows.iter().flat_map(|row| row.words).copied().collect();
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count, "{name}: {words:?}");
    }
}
