//! What every message means: the only place where the model changes.

mod account;
mod api_key;
mod sign_in;
#[cfg(test)]
mod tests;
mod welcome;

use std::time::Duration;

use super::Ended;
use super::clock::Expiry;
use super::effect::Effect;
use super::message::{Key, Message};
use super::model::{
    AccountScreen, AccountStep, CodeStep, Facts, FailureScreen, Model, Note, Screen, WelcomeScreen,
};
use crate::auth;
use crate::error::Error;
use crate::sign_in::Status;

/// Takes in what happened, and answers what is to be done about it.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    match message {
        Message::Key(key) => press(model, key),
        Message::Paste(text) => match &mut model.screen {
            Screen::Waiting(attempt) | Screen::DeviceCode(attempt) => {
                sign_in::paste(attempt, &text)
            }
            Screen::ApiKey(screen) => api_key::paste(screen, &text),
            _ => Vec::new(),
        },
        Message::Line(text) => match &mut model.screen {
            Screen::Waiting(attempt) | Screen::DeviceCode(attempt) => sign_in::line(attempt, &text),
            Screen::ApiKey(screen) => api_key::line(screen, &text),
            _ => Vec::new(),
        },
        Message::NoteRead => {
            if let Some(note) = note_of(&mut model.screen) {
                *note = None;
            }
            Vec::new()
        }
        Message::Tick(now) => tick(model, now),
        Message::Status(status) => report(model, status),
        Message::StartFailed(error) => start_failed(model, error),
        Message::AlreadySaved(account) => already_saved(model, account),
        Message::ApiKeySaved(Ok(account)) => succeed(model, account),
        Message::ApiKeySaved(Err(error)) => api_key::save_failed(model, error),
        Message::SignedOut(result) => account::signed_out(model, result),
        Message::Copied => copied(model),
        Message::PasteRefused(error) | Message::BrowserFailed(error) => {
            note(model, Note::Problem(error))
        }
        Message::Redraw => Vec::new(),
    }
}

/// Ctrl-C and the overlay come first; everything else is the screen's own affair.
fn press(model: &mut Model, key: Key) -> Vec<Effect> {
    if key == Key::Ctrl('c') {
        return vec![Effect::Quit(outcome(&model.screen))];
    }
    if model.help {
        model.help = false;
        return Vec::new();
    }
    if key == Key::Char('?') && !takes_letters(&model.screen) {
        model.help = true;
        return Vec::new();
    }
    match &model.screen {
        Screen::Welcome(_) => welcome::press(model, key),
        Screen::Waiting(_) => sign_in::press_waiting(model, key),
        Screen::DeviceCode(_) => sign_in::press_device_code(model, key),
        Screen::Exchanging(_) if key == Key::Esc => sign_in::cancel(model),
        Screen::Exchanging(_) => Vec::new(),
        Screen::ApiKey(_) => api_key::press(model, key),
        Screen::Success(_) => match key {
            Key::Enter | Key::Esc | Key::Char('q') => vec![Effect::Quit(Ended::SignedIn)],
            _ => Vec::new(),
        },
        Screen::Failure(_) => press_failure(model, key),
        Screen::Account(_) => account::press(model, key),
    }
}

/// Whether `?` is text here.
pub(super) fn takes_letters(screen: &Screen) -> bool {
    match screen {
        Screen::Waiting(attempt) => attempt.typing,
        Screen::ApiKey(_) => true,
        _ => false,
    }
}

/// What leaving from this screen comes to.
fn outcome(screen: &Screen) -> Ended {
    match screen {
        Screen::Account(account) if account.step == AccountStep::SigningOut => Ended::Cancelled,
        Screen::Success(_) | Screen::Account(_) => Ended::SignedIn,
        _ => Ended::Cancelled,
    }
}

