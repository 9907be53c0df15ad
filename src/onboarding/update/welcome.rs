//! Keys of the choices.

use super::{Next, chosen, pointed, sign_in};
use crate::error::Error;
use crate::onboarding::Ended;
use crate::onboarding::effect::Effect;
use crate::onboarding::message::Key;
use crate::onboarding::model::{
    AccountScreen, ApiKeyScreen, Facts, Method, Note, Screen, WelcomeChoice, WelcomeScreen,
    forbidden,
};
use crate::product::Choice;

pub(super) fn press(screen: &mut WelcomeScreen, key: Key, facts: &Facts) -> Next {
    let choices = facts.welcome_choices();
    let at = choices
        .iter()
        .position(|choice| *choice == screen.selected)
        .unwrap_or(0);
    if let Some(at) = pointed(at, choices.len(), key) {
        screen.selected = choices[at];
        return Next::stay();
    }
    if let Some((_, choice)) = chosen(&choices, at, key) {
        return choose(screen, choice, facts);
    }
    match key {
        Key::Char('q') => Next::carry_out(Effect::Quit(Ended::Cancelled)),
        Key::Esc => back(facts),
        _ => Next::stay(),
    }
}

fn choose(screen: &mut WelcomeScreen, choice: WelcomeChoice, facts: &Facts) -> Next {
    screen.selected = choice;
    let WelcomeChoice::Begin(choice) = choice else {
        return sign_in::resume(facts);
    };
    // The reason is below the choice.
    if forbidden(choice, facts).is_some() {
        let refusal = Error::usage("That choice is not allowed here");
        screen.note = Some(Note::Problem(refusal));
        return Next::stay();
    }
    match choice {
        Choice::Account => sign_in::start(Method::Browser),
        Choice::DeviceCode => sign_in::start(Method::DeviceCode),
        Choice::ApiKey => Next {
            screen: Some(Screen::ApiKey(ApiKeyScreen::default())),
            effects: vec![Effect::CheckStore],
        },
    }
}

/// Goes back to the account, for a person who wanted to switch.
fn back(facts: &Facts) -> Next {
    if facts.knows_accounts() {
        Next::show(Screen::Account(AccountScreen::default()))
    } else {
        Next::carry_out(Effect::Quit(Ended::Cancelled))
    }
}
