//! The keys of the screens that are lists of choices: the first screen, the accounts, and whether
//! the previous account is kept.

use super::{LOOK, Next, sign_in, succeed, welcome};
use crate::auth::Revocation;
use crate::auth::accounts::StoredAccount;
use crate::error::{Error, Result};
use crate::onboarding::Ended;
use crate::onboarding::effect::Effect;
use crate::onboarding::message::Key;
use crate::onboarding::model::{
    AccountChoice, AccountScreen, AccountStep, ApiKeyScreen, Facts, KeepScreen, Method, Note,
    Screen, WelcomeChoice, WelcomeScreen, forbidden,
};
use crate::product::Choice;

/// Moves the pointer of a list, or returns the line that a key chooses: the selected line for
/// Enter, the line with that number for a digit.
fn choose<T: Copy>(list: &[T], pointer: &mut usize, key: Key) -> Option<T> {
    let end = list.len().saturating_sub(1);
    let (at, is_chosen) = match key {
        Key::Up | Key::BackTab | Key::Char('k') => (pointer.saturating_sub(1), false),
        Key::Down | Key::Tab | Key::Char('j') => (end.min(*pointer + 1), false),
        Key::Home => (0, false),
        Key::End => (end, false),
        Key::Enter => (*pointer, true),
        Key::Char(digit @ '1'..='9') => (digit as usize - '1' as usize, true),
        _ => return None,
    };
    let line = *list.get(at)?;
    *pointer = at;
    is_chosen.then_some(line)
}

pub(super) fn press_welcome(screen: &mut WelcomeScreen, key: Key, facts: &Facts) -> Next {
    let list = facts.welcome_choices();
    match (choose(&list, &mut screen.selected, key), key) {
        (Some(choice), _) => begin(screen, choice, facts),
        (None, Key::Char('q')) => Next::carry_out(Effect::Quit(Ended::Cancelled)),
        (None, Key::Esc) => back(facts),
        _ => Next::stay(),
    }
}

fn begin(screen: &mut WelcomeScreen, choice: WelcomeChoice, facts: &Facts) -> Next {
    let WelcomeChoice::Begin(choice) = choice else {
        return sign_in::resume(facts);
    };
    // The screen shows the reason below the choice.
    if forbidden(choice, facts).is_some() {
        let refusal = Error::usage("That choice is not allowed here");
        screen.note = Some(Note::Problem(refusal));
        return Next::stay();
    }
    match choice {
        Choice::Account => sign_in::start(Method::Browser),
        Choice::DeviceCode => sign_in::start(Method::DeviceCode),
        Choice::ApiKey => {
            Next::show(Screen::ApiKey(ApiKeyScreen::default())).and(Effect::CheckStore)
        }
    }
}

/// Returns to the accounts, if there are any.
fn back(facts: &Facts) -> Next {
    if facts.knows_accounts() {
        Next::show(Screen::Account(AccountScreen::default()))
    } else {
        Next::carry_out(Effect::Quit(Ended::Cancelled))
    }
}

pub(super) fn press_account(screen: &mut AccountScreen, key: Key, facts: &Facts) -> Next {
    match screen.step {
        AccountStep::Choosing => {
            let list = facts.account_choices();
            match (choose(&list, &mut screen.selected, key), key) {
                (Some(choice), _) => choose_account(screen, choice, facts),
                (None, Key::Esc | Key::Char('q')) => Next::carry_out(Effect::Quit(leaving(facts))),
                _ => Next::stay(),
            }
        }
        AccountStep::Confirming | AccountStep::ConfirmingUse(..) => confirm(screen, key),
        AccountStep::SigningOut | AccountStep::Using => Next::stay(),
    }
}

/// Returns how the onboarding ends when the person quits at the accounts.
pub(super) fn leaving(facts: &Facts) -> Ended {
    match facts.accounts.active {
        Some(_) => Ended::SignedIn,
        None => Ended::Cancelled,
    }
}

fn choose_account(screen: &mut AccountScreen, choice: AccountChoice, facts: &Facts) -> Next {
    screen.note = None;
    match choice {
        AccountChoice::Continue => sign_in::resume(facts),
        AccountChoice::Keep => Next::carry_out(Effect::Quit(Ended::SignedIn)),
        AccountChoice::Use(at) => match facts.accounts.parked.get(at) {
            Some(account) => use_account(screen, Box::new(account.clone()), false),
            None => Next::stay(),
        },
        AccountChoice::Switch => Next::show(welcome(facts, None)),
        AccountChoice::SignOut => {
            screen.step = AccountStep::Confirming;
            Next::stay()
        }
        AccountChoice::EndRunning => {
            // This choice is about to disappear.
            screen.selected = 0;
            Next::carry_out(Effect::EndRunning)
        }
    }
}

fn use_account(screen: &mut AccountScreen, account: Box<StoredAccount>, anyway: bool) -> Next {
    screen.step = AccountStep::Using;
    Next::carry_out(Effect::UseAccount { account, anyway })
}

/// Requires a clear yes. A person in a hurry would press Enter, but programs that still run may
/// overwrite credentials and so end a session.
fn confirm(screen: &mut AccountScreen, key: Key) -> Next {
    if !matches!(key, Key::Char('y' | 'n' | 'q') | Key::Esc) {
        return Next::stay();
    }
    match (std::mem::take(&mut screen.step), key) {
        (AccountStep::ConfirmingUse(account, _), Key::Char('y')) => {
            use_account(screen, account, true)
        }
        (_, Key::Char('y')) => {
            screen.step = AccountStep::SigningOut;
            Next::carry_out(Effect::SignOut)
        }
        // Back to the choices.
        _ => Next::stay(),
    }
}

/// Shows the remaining accounts, or the first choices.
pub(super) fn signed_out(facts: &mut Facts, revocation: &Revocation) -> Next {
    facts.accounts.active = None;
    facts.accounts.replaces_api_key = false;
    facts.accounts.problem = None;
    let note = Note::Info(how_it_ended(revocation).to_owned());
    let screen = if facts.accounts.parked.is_empty() {
        welcome(facts, Some(note))
    } else {
        Screen::Account(AccountScreen {
            note: Some(note),
            ..AccountScreen::default()
        })
    };
    Next::show(screen).and(LOOK)
}

/// Describes the result of signing out.
fn how_it_ended(revocation: &Revocation) -> &'static str {
    match revocation {
        Revocation::NotNeeded | Revocation::Revoked => "Signed out",
        Revocation::LeftAlive => "Signed out here. The session stays alive at the issuer",
        Revocation::Failed(_) => {
            "Signed out here. The issuer could not end the session: it ends when its tokens expire"
        }
    }
}

pub(super) fn press_keep(screen: &mut KeepScreen, key: Key) -> Next {
    if screen.removing {
        return Next::stay();
    }
    // The first choice keeps the account, the second removes it.
    match (choose(&[true, false], &mut screen.selected, key), key) {
        (Some(false), _) | (None, Key::Char('n')) => {
            screen.removing = true;
            Next::carry_out(Effect::RemoveAccount(screen.before.clone()))
        }
        (Some(true), _) | (None, Key::Esc | Key::Char('y' | 'q')) => {
            succeed(screen.account.clone())
        }
        _ => Next::stay(),
    }
}

pub(super) fn removed(screen: &KeepScreen, result: Result<()>, notices: &mut Vec<String>) -> Next {
    if let Err(error) = result {
        notices.push(format!(
            "Could not remove {}: {}",
            screen.before.description(),
            error.in_full()
        ));
    }
    succeed(screen.account.clone())
}
