//! Approved; tokens are being fetched and saved.
//!
//! ```text
//! ⠋ Finishing sign-in
//!
//! Approved. Fetching and saving your credentials.
//! ```

use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{busy, note, notices};
use super::rows::paragraph;
use crate::onboarding::model::{Model, SignInScreen};
use crate::onboarding::theme::Theme;

pub(super) fn layout(model: &Model, screen: &SignInScreen, theme: Theme, space: Space) -> Layout {
    let mut layout = Layout::default();
    layout.add(busy(model, "Finishing sign-in", space));
    let what = "Approved. Fetching and saving your credentials.";
    layout.add(
        Block::new(
            Weight::Explaining,
            paragraph(what, Theme::text(), space.text),
        )
        .apart(),
    );
    layout.add_all(notices(model, space));
    layout.add_all(screen.note.iter().flat_map(|it| note(it, theme, space)));
    layout
}
