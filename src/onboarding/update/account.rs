//! Keys of the account screen, and how signing out ends.

use super::back_to_choices;
use crate::auth::Revocation;
use crate::error::Result;
use crate::onboarding::Ended;
use crate::onboarding::effect::Effect;
use crate::onboarding::message::Key;
use crate::onboarding::model::{AccountScreen, AccountStep, Model, Note, Screen};
use crate::onboarding::wording;

/// Keep, switch, sign out.
const LAST: usize = 2;

pub(super) fn press(model: &mut Model, key: Key) -> Vec<Effect> {
    let Screen::Account(account) = &mut model.screen else {
        return Vec::new();
    };
    match account.step {
        AccountStep::Choosing => choosing(model, key),
        AccountStep::Confirming => confirming(account, key),
        AccountStep::SigningOut => Vec::new(),
    }
}

fn choosing(model: &mut Model, key: Key) -> Vec<Effect> {
    let Screen::Account(account) = &mut model.screen else {
        return Vec::new();
    };
    let at = account.selected;
    match key {
        Key::Up | Key::BackTab | Key::Char('k') => account.selected = at.saturating_sub(1),
        Key::Down | Key::Tab | Key::Char('j') => account.selected = (at + 1).min(LAST),
        Key::Home => account.selected = 0,
        Key::End => account.selected = LAST,
        Key::Enter => return choose(model, at),
        Key::Char('1') => return choose(model, 0),
        Key::Char('2') => return choose(model, 1),
        Key::Char('3') => return choose(model, 2),
        Key::Esc | Key::Char('q') => return vec![Effect::Quit(Ended::SignedIn)],
        _ => {}
    }
    Vec::new()
}

fn choose(model: &mut Model, at: usize) -> Vec<Effect> {
    let Screen::Account(account) = &mut model.screen else {
        return Vec::new();
    };
    account.selected = at;
    match at {
        0 => vec![Effect::Quit(Ended::SignedIn)],
        1 => back_to_choices(model, None),
        _ => {
            account.step = AccountStep::Confirming;
            account.note = None;
            Vec::new()
        }
    }
}

/// Only a clear yes signs out: Enter would be pressed by a person in a hurry.
fn confirming(account: &mut AccountScreen, key: Key) -> Vec<Effect> {
    match key {
        Key::Char('y' | 'Y') => {
            account.step = AccountStep::SigningOut;
            vec![Effect::SignOut]
        }
        Key::Char('n' | 'N' | 'q') | Key::Esc => {
            account.step = AccountStep::Choosing;
            Vec::new()
        }
        _ => Vec::new(),
    }
}

pub(super) fn signed_out(model: &mut Model, result: Result<Revocation>) -> Vec<Effect> {
    match (result, &mut model.screen) {
        (Ok(revocation), _) => {
            model.facts.signed_in = None;
            model.facts.replaces_api_key = false;
            back_to_choices(
                model,
                Some(Note::Info(wording::signed_out(&revocation).to_owned())),
            )
        }
        (Err(error), Screen::Account(account)) => {
            account.step = AccountStep::Choosing;
            account.note = Some(Note::Problem(error));
            Vec::new()
        }
        (Err(_), _) => Vec::new(),
    }
}
