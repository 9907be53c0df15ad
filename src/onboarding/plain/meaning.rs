//! The meaning of a line on the screen that it answers: words for the full screen's keys.

use secrecy::SecretString;

use crate::onboarding::message::{Key, Message, command_char};
use crate::onboarding::model::{
    AccountScreen, AccountStep, CodeStep, Method, Model, Screen, SignInScreen, SignInStep,
};

/// Longest word. Every callback is longer, and an unknown word usually is not.
const LONGEST_WORD: usize = 8;

/// The meaning of a line.
pub enum Meaning {
    /// It stands for these.
    Messages(Vec<Message>),
    /// It asks for the screen to be repeated.
    Repeat,
    /// It means nothing here.
    Unknown,
}

/// Reads a line as an answer to the screen. A word may be in any case and have blanks around
/// it.
pub fn read(model: &Model, line: &str) -> Meaning {
    // A longer text is no word. It may be a secret, which is not copied.
    let word = match line.trim() {
        text if text.len() <= LONGEST_WORD => text.chars().map(command_char).collect(),
        _ => String::new(),
    };
    let word = letter(&model.screen, &word).map_or(word, String::from);
    match word.as_str() {
        "?" | "help" => return Meaning::Repeat,
        "q" | "quit" => return key(Key::Ctrl('c')),
        _ => {}
    }
    match &model.screen {
        Screen::Welcome(_) => welcome(model, &word),
        Screen::SignIn(screen) => match screen.step {
            SignInStep::Waiting => waiting(model, screen, &word, line),
            SignInStep::DeviceCode => device_code(model, screen, &word, line),
            SignInStep::Exchanging => match word.as_str() {
                "c" | "cancel" => key(Key::Esc),
                _ => Meaning::Unknown,
            },
        },
        Screen::ApiKey(_) => api_key(model, &word, line),
        Screen::Success(_) => match word.as_str() {
            "" => key(Key::Enter),
            "e" | "end" => key(Key::Char('e')),
            _ => Meaning::Unknown,
        },
        Screen::Failure(_) => match word.as_str() {
            "r" | "retry" => key(Key::Char('r')),
            "d" | "device" => key(Key::Char('d')),
            "b" | "back" => key(Key::Esc),
            _ => Meaning::Unknown,
        },
        Screen::Account(account) => of_account(model, account, &word),
        Screen::Keep(_) => match word.as_str() {
            "" | "y" | "yes" | "1" => key(Key::Char('1')),
            "n" | "no" | "2" => key(Key::Char('2')),
            _ => Meaning::Unknown,
        },
    }
}

/// Returns the letter that a digit stands for, as on the full screen: a keyboard whose layout is
/// not Latin has digits. The letters that this dialogue does without, or reads otherwise (`c`
/// copies there and cancels here), have none.
fn letter(screen: &Screen, word: &str) -> Option<char> {
    let at = word.parse::<usize>().ok()?.checked_sub(1)?;
    let letter = screen.commands().get(at).copied();
    letter.filter(|letter| !matches!(letter, 'c' | 'u' | 'p'))
}

fn key(key: Key) -> Meaning {
    Meaning::Messages(vec![Message::Key(key)])
}

fn welcome(model: &Model, word: &str) -> Meaning {
    match word {
        "b" | "back" if model.facts.knows_accounts() => key(Key::Esc),
        _ => digit(word, model.facts.welcome_choices().len()),
    }
}

fn waiting(model: &Model, screen: &SignInScreen, word: &str, line: &str) -> Meaning {
    let local = model.facts.remote.is_none();
    match word {
        "o" | "open" if local && screen.link.is_some() => key(Key::Char('o')),
        "d" | "device" => key(Key::Char('d')),
        "c" | "cancel" => key(Key::Esc),
        "l" | "link" => Meaning::Repeat,
        _ => pasted_address(line),
    }
}

fn device_code(model: &Model, screen: &SignInScreen, word: &str, line: &str) -> Meaning {
    let local = model.facts.remote.is_none();
    let from_link = screen.method == Method::Browser;
    match (word, &screen.code) {
        ("o" | "open", CodeStep::Issued { .. }) if local => key(Key::Char('o')),
        ("r" | "retry", CodeStep::Failed(_)) => key(Key::Char('r')),
        ("b" | "back", _) if from_link => key(Key::Esc),
        // Esc goes to the link, and from there to the choices.
        ("c" | "cancel", _) if from_link => {
            Meaning::Messages(vec![Message::Key(Key::Esc), Message::Key(Key::Esc)])
        }
        ("c" | "cancel", _) => key(Key::Esc),
        _ => pasted_address(line),
    }
}

fn api_key(model: &Model, word: &str, line: &str) -> Meaning {
    match word {
        "b" | "back" => key(Key::Esc),
        // The only answer that uses this key.
        "e" if model.facts.environment_key.is_some() => {
            Meaning::Messages(vec![Message::Key(Key::Ctrl('o')), Message::Key(Key::Enter)])
        }
        _ => pasted(line),
    }
}

fn of_account(model: &Model, account: &AccountScreen, word: &str) -> Meaning {
    match (&account.step, word) {
        (AccountStep::Choosing, _) => line_of(word, model.facts.account_choices().len()),
        (AccountStep::Confirming | AccountStep::ConfirmingUse(..), "y" | "yes") => {
            key(Key::Char('y'))
        }
        (AccountStep::Confirming | AccountStep::ConfirmingUse(..), "n" | "no") => {
            key(Key::Char('n'))
        }
        _ => Meaning::Unknown,
    }
}

/// The digit of a line in a list of `count`.
fn digit(word: &str, count: usize) -> Meaning {
    match word.chars().collect::<Vec<_>>()[..] {
        [digit @ '1'..='9'] if digit as usize - '0' as usize <= count => key(Key::Char(digit)),
        _ => Meaning::Unknown,
    }
}

/// The keys for a line of a list that may be longer than there are digits.
fn line_of(word: &str, count: usize) -> Meaning {
    match word.parse::<usize>() {
        Ok(number) if (1..=count).contains(&number) => {
            let down = std::iter::repeat_n(Key::Down, number - 1);
            let keys = std::iter::once(Key::Home).chain(down).chain([Key::Enter]);
            Meaning::Messages(keys.map(Message::Key).collect())
        }
        _ => Meaning::Unknown,
    }
}

fn pasted_address(line: &str) -> Meaning {
    if line.trim().len() <= LONGEST_WORD {
        return Meaning::Unknown;
    }
    pasted(line)
}

fn pasted(line: &str) -> Meaning {
    Meaning::Messages(vec![Message::Line(SecretString::from(line))])
}
