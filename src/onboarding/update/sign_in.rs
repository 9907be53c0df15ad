//! A running sign-in: keys of its screens, and what its task reports.

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::back_to_choices;
use crate::error::Error;
use crate::onboarding::clock::Expiry;
use crate::onboarding::effect::Effect;
use crate::onboarding::message::Key;
use crate::onboarding::model::{
    CodeStep, FailureScreen, Method, Model, Note, Screen, SignInScreen,
};
use crate::onboarding::qr::Qr;
use crate::onboarding::text_field::TooLong;
use crate::sign_in::paste::{self, PasteError};
use crate::sign_in::{DeviceCode, Link};

pub(super) fn start(model: &mut Model, method: Method) -> Vec<Effect> {
    let attempt = SignInScreen::new(method);
    match method {
        Method::Browser => {
            model.screen = Screen::Waiting(attempt);
            vec![Effect::StartSignIn]
        }
        Method::DeviceCode => {
            model.screen = Screen::DeviceCode(attempt);
            vec![Effect::StartSignIn, Effect::RequestDeviceCode]
        }
    }
}

/// Ends the attempt and goes back to the choices.
pub(super) fn cancel(model: &mut Model) -> Vec<Effect> {
    back_to_choices(model, None);
    vec![Effect::CancelSignIn]
}

pub(super) fn press_waiting(model: &mut Model, key: Key) -> Vec<Effect> {
    let local = model.facts.remote.is_none();
    let Screen::Waiting(attempt) = &mut model.screen else {
        return Vec::new();
    };
    if attempt.typing {
        return type_into(attempt, key);
    }
    let url = attempt
        .link
        .as_ref()
        .map(|link| link.authorization_url.clone());
    match (key, url) {
        (Key::Esc, _) => cancel(model),
        (Key::Char('d'), _) => show_device_code(model),
        (Key::Char('p') | Key::Tab, _) => {
            attempt.typing = true;
            Vec::new()
        }
        (Key::Enter, _) => submit(attempt),
        (Key::Char('o'), Some(url)) if local => vec![Effect::OpenBrowser(url)],
        (Key::Char('c'), Some(url)) => vec![Effect::Copy(url)],
        (Key::Char('u'), Some(url)) => vec![Effect::ShowBareUrl(url)],
        _ => Vec::new(),
    }
}

pub(super) fn press_device_code(model: &mut Model, key: Key) -> Vec<Effect> {
    let local = model.facts.remote.is_none();
    let Screen::DeviceCode(attempt) = &mut model.screen else {
        return Vec::new();
    };
    match (key, &attempt.code) {
        (Key::Esc, _) if attempt.method == Method::Browser => {
            move_attempt(model, Screen::Waiting);
            Vec::new()
        }
        (Key::Esc, _) => cancel(model),
        (Key::Char('c'), CodeStep::Issued { code, .. }) => {
            vec![Effect::Copy(code.user_code.clone())]
        }
        (Key::Char('o'), CodeStep::Issued { code, .. }) if local => {
            vec![Effect::OpenBrowser(code.verification_url.clone())]
        }
        (Key::Char('r'), CodeStep::Failed(_)) => {
            attempt.code = CodeStep::Asked;
            attempt.note = None;
            vec![Effect::RequestDeviceCode]
        }
        _ => Vec::new(),
    }
}

/// A paste goes to the field whatever has the focus. One that is complete hands
/// itself in; a part of one stays, to be completed.
pub(super) fn paste(attempt: &mut SignInScreen, text: &SecretString) -> Vec<Effect> {
    let text = text.expose_secret();
    let refused = matches!(attempt.note, Some(Note::Problem(_)));
    if refused || is_complete(text) {
        attempt.paste.clear();
    }
    attempt.note = None;
    match attempt.paste.insert(text) {
        Err(TooLong) => attempt.note = Some(too_long()),
        Ok(()) if is_complete(attempt.paste.text()) => {
            attempt.typing = false;
            return submit(attempt);
        }
        // The rest may come key by key, and must not be taken for commands.
        Ok(()) => attempt.typing = !attempt.paste.is_blank(),
    }
    Vec::new()
}

