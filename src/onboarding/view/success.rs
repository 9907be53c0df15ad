//! Signed in.
//!
//! ```text
//! ✓ Signed in with your ChatGPT account
//!
//! Account    ada@example.com
//! Plan       Plus
//! Saved in   /home/ada/.codex/auth.json
//!
//! Run codex to start: it finds this sign-in by itself.
//! ```

use ratatui::text::Span;

use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{account as facts_of, fact, notices, remark, running};
use super::rows::{hanging, paragraph};
use crate::onboarding::model::{Model, SuccessScreen};
use crate::onboarding::theme::Theme;
use crate::onboarding::wording;

pub(super) fn layout(model: &Model, screen: &SuccessScreen, theme: Theme, space: Space) -> Layout {
    let account = &screen.account;
    let mut layout = Layout::default();
    let words = wording::succeeded(&account.mode, &model.facts.product);
    let title = hanging(
        &[Span::styled("✓ ", theme.good())],
        &words,
        theme.good(),
        space.text,
    );
    layout.add(Block::new(Weight::Needed, title).apart());
    let saved = fact(Weight::Important, "Saved in", &model.facts.auth_file, space);
    let facts = facts_of(account, screen.workspace.as_deref(), space)
        .into_iter()
        .chain([saved]);
    layout.add_group(facts);
    if account.needs_setup {
        layout.add(remark(Weight::Needed, wording::NEEDS_SETUP, space).apart());
    }
    layout.add_all(notices(model, space));
    layout.add_all(running(model, space));
    let next = wording::after_success(&model.facts);
    layout.add(Block::new(Weight::Needed, paragraph(next, Theme::text(), space.text)).apart());
    layout
}
