//! The choices.
//!
//! ```text
//! WORDMARK
//!
//! Sign in to use Codex in your terminal
//!
//! ✗ /home/ada/.codex/auth.json is damaged at line 3, column 25: it is not JSON
//! → Repair the file, or sign in again to replace it
//!
//! › 1  Sign in with ChatGPT
//!      Included with your ChatGPT plan
//!   2  Provide your own API key
//!      …
//! ```

use std::borrow::Cow;

use super::keys::{self, row, unseen};
use super::{
    CONTINUE, Described, Item, Kind, Mark, Part, Weight, drops_api_key, interrupted, label,
    running, stays_signed_in,
};
use crate::onboarding::message::Key;
use crate::onboarding::model::{Facts, Model, WelcomeChoice, WelcomeScreen, forbidden};
use crate::product::Choice;

pub(super) fn describe<'a>(model: &'a Model, screen: &'a WelcomeScreen) -> Described<'a> {
    let facts = &model.facts;
    let choices = facts.welcome_choices();
    let mut described = Described::new(facts.product.purpose.as_ref(), Mark::Purpose);
    described.add_news(screen.note.as_ref(), model);
    let items = choices.iter().map(|&choice| item(choice, model)).collect();
    let selected = screen.selected;
    described.add([Part::new(Weight::Needed, Kind::Choices { items, selected })]);
    described.ends = facts.offer().map(|code| code.expires_in);
    described.add_group(remarks(facts, &choices));
    described.keys.extend(keys::list(choices.len()));
    let quit = if facts.knows_accounts() {
        let back = row("Esc", "back", "Go back to the account");
        let answer = "b to go back to the account";
        described.keys.push(back.said(&["b", "back"], answer));
        unseen("q")
    } else {
        row("q", "quit", "Quit (or Esc)").or([Key::Esc])
    };
    let quit = quit.said(&["q", "quit"], "q to quit");
    described.keys.extend([quit, keys::help()]);
    described
}

/// Returns a choice, with a reason to choose it or the reason why it cannot be chosen.
fn item(choice: WelcomeChoice, model: &Model) -> Item<'_> {
    let product = &model.facts.product;
    let (label, why, stressed): (_, Cow<'_, str>, _) = match choice {
        WelcomeChoice::Continue => {
            let code = interrupted(model).unwrap_or_default();
            (CONTINUE.into(), code.into(), true)
        }
        WelcomeChoice::Begin(choice) => {
            let label = label(choice, product);
            match (forbidden(choice, &model.facts), choice) {
                (Some(reason), _) => (label, reason.into(), true),
                (None, Choice::Account) => (label, product.account_reason.as_ref().into(), false),
                (None, Choice::ApiKey) => (label, "Pay for what you use".into(), false),
                (None, Choice::DeviceCode) => {
                    (label, "For a machine without a browser".into(), false)
                }
            }
        }
    };
    Item {
        label,
        why: Some(why),
        stressed,
    }
}

/// Returns the remarks below the choices.
fn remarks<'a>(facts: &'a Facts, choices: &[WelcomeChoice]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    if let Some(stays) = stays_signed_in(facts) {
        parts.push(stays);
    } else if facts.environment_key.is_some() && facts.first_problem().is_none() {
        let api_key = WelcomeChoice::Begin(Choice::ApiKey);
        let how = match choices.iter().position(|choice| *choice == api_key) {
            Some(at) => format!(": choose {} to store it", at + 1),
            None => String::new(),
        };
        let text = format!("{} is set, but not stored{how}.", facts.key_variable());
        parts.push(Part::remark(Weight::Important, text));
    }
    let begin = format!("Signing in with {}", facts.product.account);
    parts.extend(drops_api_key(&begin, facts));
    parts.extend(running(facts));
    let warnings = facts.all_warnings();
    parts.extend(warnings.map(|text| Part::remark(Weight::Important, text)));
    parts
}
