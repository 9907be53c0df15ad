//! Keys of the account screen, and how signing out and using another account end.

use super::{LOOK, Next, choices, chosen, pointed, sign_in};
use crate::auth::Revocation;
use crate::auth::accounts::StoredAccount;
use crate::error::{Error, Result};
use crate::onboarding::Ended;
use crate::onboarding::effect::Effect;
use crate::onboarding::known::KnownAccounts;
use crate::onboarding::message::Key;
use crate::onboarding::model::{AccountChoice, AccountScreen, AccountStep, Facts, Note, Screen};

pub(super) fn press(screen: &mut AccountScreen, key: Key, facts: &Facts) -> Next {
    match &screen.step {
        AccountStep::Choosing => choosing(screen, key, facts),
        AccountStep::Confirming => confirming(screen, key),
        AccountStep::ConfirmingUse(account, _) => {
            let account = account.clone();
            confirming_use(screen, key, account)
        }
        AccountStep::SigningOut | AccountStep::Using => Next::stay(),
    }
}

fn choosing(screen: &mut AccountScreen, key: Key, facts: &Facts) -> Next {
    let list = facts.account_choices();
    if let Some(at) = pointed(screen.selected, list.len(), key) {
        screen.selected = at;
        return Next::stay();
    }
    if let Some((at, choice)) = chosen(&list, screen.selected, key) {
        screen.selected = at;
        return choose(screen, choice, facts);
    }
    match key {
        Key::Esc | Key::Char('q') => Next::carry_out(Effect::Quit(leaving(facts))),
        _ => Next::stay(),
    }
}

/// Returns how it ends when the person leaves the accounts.
pub(super) fn leaving(facts: &Facts) -> Ended {
    match facts.accounts.active {
        Some(_) => Ended::SignedIn,
        None => Ended::Cancelled,
    }
}

fn choose(screen: &mut AccountScreen, choice: AccountChoice, facts: &Facts) -> Next {
    screen.note = None;
    match choice {
        AccountChoice::Continue => sign_in::resume(facts),
        AccountChoice::Keep => Next::carry_out(Effect::Quit(Ended::SignedIn)),
        AccountChoice::Use(at) => match facts.accounts.parked.get(at) {
            Some(account) => use_account(screen, Box::new(account.clone()), false),
            None => Next::stay(),
        },
        AccountChoice::Switch => Next::show(choices(facts, None)),
        AccountChoice::SignOut => {
            screen.step = AccountStep::Confirming;
            Next::stay()
        }
        AccountChoice::EndRunning => {
            // The line goes.
            screen.selected = 0;
            Next::carry_out(Effect::EndRunning)
        }
    }
}

fn use_account(screen: &mut AccountScreen, account: Box<StoredAccount>, anyway: bool) -> Next {
    screen.step = AccountStep::Using;
    Next::carry_out(Effect::UseAccount { account, anyway })
}

/// Only a clear yes signs out: Enter would be pressed by a person in a hurry.
fn confirming(screen: &mut AccountScreen, key: Key) -> Next {
    match key {
        Key::Char('y') => {
            screen.step = AccountStep::SigningOut;
            Next::carry_out(Effect::SignOut)
        }
        Key::Char('n' | 'q') | Key::Esc => {
            screen.step = AccountStep::Choosing;
            Next::stay()
        }
        _ => Next::stay(),
    }
}

/// A clear yes here, too: what those programs save may end a session.
fn confirming_use(screen: &mut AccountScreen, key: Key, account: Box<StoredAccount>) -> Next {
    match key {
        Key::Char('y') => use_account(screen, account, true),
        Key::Char('n' | 'q') | Key::Esc => {
            screen.step = AccountStep::Choosing;
            Next::stay()
        }
        _ => Next::stay(),
    }
}

pub(super) fn programs_run(
    screen: &mut AccountScreen,
    account: Box<StoredAccount>,
    programs: Vec<String>,
) -> Next {
    screen.step = AccountStep::ConfirmingUse(account, programs);
    Next::stay()
}

pub(super) fn used(
    screen: &mut AccountScreen,
    facts: &mut Facts,
    known: Result<Box<KnownAccounts>>,
) -> Next {
    match known {
        Ok(known) => {
            facts.accounts = *known;
            *screen = AccountScreen::default();
            screen.note = Some(Note::Info("This is now the active account".to_owned()));
        }
        Err(error) => {
            screen.step = AccountStep::Choosing;
            screen.note = Some(Note::Problem(error));
            return Next::stay();
        }
    }
    Next::carry_out(LOOK)
}

/// Back to the accounts that are left, or to the choices.
pub(super) fn signed_out(facts: &mut Facts, revocation: &Revocation) -> Next {
    facts.accounts.active = None;
    facts.accounts.replaces_api_key = false;
    facts.accounts.problem = None;
    let note = Note::Info(how_it_ended(revocation).to_owned());
    let screen = if facts.accounts.parked.is_empty() {
        choices(facts, Some(note))
    } else {
        Screen::Account(AccountScreen {
            note: Some(note),
            ..AccountScreen::default()
        })
    };
    Next::show(screen).and(LOOK)
}

pub(super) fn not_signed_out(screen: &mut AccountScreen, error: Error) -> Next {
    screen.step = AccountStep::Choosing;
    screen.note = Some(Note::Problem(error));
    Next::stay()
}

/// Returns the result of signing out.
fn how_it_ended(revocation: &Revocation) -> &'static str {
    match revocation {
        Revocation::NotNeeded | Revocation::Revoked => "Signed out",
        Revocation::LeftAlive => "Signed out here. The session stays alive at the issuer",
        Revocation::Failed(_) => {
            "Signed out here. The issuer could not end the session: it ends when its tokens expire"
        }
    }
}
