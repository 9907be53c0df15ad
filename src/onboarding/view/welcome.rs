//! The choices.
//!
//! ```text
//! WORDMARK
//!
//! Sign in to use Codex in your terminal.
//!
//! ✗ what is wrong with the stored credentials
//!
//! › 1  Sign in with ChatGPT
//!      Included with your ChatGPT plan
//!   2  Provide your own API key
//!      …
//! ```

use ratatui::text::Span;

use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{beneath, choice, note, remark};
use super::rows::{Row, paragraph};
use crate::onboarding::model::{Choice, Facts, Model, WelcomeScreen};
use crate::onboarding::theme::Theme;
use crate::onboarding::wording;

const WORDMARK: &str = include_str!("../../../assets/wordmark.txt");

pub(super) fn layout(model: &Model, welcome: &WelcomeScreen, theme: Theme, space: Space) -> Layout {
    let mut layout = Layout::default();
    layout.add(wordmark(theme, space));
    let what = "Sign in to use Codex in your terminal";
    layout.add(
        Block::new(
            Weight::Explaining,
            paragraph(what, Theme::text(), space.text),
        )
        .apart(),
    );
    layout.add_all(welcome.note.iter().flat_map(|it| note(it, theme, space)));
    for (digit, way) in (1..).zip(Choice::ALL) {
        let chosen = way == welcome.selected;
        let label = choice(digit, wording::label(way), chosen, theme, space);
        layout.add(Block::new(Weight::Needed, label).apart());
        layout.add(reason(way, &model.facts, space));
    }
    layout.add_group(remarks(model, space));
    layout
}

/// Two rows of half blocks, or the name where they don't fit.
fn wordmark(theme: Theme, space: Space) -> Block {
    let name = paragraph("codex onboarding", Theme::strong(), space.text);
    let wide = WORDMARK
        .lines()
        .any(|line| line.chars().count() > usize::from(space.text));
    if wide {
        return Block::new(Weight::Decoration, name).apart();
    }
    let rows = WORDMARK
        .lines()
        .map(|line| Row::of(vec![Span::styled(line, theme.accent())]))
        .collect();
    Block::new(Weight::Decoration, rows).or(name).apart()
}

/// One line of why, or why not.
fn reason(choice: Choice, facts: &Facts, space: Space) -> Block {
    if let Some(reason) = choice.forbidden(facts) {
        return Block::new(Weight::Important, beneath(&reason, Theme::text(), space));
    }
    Block::new(
        Weight::Useful,
        beneath(wording::why(choice), Theme::quiet(), space),
    )
}

fn remarks(model: &Model, space: Space) -> Vec<Block> {
    wording::remarks(&model.facts)
        .iter()
        .map(|text| remark(Weight::Important, text, space))
        .collect()
}
