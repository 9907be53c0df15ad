//! Signed in already.
//!
//! ```text
//! Signed in with your ChatGPT account
//!
//! Account    ada@example.com
//! Plan       Plus
//! Refreshed  2026-05-03 09:12 UTC
//! Stored     ChatGPT tokens in /home/ada/.codex/auth.json
//!
//! › 1  Keep this account
//!   2  Switch account
//!   3  Sign out
//! ```

use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{account as facts_of, busy, choice, fact, note, remark, title};
use super::rows::paragraph;
use crate::onboarding::model::{AccountChoice, AccountScreen, AccountStep, Model};
use crate::onboarding::theme::Theme;
use crate::onboarding::wording;

pub(super) fn layout(model: &Model, account: &AccountScreen, theme: Theme, space: Space) -> Layout {
    let mut layout = Layout::default();
    let how = wording::signed_in(&account.signed_in.account.mode, &model.facts.product);
    layout.add(match account.step {
        AccountStep::Choosing => title(&how, space),
        AccountStep::Confirming => title("Sign out?", space),
        AccountStep::SigningOut => busy(model, "Signing out", space),
    });
    layout.add_group(facts(model, account, space));
    layout.add_all(account.note.iter().flat_map(|it| note(it, theme, space)));
    match account.step {
        AccountStep::Choosing => {
            let choices = AccountChoice::ALL.iter().enumerate();
            let choices = choices.flat_map(|(at, &it)| {
                let label = wording::account_choice(it);
                choice(at + 1, label, at == account.selected, theme, space)
            });
            layout.add(Block::new(Weight::Needed, choices.collect()).apart());
        }
        AccountStep::Confirming => {
            let mode = &account.signed_in.account.mode;
            let costs = wording::sign_out_costs(mode, &model.facts);
            let ask = format!("{costs} Press y to sign out, n to stay signed in.");
            layout.add(
                Block::new(Weight::Needed, paragraph(&ask, Theme::text(), space.text)).apart(),
            );
        }
        AccountStep::SigningOut => {}
    }
    for warning in &model.facts.warnings {
        layout.add(remark(Weight::Useful, warning, space).apart());
    }
    layout
}

fn facts(model: &Model, account: &AccountScreen, space: Space) -> Vec<Block> {
    let signed_in = &account.signed_in;
    let mut facts = facts_of(&signed_in.account, space);
    if let Some(refreshed) = &signed_in.refreshed {
        facts.push(fact(Weight::Explaining, "Refreshed", refreshed, space));
    }
    let stored = format!("{} in {}", signed_in.stored, model.facts.auth_file);
    facts.push(fact(Weight::Explaining, "Stored", &stored, space));
    facts
}
