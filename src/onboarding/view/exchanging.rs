//! Approved; tokens are being fetched and saved.
//!
//! ```text
//! ⠋ Finishing sign-in  0:43
//! ```

use super::page::{Block, Page, Space, Weight};
use super::parts::{busy, note};
use super::rows::paragraph;
use crate::onboarding::model::{Attempt, Model};
use crate::onboarding::theme::Theme;

pub(super) fn page(model: &Model, attempt: &Attempt, theme: Theme, space: Space) -> Page {
    let mut page = Page::default();
    page.add(busy(model, "Finishing sign-in", attempt.since, space));
    let what = "You approved it. Fetching your credentials and saving them.";
    page.add(
        Block::new(
            Weight::Explaining,
            paragraph(what, Theme::text(), space.text),
        )
        .apart(),
    );
    for block in attempt
        .note
        .iter()
        .flat_map(|line| note(line, theme, space))
    {
        page.add(block);
    }
    page
}
