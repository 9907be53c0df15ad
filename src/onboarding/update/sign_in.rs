//! A running sign-in: the keys of its screens, and the reports of its task.

use std::time::Duration;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Next, welcome};
use crate::auth::is_loopback;
use crate::error::Error;
use crate::onboarding::effect::Effect;
use crate::onboarding::message::Key;
use crate::onboarding::model::{
    CodeStep, Facts, FailureScreen, Method, Note, Screen, SignInScreen, SignInStep,
};
use crate::onboarding::screens::CHECKING;
use crate::onboarding::text_field::TooLong;
use crate::sign_in::paste::{self, PasteError};
use crate::sign_in::{DeviceCode, Link, Status};

/// Starts a sign-in in place of any other.
pub(super) fn start(method: Method) -> Next {
    Next::show(Screen::SignIn(SignInScreen::new(method))).and(Effect::StartSignIn(method))
}

/// Continues the sign-in that was interrupted, with its code.
pub(super) fn resume(facts: &Facts) -> Next {
    let mut screen = SignInScreen::new(Method::DeviceCode);
    if let Some(code) = facts.offer() {
        screen.code = issued(code.clone(), Some(code.expires_in));
    }
    Next::show(Screen::SignIn(screen)).and(Effect::ResumeSignIn)
}

pub(super) fn press(screen: &mut SignInScreen, key: Key, facts: &Facts) -> Next {
    match screen.step {
        SignInStep::Waiting if screen.typing => type_into(screen, key),
        SignInStep::Waiting => press_waiting(screen, key, facts),
        SignInStep::DeviceCode => press_device_code(screen, key, facts),
        SignInStep::Exchanging if key == Key::Esc => cancel(facts),
        SignInStep::Exchanging => Next::stay(),
    }
}

/// Ends the sign-in and goes back to the choices.
fn cancel(facts: &Facts) -> Next {
    Next::show(welcome(facts, None)).and(Effect::CancelSignIn)
}

fn press_waiting(screen: &mut SignInScreen, key: Key, facts: &Facts) -> Next {
    let local = facts.remote.is_none();
    let link = screen.link.as_ref();
    let url = link.map(|link| link.authorization_url.clone());
    match (key, url) {
        (Key::Esc, _) => cancel(facts),
        (Key::Char('d'), _) => show_device_code(screen),
        (Key::Char('p') | Key::Tab, _) => {
            screen.typing = true;
            Next::stay()
        }
        (Key::Enter, _) => submit(screen),
        (Key::Char('o'), Some(url)) if local => Next::carry_out(Effect::OpenBrowser(url)),
        (Key::Char('c'), Some(url)) => copy(
            screen,
            url,
            "Link sent to your terminal's clipboard. Not there? Press u",
        ),
        (Key::Char('u'), Some(url)) => Next::carry_out(Effect::ShowBareUrl(url)),
        _ => Next::stay(),
    }
}

fn press_device_code(screen: &mut SignInScreen, key: Key, facts: &Facts) -> Next {
    let local = facts.remote.is_none();
    match (key, &screen.code) {
        (Key::Esc, _) if screen.method == Method::DeviceCode => cancel(facts),
        (Key::Esc, _) => {
            screen.step = SignInStep::Waiting;
            Next::stay()
        }
        (Key::Char('c'), CodeStep::Issued { code, .. }) => {
            let code = code.user_code.clone();
            copy(screen, code, "Code sent to your terminal's clipboard")
        }
        (Key::Char('o'), CodeStep::Issued { code, .. }) if local => {
            Next::carry_out(Effect::OpenBrowser(code.verification_url.clone()))
        }
        (Key::Char('r'), CodeStep::Failed(_)) => {
            screen.note = None;
            request_device_code(screen)
        }
        _ => Next::stay(),
    }
}

/// The terminal does not confirm a copy, so the note only says that it was sent.
fn copy(screen: &mut SignInScreen, text: String, note: &str) -> Next {
    screen.note = Some(Note::Info(note.to_owned()));
    Next::carry_out(Effect::Copy(text))
}

fn show_device_code(screen: &mut SignInScreen) -> Next {
    screen.note = None;
    screen.step = SignInStep::DeviceCode;
    match screen.code {
        CodeStep::NotAsked | CodeStep::Failed(_) => request_device_code(screen),
        CodeStep::Asked | CodeStep::Issued { .. } => Next::stay(),
    }
}

fn request_device_code(screen: &mut SignInScreen) -> Next {
    screen.code = CodeStep::Asked;
    Next::carry_out(Effect::RequestDeviceCode)
}

fn type_into(screen: &mut SignInScreen, key: Key) -> Next {
    match key {
        Key::Esc | Key::Tab | Key::BackTab => screen.typing = false,
        Key::Enter => return submit(screen),
        key => {
            screen.note = None;
            if screen.paste.press(key) == Err(TooLong) {
                screen.note = Some(too_long());
            }
        }
    }
    Next::stay()
}

