//! An API key is typed or pasted.
//!
//! ```text
//! Provide your own API key
//!
//! Create a key at:
//! https://platform.openai.com/api-keys
//!
//! ▌ •••••••••••••••••••••••••ab12  29 characters
//!
//! ✗ The API key has a space at position 7
//!
//! OPENAI_API_KEY is set (ends in ab12). Press Ctrl-O to use it.
//! ```

use secrecy::ExposeSecret as _;

use super::keys::{self, BACK, row};
use super::{Described, Kind, Mark, Part, Weight, label, stays_signed_in};
use crate::auth::SecretKind;
use crate::onboarding::message::Key;
use crate::onboarding::model::{ApiKeyScreen, Facts, Model};
use crate::onboarding::text_field::last_4;
use crate::product::Choice;

pub(super) fn describe<'a>(model: &'a Model, screen: &'a ApiKeyScreen) -> Described<'a> {
    let facts = &model.facts;
    let mut described = if screen.saving {
        Described::busy("Saving your API key")
    } else {
        Described::new(label(Choice::ApiKey, &facts.product), Mark::Plain)
    };
    if let Some(page) = facts.product.api_key.page.as_deref() {
        // A person who has a key, even a bad one, does not need the page to create one.
        let weight = match screen.note {
            Some(_) => Weight::Explaining,
            None => Weight::Useful,
        };
        let create = Part::text(Weight::Explaining, "Create a key at:");
        described.add([create, Part::link(weight, page).joined()]);
    }
    let field = Kind::Field {
        field: &screen.field,
        focused: !screen.saving,
        revealed: screen.revealed,
        placeholder: "Paste or type your key",
    };
    described.add([Part::new(Weight::Needed, field)]);
    described.add_news(screen.note.as_ref(), model);
    described.add(environment(facts, screen.from_environment));
    described.add(stays_signed_in(facts));
    if !screen.saving {
        ask(&mut described, facts);
    }
    described
}

/// Returns the offer to use the key in the environment, which is never used unasked.
fn environment(facts: &Facts, taken: bool) -> Option<Part<'static>> {
    let key = facts.environment_key.as_ref()?;
    let variable = facts.key_variable();
    let (text, advice) = if taken {
        (format!("This is {variable}."), "Press Enter to save it.")
    } else {
        let key = SecretKind::ApiKey.check(key.expose_secret()).ok();
        let end = key.as_ref().and_then(|key| last_4(key.expose_secret()));
        let end = end.map_or_else(String::new, |end| format!(" (ends in {end})"));
        let text = format!("{variable} is set{end}.");
        (text, "Press Ctrl-O to use it.")
    };
    let offer = Kind::Advice(text.into(), advice);
    Some(Part::new(Weight::Important, offer))
}

fn ask(described: &mut Described<'_>, facts: &Facts) {
    described.keys.push(row("Enter", "save", ""));
    described.asks = Some("Paste or type your key (it stays hidden), or ");
    if facts.environment_key.is_some() {
        let offer = format!("type e to save {}", facts.key_variable());
        let take = row("Ctrl-O", "use the environment's key", "");
        // In a dialogue of lines, this answer both takes the key and saves it.
        let at_once = &[Key::Ctrl('o'), Key::Enter];
        let take = take.said(&["e"], offer).pressing(at_once);
        described.keys.push(take);
        described.asks = Some("Paste or type your key (it stays hidden), ");
    }
    described.keys.extend([
        row("Tab", "show last 4", ""),
        keys::clear(),
        row(BACK, "back", "").said(&["b", "back"], "type b to go back"),
    ]);
}
