//! A code to type in on another device.
//!
//! ```text
//! ⠋ Sign in with a device code
//!
//! 1. Open this address on any device:        ▄▄▄▄▄▄▄
//! https://issuer/codex/device                █ QR  █
//!                                            ▀▀▀▀▀▀▀
//! 2. Type in this code:
//! ┏━━━━━━━━━━━━━━━━┓
//! ┃   ABCD-12345   ┃
//! ┗━━━━━━━━━━━━━━━━┛
//! The code expires in 15 minutes
//!
//! Never share this code. …
//! ```

use std::time::Duration;

use super::keys::{self, row, unseen};
use super::{Described, Kind, Mark, On, Part, Weight, drops_api_key, label};
use crate::onboarding::message::Key;
use crate::onboarding::model::{CodeStep, Method, Model, SignInScreen};
use crate::product::Choice;
use crate::sign_in::DeviceCode;
use crate::text::clean_short;

pub(super) fn describe<'a>(model: &'a Model, screen: &'a SignInScreen) -> Described<'a> {
    let facts = &model.facts;
    let title = label(Choice::DeviceCode, &facts.product);
    let mut described = Described::new(title, Mark::Busy);
    match &screen.code {
        CodeStep::Asked | CodeStep::NotAsked => {
            described.add([Part::text(Weight::Needed, "Asking for a code…")]);
        }
        CodeStep::Failed(error) => {
            described.mark = Mark::Plain;
            let failed = Part::new(Weight::Needed, Kind::Error(error));
            described.add([failed, other_ways(screen.method).on(On::Screen)]);
            let retry = row("r", "retry", "Ask for another code").digit('1');
            let retry = retry.said(&["r", "retry"], "r to try again");
            described.keys.push(retry);
        }
        CodeStep::Issued { code, qr, ends } => {
            described.qr = qr;
            described.ends = *ends;
            let left = ends.map_or(code.expires_in, |ends| ends.saturating_sub(model.now));
            described.add(issued(model, screen.method, code, left));
            let copy = row("c", "copy code", "Copy the code to the clipboard");
            described.keys.push(copy.digit('1'));
            if facts.remote.is_none() {
                let open = row("o", "open address", "Open the address in your browser");
                let answer = "o to open the address in a browser here";
                let open = open.digit('2').said(&["o", "open"], answer);
                described.keys.push(open);
            }
        }
    }
    described.more_help = help(model, "press Esc");
    described.add(screen.note.as_ref().map(Part::note));
    described.add(drops_api_key("Finishing this sign-in", facts));
    described.keys.push(keys::help());
    if screen.method == Method::DeviceCode {
        described.keys.push(keys::cancel());
        return described;
    }
    let back = row("Esc", "back to the link", "Go back; the code stays valid");
    // The first Esc leads to the link, the second to the choices.
    let cancel = unseen("Esc").pressing(&[Key::Esc, Key::Esc]);
    described.keys.extend([
        back.said(&["b", "back"], "b to go back to the link"),
        cancel.said(&["c", "cancel"], "c to cancel"),
    ]);
    described
}

fn issued<'a>(
    model: &Model,
    method: Method,
    code: &'a DeviceCode,
    left: Duration,
) -> Vec<Part<'a>> {
    let step = |number, text| Part::new(Weight::Useful, Kind::Step(number, text));
    let user_code = Kind::Code(clean_short(&code.user_code, 40));
    let left = remaining(left, model.facts.animations);
    let never_share = "Never share this code. If a site or a person asked you for it, stop: that \
                       sign-in did not start here.";
    let mut parts = vec![
        step(1, "Open this address on any device:"),
        Part::link(Weight::Needed, &code.verification_url).joined(),
        step(2, "Type in this code:"),
        Part::new(Weight::Important, user_code).joined(),
        Part::text(Weight::Needed, left).joined(),
        Part::text(Weight::Needed, never_share),
    ];
    let typed = match method {
        Method::Browser => "type b".to_owned(),
        Method::DeviceCode => {
            let other = label(Choice::Account, &model.facts.product);
            format!("type c, choose \"{other}\"")
        }
    };
    for (back, on) in [("press Esc", On::Screen), (&typed, On::Lines)] {
        let help = help(model, back);
        parts.extend(help.map(|help| Part::text(Weight::Useful, help).on(on)));
    }
    parts
}

/// Returns the advice for an issuer that refuses device codes: turn them on, or go `back` and
/// paste.
fn help(model: &Model, back: &str) -> Option<String> {
    let product = &model.facts.product;
    let help = product.device_code_help.as_deref()?;
    Some(if product.choices.contains(&Choice::Account) {
        format!("{help}, or {back} and paste instead.")
    } else {
        format!("{help}.")
    })
}

/// Describes when the code expires: in minutes, rounded up, or in seconds during the last minute if
/// clocks may move.
fn remaining(left: Duration, clocks: bool) -> String {
    let seconds = left.as_millis().div_ceil(1000);
    match (seconds, seconds.div_ceil(60)) {
        (0, _) => "The code has expired".to_owned(),
        (1, _) if clocks => "The code expires in 1 second".to_owned(),
        (2..60, _) if clocks => format!("The code expires in {seconds} seconds"),
        (..60, _) => "The code expires in less than a minute".to_owned(),
        (_, 1) => "The code expires in 1 minute".to_owned(),
        (_, minutes) => format!("The code expires in {minutes} minutes"),
    }
}

/// Returns the ways to continue without a code.
fn other_ways(method: Method) -> Part<'static> {
    let text = match method {
        Method::Browser => "Press r to try again, or Esc for the link.",
        Method::DeviceCode => "Press r to try again, or Esc and then 1 to sign in with a browser.",
    };
    Part::text(Weight::Needed, text)
}
