//! Keys of the API key screen.

use secrecy::{ExposeSecret, SecretString};

use super::back_to_choices;
use crate::auth::check_api_key;
use crate::error::Error;
use crate::onboarding::effect::Effect;
use crate::onboarding::message::Key;
use crate::onboarding::model::{ApiKeyScreen, Choice, Model, Note, Screen};
use crate::onboarding::text_field::TextField;

pub(super) fn press(model: &mut Model, key: Key) -> Vec<Effect> {
    let Screen::ApiKey(screen) = &mut model.screen else {
        return Vec::new();
    };
    // The file is being written: let it end, so that what is said is true.
    if screen.saving {
        return Vec::new();
    }
    match key {
        Key::Enter => save(screen),
        Key::Esc => {
            back_to_choices(model, None);
            if let Screen::Welcome(welcome) = &mut model.screen {
                welcome.selected = Choice::ApiKey;
            }
            Vec::new()
        }
        Key::Tab => {
            screen.revealed = !screen.revealed;
            Vec::new()
        }
        Key::Ctrl('o') => {
            if let Some(key) = &model.facts.environment_key {
                take_from_environment(screen, key);
            }
            Vec::new()
        }
        key => {
            let before = screen.field.chars();
            let fits = screen.field.press(key);
            if fits.is_err() || screen.field.chars() != before {
                screen.from_environment = false;
                screen.note = judge(fits.is_ok(), screen);
            }
            Vec::new()
        }
    }
}

pub(super) fn paste(screen: &mut ApiKeyScreen, text: &SecretString) -> Vec<Effect> {
    if !screen.saving {
        // The line break that a copied line ends in is nobody's mistake.
        let fits = screen.field.insert(text.expose_secret().trim());
        screen.from_environment = false;
        screen.note = judge(fits.is_ok(), screen);
    }
    Vec::new()
}

/// A whole line is a whole key: it stands in the field alone, and is saved.
pub(super) fn line(screen: &mut ApiKeyScreen, text: &SecretString) -> Vec<Effect> {
    if screen.saving {
        return Vec::new();
    }
    screen.field.clear();
    screen.from_environment = false;
    if screen.field.insert(text.expose_secret().trim()).is_err() {
        screen.note = judge(false, screen);
        return Vec::new();
    }
    save(screen)
}

pub(super) fn save_failed(model: &mut Model, error: Error) -> Vec<Effect> {
    if let Screen::ApiKey(screen) = &mut model.screen {
        screen.saving = false;
        screen.note = Some(Note::Problem(error));
    }
    Vec::new()
}

fn take_from_environment(screen: &mut ApiKeyScreen, key: &SecretString) {
    match TextField::with_text(key.expose_secret().trim()) {
        Ok(field) => {
            screen.field = field;
            screen.from_environment = true;
            screen.note = judge(true, screen);
        }
        Err(_) => screen.note = judge(false, screen),
    }
}

fn save(screen: &mut ApiKeyScreen) -> Vec<Effect> {
    screen.note = if screen.field.is_blank() {
        Some(problem("Type or paste an API key first".to_owned()))
    } else {
        judge(true, screen)
    };
    if screen.note.is_some() {
        return Vec::new();
    }
    screen.saving = true;
    vec![Effect::SaveApiKey(screen.field.secret())]
}

fn judge(fits: bool, screen: &ApiKeyScreen) -> Option<Note> {
    if !fits {
        return Some(problem("That is too long for an API key".to_owned()));
    }
    if screen.field.is_blank() {
        return None;
    }
    // Its hint stands on the screen already.
    let refusal = check_api_key(screen.field.text()).err()?;
    Some(problem(refusal.message().to_owned()))
}

fn problem(sentence: String) -> Note {
    Note::Problem(Error::usage(sentence))
}
