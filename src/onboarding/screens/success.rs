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

use super::keys::{self, row};
use super::{Described, Mark, Part, Weight, account_facts, running, signed_in};
use crate::auth::Mode;
use crate::onboarding::message::Key;
use crate::onboarding::model::{Model, SuccessScreen};

pub(super) fn describe<'a>(model: &'a Model, screen: &'a SuccessScreen) -> Described<'a> {
    let (facts, account) = (&model.facts, &screen.account);
    let title = match &account.mode {
        Mode::ChatGpt => signed_in(&account.mode, &facts.product),
        Mode::ApiKey => "API key configured".to_owned(),
        _ => "Signed in".to_owned(),
    };
    let mut described = Described::new(title, Mark::Done);
    let saved = Part::fact(Weight::Important, "Saved in", &facts.auth_file);
    let who = account_facts(account, screen.workspace.as_deref());
    described.add_group(who.into_iter().chain([saved]));
    if account.needs_setup {
        let setup = "Your API organization is not set up yet: it still needs a payment method.";
        described.add([Part::remark(Weight::Needed, setup)]);
    }
    described.add_news(None, model);
    described.add(running(facts));
    let next = facts.product.next_step.as_ref();
    described.add([Part::text(Weight::Needed, next)]);
    let finish = row("Enter", "finish", "Quit").or([Key::Esc, Key::Char('q')]);
    let finish = finish.said(&[""], "press Enter to finish");
    described.keys = vec![finish, keys::help()];
    described.asks = None;
    if facts.endable().is_some() {
        let what = "End the program that uses the earlier sign-in";
        let end = row("e", "end it", what).digit('1');
        let end = end.said(&["e", "end"], "e to end it now");
        described.keys.insert(1, end);
        described.asks = Some("Type ");
    }
    described
}
