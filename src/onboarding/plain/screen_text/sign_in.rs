//! The screens of a running sign-in as lines.

use super::ScreenText;
use crate::onboarding::model::{CodeStep, Method, Model, Note, SignInScreen};
use crate::onboarding::wording;
use crate::product::Choice;
use crate::sign_in::{DeviceCode, Link};
use crate::text::clean_short;

pub(super) fn of_waiting(model: &Model, screen: &SignInScreen) -> ScreenText {
    let mut text = ScreenText::new("Finish signing in via your browser");
    let remote = model.facts.remote.is_some();
    if let Some(link) = &screen.link {
        of_link(&mut text, model, link, remote);
        let open = if remote {
            ""
        } else {
            "o to open the link again, "
        };
        // What was pasted is answered before anything else is asked.
        let checks = matches!(&screen.note, Some(Note::Info(note)) if note == wording::CHECKING);
        if !checks {
            text.ask(format!(
                "Paste that address (it stays hidden), or type d for a device code, {open}l for \
                 the link again, or c to cancel:"
            ));
        }
    }
    if model.facts.replaces_api_key {
        text.remark(&wording::finishing_drops_api_key(&model.facts));
    }
    text.note(screen.note.as_ref());
    text
}

fn of_link(text: &mut ScreenText, model: &Model, link: &Link, remote: bool) {
    if let Some(problem) = &link.port_problem {
        text.remark(problem);
    }
    text.add(if remote {
        "Open this link in a browser:"
    } else {
        "If the link doesn't open automatically, open the following link to authenticate:"
    });
    text.add(&link.authorization_url);
    if let (Some(short), false) = (&link.short_url, remote) {
        text.add("Or the short link, on this machine:");
        text.add(short);
    }
    let target = model.facts.remote.as_ref();
    let target = target.and_then(|remote| remote.ssh_target.as_deref());
    if let (Some(port), Some(target)) = (link.port, target) {
        text.add("Run this where the browser is, and nothing needs pasting:");
        text.add(format!("ssh -L {port}:localhost:{port} {target}"));
    }
    text.add(if remote || link.port.is_none() {
        "The browser lands on a page that does not load, or on another program's: copy its address."
    } else {
        "If the browser is on another machine, copy the address it lands on."
    });
}

pub(super) fn of_device_code(model: &Model, screen: &SignInScreen) -> ScreenText {
    let mut text = ScreenText::new(wording::label(Choice::DeviceCode, &model.facts.product));
    let mut answers = Vec::new();
    match &screen.code {
        CodeStep::Asked | CodeStep::NotAsked => text.add("Asking for a code."),
        CodeStep::Failed(error) => {
            text.problem(error);
            answers.push("r to try again");
        }
        CodeStep::Issued { code, expiry, .. } => {
            of_code(&mut text, code);
            text.add(format!(
                "{}.",
                wording::remaining(expiry.left(model.now), false)
            ));
            text.add(wording::NEVER_SHARE);
            let back = match screen.method {
                Method::Browser => "type b".to_owned(),
                Method::DeviceCode => {
                    let other = wording::label(Choice::Account, &model.facts.product);
                    format!("type c, choose \"{other}\"")
                }
            };
            if let Some(help) = wording::device_code_help(&model.facts, &back) {
                text.add(help);
            }
            if model.facts.remote.is_none() {
                answers.push("o to open the address in a browser here");
            }
        }
    }
    if model.facts.replaces_api_key {
        text.remark(&wording::finishing_drops_api_key(&model.facts));
    }
    text.note(screen.note.as_ref());
    if screen.method == Method::Browser {
        answers.push("b to go back to the link");
    }
    answers.push("c to cancel");
    text.ask(format!("Type {}:", answers.join(", or ")));
    text
}

fn of_code(text: &mut ScreenText, code: &DeviceCode) {
    text.add("Open this address on any device:");
    text.add(&code.verification_url);
    text.add("Type in this code:");
    text.add(clean_short(&code.user_code, 40));
}

pub(super) fn of_exchanging(model: &Model, screen: &SignInScreen) -> ScreenText {
    let mut text = ScreenText::new("Finishing sign-in");
    text.add("Approved. Fetching and saving your credentials.");
    text.notices(model);
    text.note(screen.note.as_ref());
    text
}
