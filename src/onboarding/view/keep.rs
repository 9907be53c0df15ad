//! Signed in to another account: is the one from before kept?
//!
//! ```text
//! Keep ada (ada@example.com)?
//!
//! You are now signed in as bob@example.com.
//!
//! › 1  Keep it, so that you can switch back
//!   2  Remove it from this machine
//! ```

use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{busy, choice, notices, title};
use super::rows::paragraph;
use crate::onboarding::model::{KeepScreen, Model};
use crate::onboarding::theme::Theme;
use crate::onboarding::wording;

pub(super) fn layout(model: &Model, screen: &KeepScreen, theme: Theme, space: Space) -> Layout {
    let mut layout = Layout::default();
    if screen.removing {
        layout.add(busy(model, "Removing the account", space));
        return layout;
    }
    layout.add(title(&wording::keep_question(&screen.before), space));
    let now = wording::instead(&screen.account);
    let now = paragraph(&now, Theme::text(), space.text);
    layout.add(Block::new(Weight::Important, now).apart());
    let choices = KeepScreen::CHOICES.iter().enumerate();
    let choices = choices.flat_map(|(at, &it)| {
        let label = wording::keep_choice(it);
        choice(at + 1, label, at == screen.selected, theme, space)
    });
    layout.add(Block::new(Weight::Needed, choices.collect()).apart());
    layout.add_all(notices(model, space));
    layout
}
