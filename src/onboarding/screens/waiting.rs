//! A browser sign-in that waits for the person, and its end.
//!
//! ```text
//!    ⠋ Finish signing in via your browser
//!
//!    If the link doesn't open automatically, open the following link to
//!    authenticate:
//!
//! https://issuer/oauth/authorize?…     the whole link, flush left,
//! …                                    or nothing of it
//!
//!    Or the short link, on this machine:
//! http://localhost:1455/login/…
//!
//!    Browser on another machine? Paste the address it lands on:
//!    │ Paste here, or press p to type
//! ```
//!
//! In a remote session, or without a callback server, the paste field is above the link, and
//! the ssh line below it.

use super::keys::{self, BACK, KeyRow, row};
use super::{Described, Kind, Mark, On, Part, Weight, drops_api_key};
use crate::onboarding::message::Key;
use crate::onboarding::model::{Facts, Model, Note, SignInScreen};
use crate::sign_in::Link;

/// The note while a pasted address is checked.
pub const CHECKING: &str = "Checking what you pasted";

const INTRO: &str =
    "If the link doesn't open automatically, open the following link to authenticate:";

pub(super) fn describe<'a>(model: &'a Model, screen: &'a SignInScreen) -> Described<'a> {
    let facts = &model.facts;
    let mut described = Described::new("Finish signing in via your browser", Mark::Busy);
    let link = screen.link.as_ref();
    let problem = link.and_then(|link| link.port_problem.as_deref());
    described.add(problem.map(|problem| Part::remark(Weight::Important, problem)));
    let remote = facts.remote.is_some();
    let elsewhere = remote || link.is_some_and(|link| link.port.is_none());
    if elsewhere {
        described.add(how_to_paste(remote));
        described.add([paste_field(screen)]);
    }
    if let Some(link) = link {
        described.add(links(link, remote));
        described.add(tunnel(facts, link));
        let copy = if elsewhere {
            "The browser lands on a page that does not load, or on another program's: copy its \
             address."
        } else {
            "If the browser is on another machine, copy the address it lands on."
        };
        described.add([needed(copy).on(On::Lines)]);
    } else {
        described.add([needed("Preparing the link…").on(On::Screen)]);
    }
    if !elsewhere {
        let ask = "Browser on another machine? Paste the address it lands on:";
        let ask = Part::text(Weight::Useful, ask).on(On::Screen);
        described.add([ask, paste_field(screen)]);
    }
    described.add(screen.note.as_ref().map(Part::note));
    described.add(drops_api_key("Finishing this sign-in", facts));
    described.since = screen.since;
    described.keys = if screen.typing {
        typing()
    } else {
        keys(screen, remote)
    };
    // While a pasted address is checked, the screen asks nothing else.
    let checks = matches!(&screen.note, Some(Note::Info(note)) if note == CHECKING);
    described.asks = (link.is_some() && !checks)
        .then_some("Paste that address (it stays hidden), or type d for a device code, ");
    described
}

/// The sign-in was approved: tokens are being fetched and saved.
pub(super) fn describe_exchange<'a>(model: &'a Model, screen: &'a SignInScreen) -> Described<'a> {
    let mut described = Described::new("Finishing sign-in", Mark::Busy);
    let what = "Approved. Fetching and saving your credentials.";
    described.add([Part::text(Weight::Explaining, what)]);
    described.add_news(None, model);
    described.add(screen.note.as_ref().map(Part::note));
    described.keys = vec![keys::cancel(), keys::help()];
    described.since = screen.since;
    described.asks = None;
    described
}

fn needed(text: &str) -> Part<'_> {
    Part::text(Weight::Needed, text)
}

/// Explains how to finish by pasting, which most people do when the browser is elsewhere.
fn how_to_paste(remote: bool) -> [Part<'static>; 2] {
    let how = if remote {
        "Open the link below in any browser. It lands on a page that will not load: copy that \
         page's address and paste it here, or press d for a device code."
    } else {
        "Your browser will land on an error page, or on another program's page: copy that page's \
         address and paste it here, or press d for a device code."
    };
    let short = "Paste the address you land on, or press d for a device code:";
    [(how, On::Tall), (short, On::Low)].map(|(text, on)| Part::text(Weight::Useful, text).on(on))
}

