//! The meaning of every message: the only place where the model changes.
//!
//! Each screen has its functions: they receive the screen and what happened to it, and
//! return what comes [`Next`].

mod account;
mod api_key;
mod keep;
mod sign_in;
#[cfg(test)]
mod tests;
mod welcome;

use std::time::Duration;

use super::Ended;
use super::effect::Effect;
use super::known::Running;
use super::message::{Key, Message};
use super::model::{
    AccountStep, Facts, FailureScreen, Method, Model, Note, Screen, SignInStep, SuccessScreen,
    WelcomeScreen,
};
use super::screens::describe;
use crate::auth::{Account, Mode};
use crate::error::Result;
use crate::sign_in::Status;

/// The screen that follows, where another one does, and what is to be carried out.
#[derive(Debug, Default)]
struct Next {
    screen: Option<Screen>,
    effects: Vec<Effect>,
}

impl Next {
    /// The same screen, and nothing to carry out.
    fn stay() -> Self {
        Self::default()
    }

    /// Another screen.
    fn show(screen: Screen) -> Self {
        Self {
            screen: Some(screen),
            effects: Vec::new(),
        }
    }

    /// The same screen, and something to carry out.
    fn carry_out(effect: Effect) -> Self {
        Self::stay().and(effect)
    }

    /// With something more to carry out.
    fn and(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

/// Looks for what still uses the sign-in from before a change.
const LOOK: Effect = Effect::LookForRunning { earlier: false };

/// Returns what is to be carried out before anything has happened.
pub fn first_effects(model: &Model) -> Vec<Effect> {
    match model.screen {
        Screen::Account(_) => vec![Effect::LookForRunning { earlier: true }],
        _ => Vec::new(),
    }
}

/// Takes in what happened, and returns what is to be carried out.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    let message = message.advised(&model.facts.product);
    let waited = waits_for_callback(&model.screen);
    let next = take_in(model, message);
    if next.effects.iter().any(Effect::begins_anew) {
        model.notices.clear();
    }
    for effect in &next.effects {
        match effect {
            // It is taken up, and ends here.
            Effect::ResumeSignIn => model.facts.interrupted = None,
            Effect::LookForRunning { .. } => model.facts.running = None,
            Effect::EndRunning => set_ending(&mut model.facts, true),
            _ => {}
        }
    }
    if let Some(screen) = next.screen {
        model.screen = screen;
        model.help = false;
    }
    // What to do about a callback is of no interest once one has come, or the sign-in was left.
    let waits = waits_for_callback(&model.screen);
    if waited && !waits && !matches!(model.screen, Screen::Success(_)) {
        model.notices.clear();
    }
    next.effects
}

fn waits_for_callback(screen: &Screen) -> bool {
    matches!(screen, Screen::SignIn(screen) if screen.step != SignInStep::Exchanging)
}

fn take_in(model: &mut Model, message: Message) -> Next {
    match message {
        Message::Key(key) => press(model, key),
        Message::Paste(text) => match &mut model.screen {
            Screen::SignIn(screen) => sign_in::paste(screen, &text),
            Screen::ApiKey(screen) => api_key::paste(screen, &text),
            _ => Next::stay(),
        },
        Message::Line(text) => match &mut model.screen {
            Screen::SignIn(screen) => sign_in::line(screen, &text),
            Screen::ApiKey(screen) => api_key::line(screen, &text),
            _ => Next::stay(),
        },
        Message::NoteRead => set_note(&mut model.screen, None),
        Message::Tick(now) => tick(model, now),
        Message::Status(status) => report(model, status),
        Message::StartFailed(error) => match &model.screen {
            Screen::SignIn(_) => Next::show(choices(&model.facts, Some(Note::Problem(error)))),
            _ => Next::stay(),
        },
        Message::ApiKeyNotSaved(error) => match &mut model.screen {
            Screen::ApiKey(screen) => api_key::not_saved(screen, error),
            _ => Next::stay(),
        },
        Message::SignedOut(Ok(revocation)) => account::signed_out(&mut model.facts, &revocation),
        Message::SignedOut(Err(error)) => match &mut model.screen {
            Screen::Account(screen) => account::not_signed_out(screen, error),
            _ => Next::stay(),
        },
        Message::SignedInBeside(account, before) => keep::ask(account, before),
        Message::AccountRemoved(result) => match &model.screen {
            Screen::Keep(screen) => keep::removed(screen, result, &mut model.notices),
            _ => Next::stay(),
        },
        Message::AccountUsed(known) => match &mut model.screen {
            Screen::Account(screen) => account::used(screen, &mut model.facts, known),
            _ => Next::stay(),
        },
        Message::ProgramsRun(account, programs) => match &mut model.screen {
            Screen::Account(screen) => account::programs_run(screen, account, programs),
            _ => Next::stay(),
        },
        Message::Running(running) => {
            model.facts.running = Some(running);
            Next::stay()
        }
        Message::RunningEnded(result, left) => running_ended(model, result, left),
        Message::Workspace(name) => {
            if let Screen::Success(screen) = &mut model.screen {
                screen.workspace = Some(name);
            }
            Next::stay()
        }
        Message::PasteRefused(error) | Message::BrowserFailed(error) => {
            set_note(&mut model.screen, Some(Note::Problem(error)))
        }
    }
}

/// Ctrl-C and the overlay come first; every other key belongs to the screen.
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
        Screen::Welcome(screen) => welcome::press(screen, key, facts),
        Screen::SignIn(screen) => sign_in::press(screen, key, facts),
        Screen::ApiKey(screen) => api_key::press(screen, key, facts),
        Screen::Success(_) => press_success(key, facts),
        Screen::Failure(screen) => press_failure(screen, key, facts),
        Screen::Account(screen) => account::press(screen, key, facts),
        Screen::Keep(screen) => keep::press(screen, key),
    }
}

