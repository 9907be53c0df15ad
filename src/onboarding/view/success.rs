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
use crate::auth::{Account, Mode};
use crate::onboarding::model::Model;
use crate::onboarding::theme::Theme;

pub(super) fn page(model: &Model, account: &Account, theme: Theme, space: Space) -> Page {
    let mut page = Page::default();
    let words = match account.mode {
        Mode::ChatGpt => "Signed in with your ChatGPT account",
        Mode::ApiKey => "API key configured",
        Mode::Other(_) => "Signed in",
    };
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
        let text = "your API organization still has to be set up: add a payment method \
                    at platform.openai.com.";
        page.add(remark(Weight::Needed, text, space).apart());
    }
    let next = if model.facts.demo {
        "That was the demo, and none of it is kept. Run codex-onboarding to sign in for real."
    } else {
        "Run codex to start: it finds this sign-in by itself."
    };
    page.add(Block::new(Weight::Needed, paragraph(next, Theme::text(), space.text)).apart());
    page
}