/// Puts a paste into the field, even without the focus. A complete address is submitted at once, a
/// part of one waits for the rest.
pub(super) fn paste(screen: &mut SignInScreen, text: &SecretString) -> Next {
    if screen.step == SignInStep::Exchanging {
        return Next::stay();
    }
    let text = text.expose_secret();
    let refused = matches!(screen.note, Some(Note::Problem(_)));
    if refused || is_complete(text) {
        screen.paste.clear();
    }
    screen.note = None;
    match screen.paste.insert(text) {
        Err(TooLong) => screen.note = Some(too_long()),
        Ok(()) if is_complete(screen.paste.text()) => {
            screen.typing = false;
            return submit(screen);
        }
        // The rest may arrive key by key, and must not be taken for commands.
        Ok(()) => screen.typing = !screen.paste.is_blank(),
    }
    Next::stay()
}

/// Replaces the field's text by a whole line, and submits it.
pub(super) fn line(screen: &mut SignInScreen, text: &SecretString) -> Next {
    if screen.step == SignInStep::Exchanging {
        return Next::stay();
    }
    screen.paste.clear();
    if screen.paste.insert(text.expose_secret()).is_err() {
        screen.note = Some(too_long());
        return Next::stay();
    }
    submit(screen)
}

/// Submits the field's text. It stays there until the sign-in moves on, so that it can be corrected.
fn submit(screen: &mut SignInScreen) -> Next {
    if screen.paste.is_blank() {
        let error = "Paste the address that the browser lands on after you sign in";
        screen.note = Some(Note::Problem(Error::usage(error)));
        return Next::stay();
    }
    screen.note = Some(Note::Info(CHECKING.to_owned()));
    Next::carry_out(Effect::SubmitPaste(screen.paste.secret()))
}

pub(super) fn tick(screen: &mut SignInScreen, now: Duration) {
    screen.since.get_or_insert(now);
    if let CodeStep::Issued { code, ends, .. } = &mut screen.code {
        ends.get_or_insert(now.saturating_add(code.expires_in));
    }
}

pub(super) fn report(screen: &mut SignInScreen, status: Status, facts: &Facts) -> Next {
    match status {
        Status::Url(link) => return linked(screen, link, facts),
        Status::DeviceCode(code) => screen.code = issued(code, None),
        Status::DeviceCodeFailed(error) => screen.code = CodeStep::Failed(error),
        Status::Exchanging => {
            screen.note = None;
            screen.step = SignInStep::Exchanging;
        }
        Status::Failed(error) => {
            let method = screen.method;
            return Next::show(Screen::Failure(FailureScreen { error, method }));
        }
        // Handled earlier, because they concern every screen.
        Status::Waiting(_) | Status::Notice(_) | Status::Completed(_) => {}
    }
    Next::stay()
}

fn linked(screen: &mut SignInScreen, link: Link, facts: &Facts) -> Next {
    let url = link.authorization_url.clone();
    let first = screen.link.replace(link).is_none();
    // With a device code, the browser is on another device.
    if facts.remote.is_none() && first && screen.method == Method::Browser {
        return Next::carry_out(Effect::OpenBrowser(url));
    }
    Next::stay()
}

fn issued(code: DeviceCode, ends: Option<Duration>) -> CodeStep {
    CodeStep::Issued {
        qr: qr(&code.verification_url).unwrap_or_default(),
        ends,
        code,
    }
}

/// Returns the address as a QR code, with two modules in each character, one above the other.
/// Returns `None` for a loopback address, which is useless on another device.
fn qr(address: &str) -> Option<Vec<String>> {
    if is_loopback(&Url::parse(address).ok()?) {
        return None;
    }
    let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
    // Draws the light modules, which is right on a dark terminal even without colour.
    let mut picture = code.render::<Dense1x2>();
    let picture = picture.dark_color(Dense1x2::Light);
    let picture = picture.light_color(Dense1x2::Dark).build();
    let mut rows: Vec<_> = picture.lines().map(str::to_owned).collect();
    // The blank margin continues below the last module.
    if let Some(last) = rows.last_mut() {
        *last = last.replace('▀', "█");
    }
    Some(rows)
}

fn too_long() -> Note {
    let error = Error::usage("The text is longer than 8 KiB and was not taken")
        .with_hint("Paste only the address that the browser landed on");
    Note::Problem(error)
}

/// Returns whether a text is submitted without Enter: a whole callback, or another address of a
/// sign-in, which is refused with its own message.
fn is_complete(text: &str) -> bool {
    use PasteError::{AuthorizationLink, ReceivedElsewhere};
    match paste::read(text) {
        Ok(query) => paste::is_full(&query),
        Err(error) => matches!(error, AuthorizationLink | ReceivedElsewhere),
    }
}