/// Returns what a key stands for where it types nothing.
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
        Screen::Account(screen) if matches!(screen.step, AccountStep::SigningOut) => {
            Ended::Cancelled
        }
        Screen::Account(_) => account::leaving(facts),
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
        Key::Esc => Next::show(choices(facts, None)),
        _ => Next::stay(),
    }
}

/// The line of a list of `count` that the pointer is on after this key, where the key
/// moves it.
fn pointed(at: usize, count: usize, key: Key) -> Option<usize> {
    let last = count.saturating_sub(1);
    match key {
        Key::Up | Key::BackTab | Key::Char('k') => Some(at.saturating_sub(1)),
        Key::Down | Key::Tab | Key::Char('j') => Some((at + 1).min(last)),
        Key::Home => Some(0),
        Key::End => Some(last),
        _ => None,
    }
}

/// The line that a key chooses at once: Enter the one pointed at, a digit its own.
fn chosen<T: Copy>(list: &[T], at: usize, key: Key) -> Option<(usize, T)> {
    let at = match key {
        Key::Enter => at,
        Key::Char(digit @ '1'..='9') => digit as usize - '1' as usize,
        _ => return None,
    };
    Some((at, *list.get(at)?))
}

fn tick(model: &mut Model, now: Duration) -> Next {
    model.now = now;
    // The choices that are offered change with it, and the pointer may stand on it.
    let interrupted = model.facts.interrupted.as_ref();
    if interrupted.is_some_and(|it| it.expires_in <= now) {
        model.facts.interrupted = None;
        match &mut model.screen {
            Screen::Welcome(screen) => screen.selected = WelcomeScreen::new(&model.facts).selected,
            Screen::Account(screen) => screen.selected = screen.selected.saturating_sub(1),
            _ => {}
        }
    }
    if let Screen::SignIn(screen) = &mut model.screen {
        sign_in::tick(screen, now);
    }
    Next::stay()
}

fn report(model: &mut Model, status: Status) -> Next {
    match (status, &mut model.screen) {
        // On disk is on disk, wherever the person has gone meanwhile.
        (Status::Completed(account), _) => succeed(account),
        (Status::Waiting(text), screen) => set_note(screen, Some(Note::Info(text))),
        (Status::Notice(text), screen) => {
            if waits_for_callback(screen) {
                set_note(screen, Some(Note::Info(text.clone())));
            }
            // One run may take a lock several times.
            if !model.notices.contains(&text) {
                model.notices.push(text);
            }
            Next::stay()
        }
        // It replaces the one that was left.
        (status @ Status::DeviceCode(_), Screen::SignIn(screen)) => {
            model.facts.interrupted = None;
            sign_in::report(screen, status, &model.facts)
        }
        (status, Screen::SignIn(screen)) => sign_in::report(screen, status, &model.facts),
        // The sign-in was left.
        _ => Next::stay(),
    }
}

fn succeed(account: Account) -> Next {
    let asks = (account.mode == Mode::ChatGpt).then_some(Effect::AskWorkspace);
    let workspace = None;
    let mut next = Next::show(Screen::Success(SuccessScreen { account, workspace })).and(LOOK);
    next.effects.extend(asks);
    next
}

fn set_ending(facts: &mut Facts, ending: bool) {
    if let Some(running) = &mut facts.running {
        running.ending = ending;
    }
}

/// Says how the programs that used the sign-in from before were ended.
fn running_ended(model: &mut Model, result: Result<()>, left: Running) -> Next {
    let before = model.facts.running.replace(left).unwrap_or_default();
    let text = match result {
        Ok(()) => format!("{} has ended", before.programs.join(", ")),
        Err(error) => format!("warning: {}", error.in_full()),
    };
    model.notices.push(text);
    Next::stay()
}

/// Shows a line, or none, on the screens that have one.
fn set_note(screen: &mut Screen, note: Option<Note>) -> Next {
    match screen {
        Screen::SignIn(screen) => screen.note = note,
        Screen::ApiKey(screen) => screen.note = note,
        Screen::Account(screen) => screen.note = note,
        Screen::Welcome(screen) => screen.note = note,
        Screen::Success(_) | Screen::Failure(_) | Screen::Keep(_) => {}
    }
    Next::stay()
}

/// The choices, with this note above them or else what the caller had to say.
fn choices(facts: &Facts, note: Option<Note>) -> Screen {
    let mut screen = WelcomeScreen::new(facts);
    if note.is_some() {
        screen.note = note;
    }
    Screen::Welcome(screen)
}
