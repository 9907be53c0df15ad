//! Signed in since before.
//!
//! ```text
//! You are signed in
//!
//! Account    ada@example.com
//! Plan       Plus
//! Since      3 May 2026
//! Stored     ChatGPT tokens in ~/.codex/auth.json
//!
//! › 1  Keep this account
//!   2  Switch account
//!   3  Sign out
//! ```

use super::page::{Block, Page, Space, Weight};
use super::parts::{account as rows_of, busy, choice, fact, note, remark, title};
use super::rows::{Row, paragraph};
use crate::onboarding::model::{Account, AccountStep, Model};
use crate::onboarding::theme::Theme;

const LABELS: [&str; 3] = ["Keep this account", "Switch account", "Sign out"];

pub(super) fn page(model: &Model, account: &Account, theme: Theme, space: Space) -> Page {
    let mut page = Page::default();
    page.add(match account.step {
        AccountStep::Choosing => title("You are signed in", space),
        AccountStep::Confirming => title("Sign out?", space),
        AccountStep::SigningOut => busy(model, "Signing out", None, space),
    });
    page.add(Block::new(Weight::Important, facts(model, account, space)).apart());
    for block in account
        .note
        .iter()
        .flat_map(|line| note(line, theme, space))
    {
        page.add(block);
    }
    match account.step {
        AccountStep::Choosing => {
            let choices = (0..).zip(LABELS).flat_map(|(at, label)| {
                choice(at + 1, label, at == account.selected, theme, space)
            });
            page.add(Block::new(Weight::Needed, choices.collect()).apart());
        }
        AccountStep::Confirming => {
            let ask = format!(
                "This ends the session and deletes {}. Press y to sign out, n to keep it.",
                model.facts.auth_file
            );
            page.add(
                Block::new(Weight::Needed, paragraph(&ask, Theme::text(), space.text)).apart(),
            );
        }
        AccountStep::SigningOut => {}
    }
    for warning in &model.facts.warnings {
        page.add(remark(Weight::Useful, warning, space).apart());
    }
    page
}

fn facts(model: &Model, account: &Account, space: Space) -> Vec<Row> {
    let signed_in = &account.signed_in;
    let mut rows = rows_of(&signed_in.account, space);
    if let Some(since) = &signed_in.since {
        rows.extend(fact("Since", since, space));
    }
    let stored = format!("{} in {}", signed_in.stored, model.facts.auth_file);
    rows.extend(fact("Stored", &stored, space));
    rows
}