fn paste_field(screen: &SignInScreen) -> Part<'_> {
    let placeholder = if screen.typing {
        "http://localhost:…/auth/callback?…"
    } else {
        "Paste here, or press p to type"
    };
    let field = Kind::Field {
        field: &screen.paste,
        focused: screen.typing,
        revealed: false,
        placeholder,
    };
    Part::new(Weight::Needed, field).joined()
}

/// Returns the whole link and, for a browser on this machine, the short one, which names this
/// machine. If the whole link does not fit, the short one or a key replaces it.
fn links(link: &Link, remote: bool) -> Vec<Part<'_>> {
    let url = link.authorization_url.as_str();
    let address = |text| {
        let flush = true;
        Part::new(Weight::Needed, Kind::Link { text, url, flush })
    };
    let whole = address(url).on(On::WholeLink);
    let intro = |text| Part::text(Weight::Useful, text);
    if let Some(short) = &link.short_url
        && !remote
    {
        let full = "Press u for the full link.";
        return vec![
            intro(INTRO),
            whole,
            // Never left out, because it separates the two links.
            needed("Or the short link, on this machine:").on(On::WholeLink),
            address(short).joined(),
            Part::text(Weight::Explaining, full).joined().on(On::NoLink),
        ];
    }
    let no_room = "There is no room for the link: press u to see it, c to copy it.";
    let open = if remote {
        "Open this link in a browser:"
    } else {
        INTRO
    };
    vec![
        needed(no_room).on(On::NoLink),
        intro(open).on(On::WholeLink),
        whole,
    ]
}

/// Explains how the browser's redirect could reach this machine.
fn tunnel(facts: &Facts, link: &Link) -> Vec<Part<'static>> {
    let target = facts.remote.as_ref();
    let target = target.and_then(|remote| remote.ssh_target.as_deref());
    let (Some(port), Some(target)) = (link.port, target) else {
        return Vec::new();
    };
    let command = format!("ssh -L {port}:localhost:{port} {target}");
    let tall = "Or first run this where the browser is, and nothing needs pasting:";
    let lines = "Run this where the browser is, and nothing needs pasting:";
    let low = "Or tunnel the port first:";
    let told = |(how, on)| {
        let command = Kind::Command(how, command.clone());
        Part::new(Weight::Useful, command).on(on)
    };
    let told = [(tall, On::Tall), (low, On::Low), (lines, On::Lines)].map(told);
    told.into()
}

fn typing() -> Vec<KeyRow> {
    let leave = row(BACK, "leave the field", "Leave the field");
    vec![
        row("Enter", "submit", "Submit the text"),
        keys::clear(),
        leave.or([Key::Tab, Key::BackTab]),
    ]
}

fn keys(screen: &SignInScreen, remote: bool) -> Vec<KeyRow> {
    let mut keys = Vec::new();
    if screen.link.is_some() {
        if !remote {
            let open = row("o", "open again", "Open the link in your browser").digit('1');
            keys.push(open.said(&["o", "open"], "o to open the link again"));
        }
        keys.push(row("c", "copy link", "Copy the link to the clipboard").digit('2'));
        let bare = row("u", "full link", "Show the link alone, to copy it").digit('3');
        // A dialogue of lines prints the link on a line of its own.
        let bare = bare.said(&["l", "link"], "l for the link again");
        keys.push(bare.pressing(&[]));
    }
    let paste = row("p", "type", "Type into the paste field").digit('5');
    let at = if remote { 0 } else { keys.len() };
    keys.splice(at..at, [keys::device().digit('4'), paste.or([Key::Tab])]);
    // With an empty field, Enter explains what to paste, which needs no word in the footer.
    let is_blank = screen.paste.is_blank();
    let submit = if is_blank { "" } else { "submit" };
    let submit = row("Enter", submit, "Submit the text");
    keys.extend([submit, keys::help(), keys::cancel()]);
    keys
}