fn press_failure(model: &mut Model, key: Key) -> Vec<Effect> {
    let Screen::Failure(FailureScreen { method, .. }) = &model.screen else {
        return Vec::new();
    };
    match key {
        Key::Char('r') => {
            let method = *method;
            sign_in::start(model, method)
        }
        Key::Char('d') => sign_in::start(model, super::Method::DeviceCode),
        Key::Esc => back_to_choices(model, None),
        _ => Vec::new(),
    }
}

fn tick(model: &mut Model, now: Duration) -> Vec<Effect> {
    model.now = now;
    if let Some(attempt) = model.screen.attempt_mut() {
        attempt.since.get_or_insert(now);
        if let CodeStep::Issued { expiry, .. } = &mut attempt.code
            && let Expiry::In(left) = *expiry
        {
            *expiry = Expiry::At(now.saturating_add(left));
        }
    }
    Vec::new()
}

fn report(model: &mut Model, status: Status) -> Vec<Effect> {
    match status {
        // On disk is on disk, wherever the person has gone meanwhile.
        Status::Completed(account) => succeed(model, account),
        Status::Notice(text) => note(model, Note::Info(text)),
        Status::Exchanging => sign_in::exchanging(model),
        Status::Failed(error) => sign_in::failed(model, error),
        Status::Url(link) => sign_in::link(model, link),
        Status::DeviceCode(code) => sign_in::device_code(model, code),
        Status::DeviceCodeFailed(error) => {
            if let Some(attempt) = model.screen.attempt_mut() {
                attempt.code = CodeStep::Failed(error);
            }
            Vec::new()
        }
    }
}

fn start_failed(model: &mut Model, error: Error) -> Vec<Effect> {
    if model.screen.attempt_mut().is_some() {
        return back_to_choices(model, Some(Note::Problem(error)));
    }
    Vec::new()
}

/// A newer attempt may already run when a cancel turns out to have come too late.
fn already_saved(model: &mut Model, account: auth::Account) -> Vec<Effect> {
    let newer = model.screen.attempt_mut().is_some();
    succeed(model, account);
    if newer {
        vec![Effect::CancelSignIn]
    } else {
        Vec::new()
    }
}

fn succeed(model: &mut Model, account: auth::Account) -> Vec<Effect> {
    model.help = false;
    model.screen = Screen::Success(account);
    Vec::new()
}

fn copied(model: &mut Model) -> Vec<Effect> {
    let text = match &model.screen {
        Screen::Waiting(_) => "Link sent to your terminal's clipboard. Not there? Press u",
        Screen::DeviceCode(_) => "Code sent to your terminal's clipboard",
        _ => return Vec::new(),
    };
    note(model, Note::Info(text.to_owned()))
}

/// Shows a line, where the screen has one.
fn note(model: &mut Model, note: Note) -> Vec<Effect> {
    if let Some(line) = note_of(&mut model.screen) {
        *line = Some(note);
    }
    Vec::new()
}

fn note_of(screen: &mut Screen) -> Option<&mut Option<Note>> {
    match screen {
        Screen::Waiting(attempt) | Screen::DeviceCode(attempt) | Screen::Exchanging(attempt) => {
            Some(&mut attempt.note)
        }
        Screen::ApiKey(screen) => Some(&mut screen.note),
        Screen::Account(screen) => Some(&mut screen.note),
        Screen::Welcome(screen) => Some(&mut screen.note),
        Screen::Success(_) | Screen::Failure(_) => None,
    }
}

/// The choices, with something to say above them or what the caller had to say.
fn back_to_choices(model: &mut Model, note: Option<Note>) -> Vec<Effect> {
    let mut welcome = WelcomeScreen::new(&model.facts);
    if note.is_some() {
        welcome.note = note;
    }
    model.help = false;
    model.screen = Screen::Welcome(welcome);
    Vec::new()
}

/// The account, for those who came from there; the choices have no other way back.
fn back_to_account(facts: &Facts) -> Option<Screen> {
    let signed_in = facts.signed_in.clone()?;
    Some(Screen::Account(AccountScreen::new(signed_in)))
}