/// A whole line is a whole answer: it stands in the field alone, and is handed in.
pub(super) fn line(attempt: &mut SignInScreen, text: &SecretString) -> Vec<Effect> {
    attempt.paste.clear();
    if attempt.paste.insert(text.expose_secret()).is_err() {
        attempt.note = Some(too_long());
        return Vec::new();
    }
    submit(attempt)
}

pub(super) fn link(model: &mut Model, link: Link) -> Vec<Effect> {
    let local = model.facts.remote.is_none();
    let Some(attempt) = model.screen.attempt_mut() else {
        return Vec::new();
    };
    let url = link.authorization_url.clone();
    let first = attempt.link.replace(link).is_none();
    // Who asked for a device code wants no browser here.
    if local && first && attempt.method == Method::Browser {
        return vec![Effect::OpenBrowser(url)];
    }
    Vec::new()
}

pub(super) fn device_code(model: &mut Model, code: DeviceCode) -> Vec<Effect> {
    if let Some(attempt) = model.screen.attempt_mut() {
        attempt.code = CodeStep::Issued {
            qr: qr(&code.verification_url),
            expiry: Expiry::In(code.expires_in),
            code,
        };
    }
    Vec::new()
}

/// For the camera of a phone, to which a loopback address means nothing.
fn qr(address: &str) -> Option<Qr> {
    let url = Url::parse(address).ok()?;
    let elsewhere = match url.host()? {
        Host::Domain(name) => name != "localhost",
        Host::Ipv4(ip) => !ip.is_loopback(),
        Host::Ipv6(ip) => !ip.is_loopback(),
    };
    elsewhere.then(|| Qr::new(address)).flatten()
}

pub(super) fn exchanging(model: &mut Model) -> Vec<Effect> {
    if let Some(attempt) = model.screen.attempt_mut() {
        attempt.note = None;
        move_attempt(model, Screen::Exchanging);
    }
    Vec::new()
}

pub(super) fn failed(model: &mut Model, error: Error) -> Vec<Effect> {
    if let Some(attempt) = model.screen.attempt_mut() {
        let method = attempt.method;
        model.help = false;
        model.screen = Screen::Failure(FailureScreen { error, method });
    }
    Vec::new()
}

fn show_device_code(model: &mut Model) -> Vec<Effect> {
    let Screen::Waiting(attempt) = &mut model.screen else {
        return Vec::new();
    };
    attempt.note = None;
    let ask = matches!(attempt.code, CodeStep::NotAsked | CodeStep::Failed(_));
    if ask {
        attempt.code = CodeStep::Asked;
    }
    move_attempt(model, Screen::DeviceCode);
    if ask {
        vec![Effect::RequestDeviceCode]
    } else {
        Vec::new()
    }
}

fn move_attempt(model: &mut Model, to: fn(SignInScreen) -> Screen) {
    if let Some(attempt) = model.screen.attempt_mut() {
        let attempt = std::mem::replace(attempt, SignInScreen::new(Method::Browser));
        model.screen = to(attempt);
    }
}

fn type_into(attempt: &mut SignInScreen, key: Key) -> Vec<Effect> {
    match key {
        Key::Esc | Key::Tab | Key::BackTab => attempt.typing = false,
        Key::Enter => return submit(attempt),
        key => {
            attempt.note = None;
            if attempt.paste.press(key) == Err(TooLong) {
                attempt.note = Some(too_long());
            }
        }
    }
    Vec::new()
}

/// The text stays in the field until the attempt moves on: a refused one can be mended.
fn submit(attempt: &mut SignInScreen) -> Vec<Effect> {
    if attempt.paste.is_blank() {
        let error = "Paste the address that the browser lands on after you sign in";
        attempt.note = Some(Note::Problem(Error::usage(error)));
        return Vec::new();
    }
    attempt.note = Some(Note::Info("Checking what you pasted".to_owned()));
    vec![Effect::SubmitPaste(attempt.paste.secret())]
}

fn too_long() -> Note {
    let error = Error::usage("That is more than 8 KiB, and was left out")
        .with_hint("Paste only the address that the browser landed on");
    Note::Problem(error)
}

/// Whether a text needs no Enter: a whole callback, or the authorization link, which
/// deserves its own answer at once.
fn is_complete(text: &str) -> bool {
    let is_link = || matches!(paste::read(text), Err(PasteError::AuthorizationLink));
    paste::is_complete(text) || is_link()
}
