//! A browser sign-in that waits for the person.
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

use super::field::{self, Look};
use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{busy, note, remark};
use super::rows::{address, paragraph};
use crate::onboarding::model::{Model, SignInScreen};
use crate::onboarding::theme::Theme;
use crate::onboarding::wording::finishing_drops_api_key;
use crate::sign_in::Link;

/// The least height with room for whole sentences.
const ROOMY: u16 = 18;

/// Lays out the screen with the whole link where it fits, and without it elsewhere.
pub(super) fn layout(model: &Model, screen: &SignInScreen, theme: Theme, space: Space) -> Layout {
    let whole = compose(model, screen, true, theme, space);
    if whole.least() <= usize::from(space.area.height) {
        return whole;
    }
    compose(model, screen, false, theme, space)
}

/// Returns the remark that finishing this sign-in drops a stored API key.
pub(super) fn replaces(model: &Model, space: Space) -> Block {
    let text = finishing_drops_api_key(&model.facts);
    remark(Weight::Important, &text, space)
}

fn compose(
    model: &Model,
    screen: &SignInScreen,
    whole: bool,
    theme: Theme,
    space: Space,
) -> Layout {
    let mut layout = Layout::default();
    layout.add(busy(model, "Finish signing in via your browser", space));
    let link = screen.link.as_ref();
    if let Some(problem) = link.and_then(|link| link.port_problem.as_deref()) {
        layout.add(remark(Weight::Important, problem, space).apart());
    }
    let remote = model.facts.remote.is_some();
    let without_server = link.is_some_and(|link| link.port.is_none());
    if remote || without_server {
        layout.add(how_to_paste(remote, space).apart());
        layout.add(paste_field(screen, theme, space));
        layout.add_all(link_elsewhere(link, remote, whole, space));
        layout.add_all(tunnel(model, link, space));
    } else {
        layout.add_all(link_here(link, whole, space));
        let ask = "Browser on another machine? Paste the address it lands on:";
        let ask = paragraph(ask, Theme::text(), space.text);
        layout.add(Block::new(Weight::Useful, ask).apart());
        layout.add(paste_field(screen, theme, space));
    }
    layout.add_all(screen.note.iter().flat_map(|it| note(it, theme, space)));
    if model.facts.replaces_api_key {
        layout.add(replaces(model, space).apart());
    }
    layout
}

/// Returns how to finish by pasting, as most people do when the browser is elsewhere.
fn how_to_paste(remote: bool, space: Space) -> Block {
    let how = match (space.area.height >= ROOMY, remote) {
        (true, true) => {
            "Open the link below in any browser. It lands on a page that will not load: copy \
             that page's address and paste it here, or press d for a device code."
        }
        (true, false) => {
            "Your browser will land on an error page, or on another program's page: copy that \
             page's address and paste it here, or press d for a device code."
        }
        (false, _) => "Paste the address you land on, or press d for a device code:",
    };
    Block::new(Weight::Useful, paragraph(how, Theme::text(), space.text))
}

fn paste_field(screen: &SignInScreen, theme: Theme, space: Space) -> Block {
    let look = Look {
        focused: screen.typing,
        placeholder: if screen.typing {
            "http://localhost:…/auth/callback?…"
        } else {
            "Paste here, or press p to type"
        },
        revealed: false,
    };
    let row = field::row(&screen.paste, look, theme, space.text);
    Block::new(Weight::Needed, vec![row])
}

/// Returns the link for a browser on this machine, where the short link works, too.
fn link_here(link: Option<&Link>, whole: bool, space: Space) -> Vec<Block> {
    let Some(link) = link else {
        return vec![preparing(space)];
    };
    let Some(short) = &link.short_url else {
        return link_elsewhere(Some(link), false, whole, space);
    };
    let say = |text| paragraph(text, Theme::text(), space.text);
    let intro =
        say("If the link doesn't open automatically, open the following link to authenticate:");
    let intro = Block::new(Weight::Useful, intro).apart();
    let target = &link.authorization_url;
    let short = address(short, target, Theme::link(), space.area.width, true);
    let short = Block::new(Weight::Needed, short);
    if whole {
        let or = say("Or the short link, on this machine:");
        // Needed, to keep the two links apart.
        let or = Block::new(Weight::Needed, or).apart();
        return vec![intro, whole_link(link, space).apart(), or, short];
    }
    let more = Block::new(Weight::Explaining, say("Press u for the full link."));
    vec![intro, short, more]
}

/// Returns the link for a browser elsewhere, where only the full one works.
fn link_elsewhere(link: Option<&Link>, remote: bool, whole: bool, space: Space) -> Vec<Block> {
    let Some(link) = link else {
        return vec![preparing(space)];
    };
    let say = |text| paragraph(text, Theme::text(), space.text);
    if !whole {
        let text = "There is no room for the link: press u to see it, c to copy it.";
        return vec![Block::new(Weight::Needed, say(text)).apart()];
    }
    let intro = if remote {
        "Open this link in a browser:"
    } else {
        "If the link doesn't open automatically, open the following link to authenticate:"
    };
    let intro = Block::new(Weight::Useful, say(intro)).apart();
    vec![intro, whole_link(link, space).apart()]
}

fn whole_link(link: &Link, space: Space) -> Block {
    let target = &link.authorization_url;
    let rows = address(target, target, Theme::link(), space.area.width, true);
    Block::new(Weight::Needed, rows)
}

fn preparing(space: Space) -> Block {
    let text = paragraph("Preparing the link…", Theme::text(), space.text);
    Block::new(Weight::Needed, text).apart()
}

/// Returns how the browser's redirect could reach this machine.
fn tunnel(model: &Model, link: Option<&Link>, space: Space) -> Option<Block> {
    let port = link?.port?;
    let target = model.facts.remote.as_ref()?.ssh_target.as_deref()?;
    let how = if space.area.height >= ROOMY {
        "Or first run this where the browser is, and nothing needs pasting:"
    } else {
        "Or tunnel the port first:"
    };
    let mut rows = paragraph(how, Theme::text(), space.text);
    let command = format!("ssh -L {port}:localhost:{port} {target}");
    rows.extend(paragraph(&command, Theme::strong(), space.text));
    Some(Block::new(Weight::Useful, rows).apart())
}
