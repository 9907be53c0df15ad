//! Keys of the question whether the account from before is kept.

use super::{Next, chosen, pointed, succeed};
use crate::auth::Account;
use crate::auth::accounts::StoredAccount;
use crate::error::Result;
use crate::onboarding::effect::Effect;
use crate::onboarding::message::Key;
use crate::onboarding::model::{KeepScreen, Screen};

/// Asks, with the pointer on keeping it.
pub(super) fn ask(account: Account, before: Box<StoredAccount>) -> Next {
    Next::show(Screen::Keep(KeepScreen {
        account,
        before,
        selected: 0,
        removing: false,
    }))
}

pub(super) fn press(screen: &mut KeepScreen, key: Key) -> Next {
    if screen.removing {
        return Next::stay();
    }
    // The first choice keeps the account, the second removes it.
    let list = [true, false];
    if let Some(at) = pointed(screen.selected, list.len(), key) {
        screen.selected = at;
        return Next::stay();
    }
    let keeps = match (chosen(&list, screen.selected, key), key) {
        (Some((_, keeps)), _) => keeps,
        (None, Key::Esc | Key::Char('y' | 'q')) => true,
        (None, Key::Char('n')) => false,
        _ => return Next::stay(),
    };
    if keeps {
        return done(screen);
    }
    screen.removing = true;
    Next::carry_out(Effect::RemoveAccount(screen.before.clone()))
}

fn done(screen: &KeepScreen) -> Next {
    succeed(screen.account.clone())
}

pub(super) fn removed(screen: &KeepScreen, result: Result<()>, notices: &mut Vec<String>) -> Next {
    if let Err(error) = result {
        notices.push(format!(
            "Could not remove {}: {}",
            screen.before.description(),
            error.in_full()
        ));
    }
    done(screen)
}
