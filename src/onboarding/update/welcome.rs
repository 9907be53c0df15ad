//! Keys of the choices.

use super::{back_to_account, sign_in};
use crate::error::Error;
use crate::onboarding::Ended;
use crate::onboarding::effect::Effect;
use crate::onboarding::message::Key;
use crate::onboarding::model::{ApiKeyScreen, Choice, Method, Model, Note, Screen};

pub(super) fn press(model: &mut Model, key: Key) -> Vec<Effect> {
    let Screen::Welcome(welcome) = &mut model.screen else {
        return Vec::new();
    };
    let at = Choice::ALL
        .iter()
        .position(|choice| *choice == welcome.selected)
        .unwrap_or(0);
    match key {
        Key::Up | Key::BackTab | Key::Char('k') => select(model, at.saturating_sub(1)),
        Key::Down | Key::Tab | Key::Char('j') => select(model, at + 1),
        Key::Home => select(model, 0),
        Key::End => select(model, Choice::ALL.len() - 1),
        Key::Enter => choose(model, at),
        Key::Char('1') => choose(model, 0),
        Key::Char('2') => choose(model, 1),
        Key::Char('3') => choose(model, 2),
        Key::Char('q') => vec![Effect::Quit(Ended::Cancelled)],
        Key::Esc => back(model),
        _ => Vec::new(),
    }
}

fn select(model: &mut Model, at: usize) -> Vec<Effect> {
    if let (Screen::Welcome(welcome), Some(choice)) = (&mut model.screen, Choice::ALL.get(at)) {
        welcome.selected = *choice;
    }
    Vec::new()
}

fn choose(model: &mut Model, at: usize) -> Vec<Effect> {
    select(model, at);
    let choice = Choice::ALL[at];
    // The reason stands below the choice.
    if choice.forbidden(&model.facts).is_some() {
        let refusal = Error::usage("That choice is not allowed here");
        return super::note(model, Note::Problem(refusal));
    }
    match choice {
        Choice::ChatGpt => sign_in::start(model, Method::Browser),
        Choice::DeviceCode => sign_in::start(model, Method::DeviceCode),
        Choice::ApiKey => {
            model.screen = Screen::ApiKey(ApiKeyScreen::default());
            Vec::new()
        }
    }
}

/// Somebody who wanted to switch accounts still has the one they came from.
fn back(model: &mut Model) -> Vec<Effect> {
    if let Some(account) = back_to_account(&model.facts) {
        model.screen = account;
        return Vec::new();
    }
    vec![Effect::Quit(Ended::Cancelled)]
}
