//! Keys of the API key screen, and how saving the key ends.

use secrecy::{ExposeSecret, SecretString};

use super::Next;
use crate::auth::SecretKind;
use crate::error::Error;
use crate::onboarding::effect::Effect;
use crate::onboarding::message::Key;
use crate::onboarding::model::{ApiKeyScreen, Facts, Note, Screen, WelcomeChoice, WelcomeScreen};
use crate::onboarding::text_field::{TextField, TooLong, last_4};
use crate::product::Choice;

/// The note about a key that is too short to show its last 4 characters.
const TOO_SHORT: &str = "It has too few characters to show any of them";

const TOO_LONG: &str = "The text is too long for an API key";

pub(super) fn press(screen: &mut ApiKeyScreen, key: Key, facts: &Facts) -> Next {
    // While the API key is being saved, no keystroke leaves the screen, so that the person sees the
    // result.
    if screen.saving {
        return Next::stay();
    }
    match key {
        Key::Enter => return save(screen),
        Key::Esc => return back(facts),
        Key::Tab if last_4(screen.field.text()).is_some() => screen.revealed = !screen.revealed,
        Key::Tab => screen.note = Some(Note::Info(TOO_SHORT.to_owned())),
        Key::Ctrl('o') => {
            if let Some(key) = &facts.environment_key {
                take_from_environment(screen, key, facts.key_variable());
            }
        }
        key => {
            let before = screen.field.chars();
            let fits = screen.field.press(key);
            if fits.is_err() || screen.field.chars() != before {
                judge(screen, fits);
            }
        }
    }
    Next::stay()
}

/// Returns to the choices, with the pointer on the API key.
fn back(facts: &Facts) -> Next {
    let api_key = WelcomeChoice::Begin(Choice::ApiKey);
    let mut choices = facts.welcome_choices().into_iter();
    let selected = choices.position(|choice| choice == api_key);
    Next::show(Screen::Welcome(WelcomeScreen {
        selected: selected.unwrap_or(0),
        ..WelcomeScreen::new(facts)
    }))
}

pub(super) fn paste(screen: &mut ApiKeyScreen, text: &SecretString) -> Next {
    if !screen.saving {
        let fits = screen.field.insert(normalized(text).expose_secret());
        judge(screen, fits);
    }
    Next::stay()
}

/// Replaces the field's text by a whole line, and saves it.
pub(super) fn line(screen: &mut ApiKeyScreen, text: &SecretString) -> Next {
    if screen.saving {
        return Next::stay();
    }
    screen.field.clear();
    let next = paste(screen, text);
    if screen.note.is_some() {
        next
    } else {
        save(screen)
    }
}

fn take_from_environment(screen: &mut ApiKeyScreen, key: &SecretString, variable: &str) {
    let checked = SecretKind::ApiKey.check(key.expose_secret());
    let taken = checked.and_then(|key| {
        let too_long = |_| Error::usage(TOO_LONG);
        TextField::with_text(key.expose_secret()).map_err(too_long)
    });
    match taken {
        Ok(field) => {
            screen.field = field;
            screen.from_environment = true;
            screen.note = None;
        }
        Err(error) => {
            let problem = format!("{variable} cannot be used: {}", error.message());
            screen.note = Some(self::problem(&problem));
        }
    }
}

/// Returns a key as it will be saved, so that the field shows its true last characters. From any
/// other text, only trims the line break that a copied line often ends with.
fn normalized(text: &SecretString) -> SecretString {
    let text = text.expose_secret();
    SecretKind::ApiKey
        .check(text)
        .unwrap_or_else(|_| text.trim().into())
}

fn save(screen: &mut ApiKeyScreen) -> Next {
    screen.note = if screen.field.is_blank() {
        Some(problem("Type or paste an API key first"))
    } else {
        refusal(screen)
    };
    if screen.note.is_some() {
        return Next::stay();
    }
    screen.saving = true;
    Next::carry_out(Effect::SaveApiKey(screen.field.secret()))
}

/// Notes the problem with the edited text, if there is one.
fn judge(screen: &mut ApiKeyScreen, fits: Result<(), TooLong>) {
    screen.from_environment = false;
    screen.note = match fits {
        Ok(()) => refusal(screen),
        Err(TooLong) => Some(problem(TOO_LONG)),
    };
}

/// Returns the reason why the text cannot be saved as a key. An empty field has no problem yet.
fn refusal(screen: &ApiKeyScreen) -> Option<Note> {
    if screen.field.is_blank() {
        return None;
    }
    // The hint is dropped, because it is on the screen already.
    let refusal = SecretKind::ApiKey.check(screen.field.text()).err()?;
    Some(problem(refusal.message()))
}

fn problem(sentence: &str) -> Note {
    Note::Problem(Error::usage(sentence))
}
