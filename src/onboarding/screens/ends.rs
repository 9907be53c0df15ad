//! The ends of a sign-in: it succeeded, it failed, or it was to another account.

use super::keys::{self, row, unseen};
use super::{Described, Kind, Mark, Part, Weight, account_facts, running, signed_in};
use crate::auth::{Account, Mode};
use crate::onboarding::message::Key;
use crate::onboarding::model::{FailureScreen, KeepScreen, Model, SuccessScreen};
use crate::text::clean_short;

/// Signed in.
///
/// ```text
/// ✓ Signed in with your ChatGPT account
///
/// Account    ada@example.com
/// Plan       Plus
/// Saved in   /home/ada/.codex/auth.json
///
/// Run codex to start: it finds this sign-in by itself.
/// ```
pub(super) fn describe_success<'a>(model: &'a Model, screen: &'a SuccessScreen) -> Described<'a> {
    let (facts, account) = (&model.facts, &screen.account);
    let title = match &account.mode {
        Mode::ChatGpt => signed_in(&account.mode, &facts.product),
        Mode::ApiKey => "API key configured".to_owned(),
        _ => "Signed in".to_owned(),
    };
    let mut described = Described::new(title, Mark::Done);
    let saved = Part::fact(Weight::Important, "Saved in", &facts.auth_file);
    let who = account_facts(account, screen.workspace.as_deref());
    described.add_group(who.into_iter().chain([saved]));
    if account.needs_setup {
        let setup = "Your API organization is not set up yet: it still needs a payment method.";
        described.add([Part::remark(Weight::Needed, setup)]);
    }
    described.add_news(None, model);
    described.add(running(facts));
    let next = facts.product.next_step.as_ref();
    described.add([Part::text(Weight::Needed, next)]);
    let finish = row("Enter", "finish", "Quit").or([Key::Esc, Key::Char('q')]);
    let finish = finish.said(&[""], "press Enter to finish");
    described.keys = vec![finish, keys::help()];
    described.asks = None;
    if facts.endable().is_some() {
        let what = "End the program that uses the earlier sign-in";
        let end = row("e", "end it", what).digit('1');
        let end = end.said(&["e", "end"], "e to end it now");
        described.keys.insert(1, end);
        described.asks = Some("Type ");
    }
    described
}

/// A failed sign-in: what failed, why, and what to do next.
///
/// ```text
/// Sign-in did not complete
///
/// ✗ Token exchange failed
///   Connect: no connection to 127.0.0.1
///   Connection refused (os error 111)
/// → Check the network; behind a proxy, set HTTPS_PROXY
///
/// Nothing was saved. Press r to try again with a new link, or d to
pub(super) fn describe_failure<'a>(model: &'a Model, screen: &'a FailureScreen) -> Described<'a> {
    let mut described = Described::new("Sign-in did not complete", Mark::Plain);
    described.add([Part::new(Weight::Needed, Kind::Error(&screen.error))]);
    described.add_news(None, model);
    let nothing = "Nothing was saved.";
    let next = "Press r to try again with a new link, or d to use a device code.";
    let next = Kind::Advice(nothing.into(), next);
    described.add([Part::new(Weight::Useful, next).or(nothing)]);
    let retry = row("r", "retry", "Try again, with a new link").digit('1');
    let device = keys::device().digit('2');
    let back = row("Esc", "back", "Go back to the choices");
    described.keys = vec![
        retry.said(&["r", "retry"], "r to try again with a new link"),
        device.said(&["d", "device"], "d for a device code"),
        back.said(&["b", "back"], "b for the choices"),
        unseen("Ctrl-C").said(&["q", "quit"], "q to quit"),
        keys::help(),
    ];
    described
}

/// Signed in to another account: should the previous one be kept?
///
/// ```text
/// Keep ada (ada@example.com)?
///
/// You are now signed in as bob@example.com.
///
/// › 1  Keep it, so that you can switch back
///   2  Remove it from this machine
/// ```
pub(super) fn describe_keep<'a>(model: &'a Model, screen: &'a KeepScreen) -> Described<'a> {
    if screen.removing {
        return Described::busy("Removing the account");
    }
    let title = format!("Keep {}?", clean_short(&screen.before.description(), 80));
    let mut described = Described::new(title, Mark::Plain);
    described.add([Part::text(Weight::Important, instead(&screen.account))]);
    let lines = [
        "Keep it, so that you can switch back",
        "Remove it from this machine",
    ];
    described.add([Part::list(lines, screen.selected)]);
    described.add_news(None, model);
    let keep = row("Esc", "keep", "Keep it").or(['y', 'q'].map(Key::Char));
    described.keys.extend(keys::list(lines.len()));
    described.keys.extend([
        keep.said(&["", "y", "yes"], "press Enter to keep it"),
        unseen("n").said(&["n", "no"], ""),
        keys::help(),
    ]);
    described
}

/// Returns the account that is signed in now.
fn instead(account: &Account) -> String {
    let who = match (&account.email, &account.mode) {
        (Some(email), _) => format!("as {}", clean_short(email, 80)),
        (None, mode) => format!("with {}", clean_short(mode.words(), 40)),
    };
    format!("You are now signed in {who}.")
}
