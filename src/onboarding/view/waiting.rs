//! A browser sign-in that waits for the person.
//!
//! ```text
//!    ⠋ Finish signing in via your browser  0:42
//!
//!    If the link doesn't open automatically, open the following link to
//!    authenticate:
//!
//! https://issuer/oauth/authorize?…     the whole link, flush left,
//! …                                    or nothing of it
//!
//!    or http://localhost:1455/login/…
//!
//!    Browser on another machine? Paste the address it lands on:
//!    │ p to type
//! ```
//!
//! In a remote session, or without a callback server, the paste field stands
//! above the link, and the ssh line below it.

use super::field::{self, Look};
use super::page::{Block, Page, Space, Weight};
use super::parts::{busy, note, remark};
use super::rows::{address, paragraph};
use crate::onboarding::model::{Attempt, Model};
use crate::onboarding::theme::Theme;
use crate::sign_in::Link;

pub(super) fn page(model: &Model, attempt: &Attempt, theme: Theme, space: Space) -> Page {
    let mut page = Page::default();
    let remote = model.facts.remote.is_some();
    page.add(busy(
        model,
        "Finish signing in via your browser",
        attempt.since,
        space,
    ));
    if let Some(problem) = attempt
        .link
        .as_ref()
        .and_then(|link| link.port_problem.as_deref())
    {
        page.add(remark(Weight::Important, problem, space).apart());
    }
    let without_server = attempt
        .link
        .as_ref()
        .is_some_and(|link| link.port.is_none());
    if remote || without_server {
        paste_first(model, attempt, theme, space)
            .into_iter()
            .for_each(|block| page.add(block));
        link(attempt, true, space)
            .into_iter()
            .for_each(|block| page.add(block));
        page.add(tunnel(model, attempt, space));
    } else {
        link(attempt, false, space)
            .into_iter()
            .for_each(|block| page.add(block));
        let ask = "Browser on another machine? Paste the address it lands on:";
        let ask = paragraph(ask, Theme::text(), space.text);
        page.add(Block::new(Weight::Useful, ask).apart());
        page.add(paste_field(attempt, theme, space));
    }
    for block in attempt
        .note
        .iter()
        .flat_map(|line| note(line, theme, space))
    {
        page.add(block);
    }
    if model.facts.replaces_api_key {
        page.add(replaces(model, space).apart());
    }
    page
}

/// What finishing this sign-in costs.
pub(super) fn replaces(model: &Model, space: Space) -> Block {
    let text = format!(
        "this drops the API key stored in {}.",
        model.facts.auth_file
    );
    remark(Weight::Important, &text, space)
}

/// Where the browser is elsewhere, pasting is how most people finish.
fn paste_first(model: &Model, attempt: &Attempt, theme: Theme, space: Space) -> Vec<Block> {
    let how = if model.facts.remote.is_some() {
        "Open the link below in a browser anywhere. The page it ends on will not load: \
         copy that page's address and paste it here. Or press d for a device code."
    } else {
        "The page that the browser ends on is not ours: copy its address and paste it \
         here. Or press d for a device code."
    };
    let brief = "Paste the address you land on, or press d for a device code:";
    let brief = paragraph(brief, Theme::text(), space.text);
    let how = paragraph(how, Theme::text(), space.text);
    vec![
        Block::new(Weight::Useful, how).or(brief).apart(),
        paste_field(attempt, theme, space),
    ]
}

fn paste_field(attempt: &Attempt, theme: Theme, space: Space) -> Block {
    let look = Look {
        focused: attempt.typing,
        placeholder: "http://localhost:…/auth/callback?code=…",
        revealed: false,
    };
    let row = field::row(&attempt.paste, look, theme, space.text);
    Block::new(Weight::Needed, vec![row])
}

/// The link with what to do with it, and whatever stands in for it.
fn link(attempt: &Attempt, remote: bool, space: Space) -> Vec<Block> {
    let Some(link) = &attempt.link else {
        let text = paragraph("Preparing the link…", Theme::text(), space.text);
        return vec![Block::new(Weight::Needed, text).apart()];
    };
    let target = &link.authorization_url;
    let width = space.area.width;
    let whole = address(target, target, Theme::link(), width, true);
    let short = link.short_url.as_deref().filter(|_| !remote);
    let mut blocks = Vec::new();
    let intro = if remote {
        "Open this link in a browser:"
    } else {
        "If the link doesn't open automatically, open the following link to authenticate:"
    };
    let intro = paragraph(intro, Theme::text(), space.text);
    blocks.push(Block::new(Weight::Useful, intro).apart());
    blocks.push(
        Block::new(Weight::Important, whole)
            .or(stand_in(link, short, space))
            .apart(),
    );
    if let Some(short) = short {
        let row = address(short, target, Theme::link(), width, true);
        blocks.push(Block::new(Weight::Needed, row).apart());
    }
    blocks
}

/// A link is shown whole or not at all.
fn stand_in(_: &Link, short: Option<&str>, space: Space) -> Vec<super::rows::Row> {
    let text = if short.is_some() {
        "Or press u for the full link:"
    } else {
        "The link needs more room: press u to see it whole, c to copy it."
    };
    paragraph(text, Theme::text(), space.text)
}

/// How the browser's redirect could reach this machine.
fn tunnel(model: &Model, attempt: &Attempt, space: Space) -> Block {
    let port = attempt.link.as_ref().and_then(|link| link.port);
    let target = model
        .facts
        .remote
        .as_ref()
        .and_then(|remote| remote.ssh_target.as_deref());
    let (Some(port), Some(target)) = (port, target) else {
        return Block::new(Weight::Useful, Vec::new());
    };
    let mut rows = paragraph(
        "Or, before you open it, run this where the browser is; then nothing needs pasting:",
        Theme::text(),
        space.text,
    );
    let command = format!("ssh -L {port}:localhost:{port} {target}");
    rows.extend(paragraph(&command, Theme::strong(), space.text));
    Block::new(Weight::Useful, rows).apart()
}
