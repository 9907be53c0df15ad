//! Signed in to another account: is the one from before kept?
//!
//! ```text
//! Keep ada (ada@example.com)?
//!
//! You are now signed in as bob@example.com.
//!
//! › 1  Keep it, so that you can switch back
//!   2  Remove it from this machine
//! ```

use super::keys::{self, row, unseen};
use super::{Described, Mark, Part, Weight};
use crate::auth::Account;
use crate::onboarding::message::Key;
use crate::onboarding::model::{KeepScreen, Model};
use crate::text::clean_short;

pub(super) fn describe<'a>(model: &'a Model, screen: &'a KeepScreen) -> Described<'a> {
    if screen.removing {
        return Described::busy("Removing the account");
    }
    let title = format!("Keep {}?", clean_short(&screen.before.description(), 80));
    let mut described = Described::new(title, Mark::Plain);
    described.add([Part::text(Weight::Important, instead(&screen.account))]);
    let lines = [
        "Keep it, so that you can switch back",
        "Remove it from this machine",
    ];
    described.add([Part::list(lines, screen.selected)]);
    described.add_news(None, model);
    let keep = row("Esc", "keep", "Keep it").or(['y', 'q'].map(Key::Char));
    described.keys.extend(keys::list(lines.len()));
    described.keys.extend([
        keep.said(&["", "y", "yes"], "press Enter to keep it"),
        unseen("n").said(&["n", "no"], ""),
        keys::help(),
    ]);
    described
}

/// Returns the account that is signed in now.
fn instead(account: &Account) -> String {
    let who = match (&account.email, &account.mode) {
        (Some(email), _) => format!("as {}", clean_short(email, 80)),
        (None, mode) => format!("with {}", clean_short(mode.words(), 40)),
    };
    format!("You are now signed in {who}.")
}
