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
use super::page::{Page, Space};
use super::parts::{beneath, choice, note, remark};
use super::rows::{Row, paragraph};
use crate::onboarding::model::{Choice, Facts, Model, Welcome};
use crate::onboarding::theme::Theme;

const WORDMARK: &str = include_str!("../../../assets/wordmark.txt");

pub(super) fn page(model: &Model, welcome: &Welcome, theme: Theme, space: Space) -> Page {
    let mut page = Page::default();
    page.add(wordmark(theme, space));
    let what = "Sign in to use Codex in your terminal";
    page.add(
        Block::new(
            Weight::Explaining,
            paragraph(what, Theme::text(), space.text),
        )
        .apart(),
    );
    page.add_all(welcome.note.iter().flat_map(|it| note(it, theme, space)));
    for (digit, way) in (1..).zip(Choice::ALL) {
        let chosen = way == welcome.selected;
        let label = choice(digit, label(way), chosen, theme, space);
        page.add(Block::new(Weight::Needed, label).apart());
        page.add(reason(way, &model.facts, space));
    }
    page.add_group(remarks(model, space));
    page
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

fn label(choice: Choice) -> &'static str {
    match choice {
        Choice::ChatGpt => "Sign in with ChatGPT",
        Choice::ApiKey => "Provide your own API key",
        Choice::DeviceCode => "Sign in with a device code",
    }
}

/// One line of why, or why not.
fn reason(choice: Choice, facts: &Facts, space: Space) -> Block {
    if let Some(reason) = choice.forbidden(facts) {
        return Block::new(Weight::Important, beneath(&reason, Theme::text(), space));
    }
    let why = match choice {
        Choice::ChatGpt => "Included with your ChatGPT plan",
        Choice::ApiKey => "Pay for what you use",
        Choice::DeviceCode => "For a machine without a browser",
    };
    Block::new(Weight::Useful, beneath(why, Theme::quiet(), space))
}

fn remarks(model: &Model, space: Space) -> Vec<Block> {
    let facts = &model.facts;
    let mut texts = Vec::new();
    if let Some(signed_in) = &facts.signed_in {
        let who = signed_in.account.email.as_deref().unwrap_or("You");
        texts.push(format!(
            "{who} stays signed in until another sign-in is complete."
        ));
    } else if facts.environment_key.is_some() && facts.problem.is_none() {
        texts.push(
            "OPENAI_API_KEY from the environment is in use. A sign-in here comes before it."
                .to_owned(),
        );
    }
    if facts.replaces_api_key {
        texts.push(format!(
            "signing in with ChatGPT drops the API key stored in {}.",
            facts.auth_file
        ));
    }
    texts.extend(facts.warnings.iter().cloned());
    texts
        .iter()
        .map(|text| remark(Weight::Important, text, space))
        .collect()
}
