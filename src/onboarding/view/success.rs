//! Signed in.
//!
//! ```text
//! ✓ Signed in with your ChatGPT account
//!
//! Account    ada@example.com
//! Plan       Plus
//! Saved in   ~/.codex/auth.json
//!
//! Run codex to start.
//! ```

use ratatui::text::Span;

use super::fit::{Block, Weight};
use super::page::{Page, Space};
use super::parts::{account as facts_of, fact, remark};
use super::rows::{hanging, paragraph};
use crate::auth::Account;
use crate::onboarding::model::Model;
use crate::onboarding::theme::Theme;
use crate::onboarding::wording;

pub(super) fn page(model: &Model, account: &Account, theme: Theme, space: Space) -> Page {
    let mut page = Page::default();
    let words = wording::succeeded(&account.mode);
    let title = hanging(
        &[Span::styled("✓ ", theme.good())],
        words,
        theme.good(),
        space.text,
    );
    page.add(Block::new(Weight::Needed, title).apart());
    let saved = fact(Weight::Important, "Saved in", &model.facts.auth_file, space);
    let facts = facts_of(account, space).into_iter().chain([saved]);
    page.add_group(facts);
    if account.needs_setup {
        page.add(remark(Weight::Needed, wording::NEEDS_SETUP, space).apart());
    }
    let next = wording::after_success(&model.facts);
    page.add(Block::new(Weight::Needed, paragraph(next, Theme::text(), space.text)).apart());
    page
}
