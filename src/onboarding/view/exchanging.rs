//! Approved; tokens are being fetched and saved.
//!
//! ```text
//! ⠋ Finishing sign-in
//! ```

use super::fit::{Block, Weight};
use super::page::{Page, Space};
use super::parts::{busy, note};
use super::rows::paragraph;
use crate::onboarding::model::{Model, SignInScreen};
use crate::onboarding::theme::Theme;

pub(super) fn page(model: &Model, attempt: &SignInScreen, theme: Theme, space: Space) -> Page {
    let mut page = Page::default();
    page.add(busy(model, "Finishing sign-in", space));
    let what = "You approved it. Fetching your credentials and saving them.";
    page.add(
        Block::new(
            Weight::Explaining,
            paragraph(what, Theme::text(), space.text),
        )
        .apart(),
    );
    page.add_all(attempt.note.iter().flat_map(|it| note(it, theme, space)));
    page
}
