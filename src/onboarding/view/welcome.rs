//! The choices.
//!
//! ```text
//! WORDMARK
//!
//! Sign in to use Codex in your terminal
//!
//! ✗ /home/ada/.codex/auth.json is damaged at line 3, column 25: it is not JSON
//! → Repair the file, or sign in again to replace it
//!
//! › 1  Sign in with ChatGPT
//!      Included with your ChatGPT plan
//!   2  Provide your own API key
//!      …
//! ```

use ratatui::text::Span;

use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{beneath, choice, note, notices, remark};
use super::rows::{Row, paragraph};
use crate::onboarding::model::{Model, WelcomeChoice, WelcomeScreen, forbidden};
use crate::onboarding::theme::Theme;
use crate::onboarding::wording;
use crate::product::Product;

pub(super) fn layout(model: &Model, welcome: &WelcomeScreen, theme: Theme, space: Space) -> Layout {
    let mut layout = Layout::default();
    let product = &model.facts.product;
    layout.add(wordmark(product, theme, space));
    layout.add(
        Block::new(
            Weight::Explaining,
            paragraph(&product.purpose, Theme::text(), space.text),
        )
        .apart(),
    );
    layout.add_all(welcome.note.iter().flat_map(|it| note(it, theme, space)));
    layout.add_all(notices(model, space));
    for (digit, way) in (1..).zip(model.facts.welcome_choices()) {
        let chosen = way == welcome.selected;
        let label = wording::label_of(way, product);
        let label = choice(digit, &label, chosen, theme, space);
        layout.add(Block::new(Weight::Needed, label).apart());
        layout.add(reason(way, model, space));
    }
    layout.add_group(remarks(model, space));
    layout
}

/// Returns the wordmark, or the name where it does not fit.
fn wordmark(product: &Product, theme: Theme, space: Space) -> Block {
    let name = paragraph(&product.title, Theme::strong(), space.text);
    let wordmark = product.wordmark.as_deref().unwrap_or_default();
    let wide = wordmark
        .lines()
        .any(|line| line.chars().count() > usize::from(space.text));
    if wide || wordmark.is_empty() {
        return Block::new(Weight::Decoration, name).apart();
    }
    let rows = wordmark
        .lines()
        .map(|line| Row::of(vec![Span::styled(line.to_owned(), theme.accent())]))
        .collect();
    Block::new(Weight::Decoration, rows).or(name).apart()
}

/// Returns one line on why to choose it, or why it cannot be chosen.
fn reason(choice: WelcomeChoice, model: &Model, space: Space) -> Block {
    let is_plain = |choice| forbidden(choice, &model.facts).is_none();
    let (weight, style) = match choice {
        WelcomeChoice::Begin(choice) if is_plain(choice) => (Weight::Useful, Theme::quiet()),
        _ => (Weight::Important, Theme::text()),
    };
    let why = wording::why_of(choice, model);
    Block::new(weight, beneath(&why, style, space))
}

fn remarks(model: &Model, space: Space) -> Vec<Block> {
    wording::remarks(&model.facts)
        .iter()
        .map(|text| remark(Weight::Important, text, space))
        .collect()
}
