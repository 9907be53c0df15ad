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

use super::field::{self, Look};
use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{busy, note, notices, remark, title};
use super::rows::{address, paragraph};
use crate::onboarding::model::{ApiKeyScreen, Model};
use crate::onboarding::theme::Theme;
use crate::onboarding::wording;

pub(super) fn layout(model: &Model, screen: &ApiKeyScreen, theme: Theme, space: Space) -> Layout {
    let mut layout = Layout::default();
    layout.add(if screen.saving {
        busy(model, "Saving your API key", space)
    } else {
        title("Provide your own API key", space)
    });
    if let Some(page) = model.facts.product.api_key.page.as_deref() {
        let create = paragraph("Create a key at:", Theme::text(), space.text);
        layout.add(Block::new(Weight::Explaining, create).apart());
        let link = address(page, page, Theme::link(), space.text, false);
        // A person who has a problem has a key.
        let weight = match screen.note {
            Some(_) => Weight::Explaining,
            None => Weight::Useful,
        };
        layout.add(Block::new(weight, link));
    }
    let look = Look {
        focused: !screen.saving,
        placeholder: "Paste or type your key",
        revealed: screen.revealed,
    };
    let row = field::row(&screen.field, look, theme, space.text);
    layout.add(Block::new(Weight::Needed, vec![row]).apart());
    layout.add_all(screen.note.iter().flat_map(|it| note(it, theme, space)));
    layout.add_all(notices(model, space));
    if let Some(text) = environment(model, screen) {
        let offer = paragraph(&text, Theme::text(), space.text);
        layout.add(Block::new(Weight::Important, offer).apart());
    }
    if let Some(text) = wording::stays_signed_in(&model.facts) {
        layout.add(remark(Weight::Important, &text, space).apart());
    }
    layout
}

/// Returns the offer of the key in the environment, which is never used unasked.
fn environment(model: &Model, screen: &ApiKeyScreen) -> Option<String> {
    let offer = wording::environment_key(&model.facts)?;
    if screen.from_environment {
        let variable = wording::key_variable(&model.facts);
        return Some(format!("This is {variable}. Press Enter to save it."));
    }
    Some(format!("{offer} Press Ctrl-O to use it."))
}
