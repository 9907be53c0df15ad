//! The only place where the model changes: decides what each message means.
//!
//! The functions of a screen receive the screen and a message, and return the [`Next`] screen and
//! effects.

mod api_key;
mod choices;
mod sign_in;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::Ended;
use super::effect::Effect;
use super::known::Running;
use super::message::{Key, Message};
use super::model::{
    AccountScreen, AccountStep, Facts, FailureScreen, KeepScreen, Method, Model, Note, Screen,
    SignInStep, SuccessScreen, WelcomeScreen,
};
use super::screens::describe;
use crate::auth::{Account, Mode};
use crate::error::Result;
use crate::sign_in::Status;

/// The next screen, unless it stays, and the effects to carry out.
#[derive(Debug, Default)]
struct Next {
    screen: Option<Screen>,
    effects: Vec<Effect>,
}

impl Next {
    /// Keeps the screen, without an effect.
    fn stay() -> Self {
        Self::default()
    }

    /// Shows another screen.
    fn show(screen: Screen) -> Self {
        Self {
            screen: Some(screen),
            ..Self::default()
        }
    }

    /// Keeps the screen, with an effect.
    fn carry_out(effect: Effect) -> Self {
        Self::stay().and(effect)
    }

    /// Adds an effect.
    fn and(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

/// Looks for programs that still use the previous credentials.
const LOOK: Effect = Effect::LookForRunning { earlier: false };

/// Returns the effects of the start.
pub fn first_effects(model: &Model) -> Vec<Effect> {
    match model.screen {
        Screen::Account(_) => vec![Effect::LookForRunning { earlier: true }],
        _ => Vec::new(),
    }
}

/// Changes the model by a message, and returns the effects to carry out.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    let message = message.advised(&model.facts.product);
    let waited = waits_for_callback(&model.screen);
    let next = handle(model, message);
    if next.effects.iter().any(Effect::begins_anew) {
        model.notices.clear();
    }
    for effect in &next.effects {
        match effect {
            // The interrupted sign-in now continues, so it is no longer offered.
            Effect::ResumeSignIn => model.facts.interrupted = None,
            Effect::LookForRunning { .. } => model.facts.running = None,
            Effect::EndRunning => {
                if let Some(running) = &mut model.facts.running {
                    running.ending = true;
                }
            }
            _ => {}
        }
    }
    if let Some(screen) = next.screen {
        model.screen = screen;
        model.help = false;
    }
    // Notices about the callback disappear once it has come, or the person leaves the sign-in.
    let waits = waits_for_callback(&model.screen);
    if waited && !waits && !matches!(model.screen, Screen::Success(_)) {
        model.notices.clear();
    }
    next.effects
}

fn waits_for_callback(screen: &Screen) -> bool {
    matches!(screen, Screen::SignIn(screen) if screen.step != SignInStep::Exchanging)
}

fn handle(model: &mut Model, message: Message) -> Next {
    match message {
        Message::Key(key) => return press(model, key),
        Message::Status(status) => return report(model, status),
        Message::SignedOut(Ok(revocation)) => {
            return choices::signed_out(&mut model.facts, &revocation);
        }
        Message::SignedInBeside(account, before) => {
            return Next::show(Screen::Keep(KeepScreen {
                account,
                before,
                selected: 0,
                removing: false,
            }));
        }
        Message::Tick(now) => tick(model, now),
        Message::NoteRead => set_note(&mut model.screen, None),
        Message::Problem(error) => set_note(&mut model.screen, Some(Note::Problem(error))),
        Message::Running(running) => model.facts.running = Some(running),
        Message::RunningEnded(result, left) => note_ended(model, result, left),
        message => return handle_on_screen(model, message),
    }
    Next::stay()
}

/// Handles a message for one screen only. The person may have left that screen by now.
fn handle_on_screen(model: &mut Model, message: Message) -> Next {
    match (&mut model.screen, message) {
        (Screen::SignIn(screen), Message::Paste(text)) => return sign_in::paste(screen, &text),
        (Screen::SignIn(screen), Message::Line(text)) => return sign_in::line(screen, &text),
        (Screen::SignIn(_), Message::StartFailed(error)) => {
            return Next::show(welcome(&model.facts, Some(Note::Problem(error))));
        }
        (Screen::ApiKey(screen), Message::Paste(text)) => return api_key::paste(screen, &text),
        (Screen::ApiKey(screen), Message::Line(text)) => return api_key::line(screen, &text),
        (Screen::ApiKey(screen), Message::ApiKeyNotSaved(error)) => {
            screen.saving = false;
            screen.note = Some(Note::Problem(error));
        }
        (Screen::Account(screen), Message::AccountUsed(Ok(known))) => {
            model.facts.accounts = *known;
            *screen = AccountScreen::default();
            screen.note = Some(Note::Info("This is now the active account".to_owned()));
            return Next::carry_out(LOOK);
        }
        (
            Screen::Account(screen),
            Message::AccountUsed(Err(error)) | Message::SignedOut(Err(error)),
        ) => {
            screen.step = AccountStep::Choosing;
            screen.note = Some(Note::Problem(error));
        }
        (Screen::Account(screen), Message::ProgramsRun(account, programs)) => {
            screen.step = AccountStep::ConfirmingUse(account, programs);
        }
        (Screen::Keep(screen), Message::AccountRemoved(result)) => {
            return choices::removed(screen, result, &mut model.notices);
        }
        (Screen::Success(screen), Message::Workspace(name)) => screen.workspace = Some(name),
        _ => {}
    }
    Next::stay()
}

/// Handles Ctrl-C and the overlay, and passes every other key to the screen.
fn press(model: &mut Model, key: Key) -> Next {
    if key == Key::Ctrl('c') {
        return Next::carry_out(Effect::Quit(quitting(&model.screen, &model.facts)));
    }
    let types = takes_letters(&model.screen) && !model.help;
    let key = if types { key } else { command(model, key) };
    model.foreign_letter = !types && !model.help && key.is_foreign_letter();
    if model.help {
        model.help = false;
        return Next::stay();
    }
    if key == Key::Char('?') && !types {
        model.help = true;
        return Next::stay();
    }
    let facts = &model.facts;
    match &mut model.screen {
        Screen::Welcome(screen) => choices::press_welcome(screen, key, facts),
        Screen::SignIn(screen) => sign_in::press(screen, key, facts),
        Screen::ApiKey(screen) => api_key::press(screen, key, facts),
        Screen::Success(_) => press_success(key, facts),
        Screen::Failure(screen) => press_failure(screen, key, facts),
        Screen::Account(screen) => choices::press_account(screen, key, facts),
        Screen::Keep(screen) => choices::press_keep(screen, key),
    }
}

/// Returns the command that a key stands for when no text is being typed.
fn command(model: &Model, key: Key) -> Key {
    let key = key.as_command();
    let Key::Char(c @ '1'..='9') = key else {
        return key;
    };
    let described = describe(model);
    let row = described.keys.iter().find(|row| row.digit == Some(c));
    row.map_or(key, |row| row.keys[0])
}

/// Returns whether `?` is text here.
fn takes_letters(screen: &Screen) -> bool {
    match screen {
        Screen::SignIn(screen) => screen.step == SignInStep::Waiting && screen.typing,
        Screen::ApiKey(_) => true,
        _ => false,
    }
}

/// Returns how the onboarding ends when the person quits on this screen.
fn quitting(screen: &Screen, facts: &Facts) -> Ended {
    match screen {
        Screen::Account(AccountScreen {
            step: AccountStep::SigningOut,
            ..
        }) => Ended::Cancelled,
        Screen::Account(_) => choices::leaving(facts),
        Screen::Success(_) | Screen::Keep(_) => Ended::SignedIn,
        _ => Ended::Cancelled,
    }
}

fn press_success(key: Key, facts: &Facts) -> Next {
    match key {
        Key::Char('e') if facts.endable().is_some() => Next::carry_out(Effect::EndRunning),
        Key::Enter | Key::Esc | Key::Char('q') => Next::carry_out(Effect::Quit(Ended::SignedIn)),
        _ => Next::stay(),
    }
}

fn press_failure(screen: &FailureScreen, key: Key, facts: &Facts) -> Next {
    match key {
        Key::Char('r') => sign_in::start(screen.method),
        Key::Char('d') => sign_in::start(Method::DeviceCode),
        Key::Esc => Next::show(welcome(facts, None)),
        _ => Next::stay(),
    }
}

fn tick(model: &mut Model, now: Duration) {
    model.now = now;
    // An expired interrupted sign-in disappears from the choices, and the pointer may be on it.
    let interrupted = model.facts.interrupted.as_ref();
    if interrupted.is_some_and(|it| it.expires_in <= now) {
        model.facts.interrupted = None;
        match &mut model.screen {
            Screen::Welcome(screen) => screen.selected = screen.selected.saturating_sub(1),
            Screen::Account(screen) => screen.selected = screen.selected.saturating_sub(1),
            _ => {}
        }
    }
    if let Screen::SignIn(screen) = &mut model.screen {
        sign_in::tick(screen, now);
    }
}

fn report(model: &mut Model, status: Status) -> Next {
    match (status, &mut model.screen) {
        // The credentials are saved, so show that, whatever screen the person is on by now.
        (Status::Completed(account), _) => return succeed(account),
        (Status::Waiting(text), screen) => set_note(screen, Some(Note::Info(text))),
        (Status::Notice(text), screen) => {
            if waits_for_callback(screen) {
                set_note(screen, Some(Note::Info(text.clone())));
            }
            // Several locks of one save may lead to the same notice.
            if !model.notices.contains(&text) {
                model.notices.push(text);
            }
        }
        (status, Screen::SignIn(screen)) => {
            // A new device code replaces the interrupted one.
            if matches!(status, Status::DeviceCode(_)) {
                model.facts.interrupted = None;
            }
            return sign_in::report(screen, status, &model.facts);
        }
        // The person has left the sign-in.
        _ => {}
    }
    Next::stay()
}

fn succeed(account: Account) -> Next {
    let asks = (account.mode == Mode::ChatGpt).then_some(Effect::AskWorkspace);
    let workspace = None;
    let mut next = Next::show(Screen::Success(SuccessScreen { account, workspace })).and(LOOK);
    next.effects.extend(asks);
    next
}

/// Notes how the programs that used the previous credentials were ended.
fn note_ended(model: &mut Model, result: Result<()>, left: Running) {
    let before = model.facts.running.replace(left).unwrap_or_default();
    let text = match result {
        Ok(()) => format!("{} has ended", before.programs.join(", ")),
        Err(error) => format!("warning: {}", error.in_full()),
    };
    model.notices.push(text);
}

/// Sets or removes the note of a screen that has one.
fn set_note(screen: &mut Screen, note: Option<Note>) {
    match screen {
        Screen::SignIn(screen) => screen.note = note,
        Screen::ApiKey(screen) => screen.note = note,
        Screen::Account(screen) => screen.note = note,
        Screen::Welcome(screen) => screen.note = note,
        Screen::Success(_) | Screen::Failure(_) | Screen::Keep(_) => {}
    }
}

/// Returns the welcome screen, with this note or else the host's.
fn welcome(facts: &Facts, note: Option<Note>) -> Screen {
    let screen = WelcomeScreen::new(facts);
    let note = note.or(screen.note);
    Screen::Welcome(WelcomeScreen { note, ..screen })
}
