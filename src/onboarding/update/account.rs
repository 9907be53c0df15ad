//! Keys of the account screen, and how signing out ends.

use super::{Next, choices, chosen, pointed};
use crate::auth::Revocation;
use crate::error::Error;
use crate::onboarding::Ended;
use crate::onboarding::effect::Effect;
use crate::onboarding::message::Key;
use crate::onboarding::model::{AccountChoice, AccountScreen, AccountStep, Facts, Note};
use crate::onboarding::wording;

pub(super) fn press(screen: &mut AccountScreen, key: Key, facts: &Facts) -> Next {
    match screen.step {
        AccountStep::Choosing => choosing(screen, key, facts),
        AccountStep::Confirming => confirming(screen, key),
        AccountStep::SigningOut => Next::stay(),
    }
}

fn choosing(screen: &mut AccountScreen, key: Key, facts: &Facts) -> Next {
    let list = &AccountChoice::ALL;
    if let Some(at) = pointed(screen.selected, list.len(), key) {
        screen.selected = at;
        return Next::stay();
    }
    if let Some((at, choice)) = chosen(list, screen.selected, key) {
        screen.selected = at;
        return choose(screen, choice, facts);
    }
    match key {
        Key::Esc | Key::Char('q') => Next::carry_out(Effect::Quit(Ended::SignedIn)),
        _ => Next::stay(),
    }
}

fn choose(screen: &mut AccountScreen, choice: AccountChoice, facts: &Facts) -> Next {
    match choice {
        AccountChoice::Keep => Next::carry_out(Effect::Quit(Ended::SignedIn)),
        AccountChoice::Switch => Next::show(choices(facts, None)),
        AccountChoice::SignOut => {
            screen.step = AccountStep::Confirming;
            screen.note = None;
            Next::stay()
        }
    }
}

/// Only a clear yes signs out: Enter would be pressed by a person in a hurry.
fn confirming(screen: &mut AccountScreen, key: Key) -> Next {
    match key {
        Key::Char('y' | 'Y') => {
            screen.step = AccountStep::SigningOut;
            Next::carry_out(Effect::SignOut)
        }
        Key::Char('n' | 'N' | 'q') | Key::Esc => {
            screen.step = AccountStep::Choosing;
            Next::stay()
        }
        _ => Next::stay(),
    }
}

pub(super) fn signed_out(facts: &mut Facts, revocation: &Revocation) -> Next {
    facts.signed_in = None;
    facts.replaces_api_key = false;
    let note = Note::Info(wording::signed_out(revocation).to_owned());
    Next::show(choices(facts, Some(note)))
}

pub(super) fn not_signed_out(screen: &mut AccountScreen, error: Error) -> Next {
    screen.step = AccountStep::Choosing;
    screen.note = Some(Note::Problem(error));
    Next::stay()
}
