//! Signed in already; the other accounts, if there are any.
//!
//! ```text
//! Signed in with your ChatGPT account
//!
//! Account    ada@example.com
//! Plan       Plus
//! Refreshed  2026-05-03 09:12 UTC
//! Stored     ChatGPT tokens in /home/ada/.codex/auth.json
//!
//! › 1  Keep ada, the active account
//!   2  Use work (ada@example.org)
//!   3  Add an account
//!   4  Sign out of ada
//! ```

use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{
    account as facts_of, beneath, busy, choice, fact, note, notices, remark, running, title,
};
use super::rows::{Row, paragraph};
use crate::onboarding::known::SignedIn;
use crate::onboarding::model::{AccountScreen, AccountStep, Model};
use crate::onboarding::theme::Theme;
use crate::onboarding::wording;

pub(super) fn layout(model: &Model, account: &AccountScreen, theme: Theme, space: Space) -> Layout {
    let mut layout = Layout::default();
    let facts = &model.facts;
    layout.add(match &account.step {
        AccountStep::Choosing => title(&wording::accounts(facts), space),
        AccountStep::Confirming => title(&wording::sign_out_question(facts), space),
        AccountStep::SigningOut => busy(model, "Signing out", space),
        AccountStep::Using => busy(model, "Changing the active account", space),
        AccountStep::ConfirmingUse(other, _) => title(&wording::use_question(other), space),
    });
    if let Some(signed_in) = &facts.signed_in {
        layout.add_group(who(model, signed_in, space));
    }
    layout.add_all(account.note.iter().flat_map(|it| note(it, theme, space)));
    layout.add_all(notices(model, space));
    match &account.step {
        AccountStep::Choosing => {
            let rows = choices(model, account, theme, space);
            layout.add(Block::new(Weight::Needed, rows).apart());
        }
        AccountStep::Confirming => {
            let costs = wording::sign_out_costs(facts);
            layout.add(ask(
                &format!("{costs} Press y to sign out, n to stay signed in."),
                space,
            ));
        }
        AccountStep::ConfirmingUse(_, programs) => {
            let text = wording::programs_run(programs);
            layout.add(ask(
                &format!("{text} Press y to switch anyway, n to cancel."),
                space,
            ));
        }
        AccountStep::SigningOut | AccountStep::Using => {}
    }
    layout.add_all(running(model, space));
    for warning in wording::account_remarks(facts) {
        layout.add(remark(Weight::Useful, warning, space).apart());
    }
    layout
}

fn ask(text: &str, space: Space) -> Block {
    let rows = paragraph(text, Theme::text(), space.text);
    Block::new(Weight::Needed, rows).apart()
}

/// The choices, as many as there is room for, with the one that is pointed at among them.
fn choices(model: &Model, account: &AccountScreen, theme: Theme, space: Space) -> Vec<Row> {
    let all = model.facts.account_choices();
    // A heading and the account are above them.
    let mut room = usize::from(space.area.height).saturating_sub(3).max(1);
    let is_cut = all.len() > room;
    if is_cut {
        room = room.saturating_sub(1).max(1);
    }
    let first = account.selected.saturating_sub(room - 1);
    let shown = all.iter().enumerate().skip(first).take(room);
    let rows = shown.flat_map(|(at, &it)| {
        let label = wording::account_choice(it, model);
        choice(at + 1, &label, at == account.selected, theme, space)
    });
    let mut rows: Vec<_> = rows.collect();
    if is_cut {
        let text = format!("{} of {}", account.selected + 1, all.len());
        rows.extend(beneath(&text, Theme::quiet(), space));
    }
    rows
}

fn who(model: &Model, signed_in: &SignedIn, space: Space) -> Vec<Block> {
    let mut facts = facts_of(&signed_in.account, None, space);
    if let Some((name, age)) = &signed_in.age {
        facts.push(fact(Weight::Explaining, name, age, space));
    }
    let stored = format!("{} in {}", signed_in.stored, model.facts.auth_file);
    facts.push(fact(Weight::Explaining, "Stored", &stored, space));
    facts
}
