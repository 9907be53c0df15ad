//! Keys of the question whether the account from before is kept.

use super::{Next, chosen, pointed, succeed};
use crate::auth::Account;
use crate::auth::accounts::StoredAccount;
use crate::error::Result;
use crate::onboarding::effect::Effect;
use crate::onboarding::message::Key;
use crate::onboarding::model::{KeepChoice, KeepScreen, Screen};

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
    let list = KeepScreen::CHOICES;
    if let Some(at) = pointed(screen.selected, list.len(), key) {
        screen.selected = at;
        return Next::stay();
    }
    match (chosen(&list, screen.selected, key), key) {
        (Some((at, KeepChoice::Remove)), _) => {
            screen.selected = at;
            remove(screen)
        }
        (None, Key::Char('n')) => remove(screen),
        (Some((_, KeepChoice::Keep)), _) | (None, Key::Esc | Key::Char('y' | 'q')) => done(screen),
        _ => Next::stay(),
    }
}

fn remove(screen: &mut KeepScreen) -> Next {
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
