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

use ratatui::text::Span;
use unicode_width::UnicodeWidthStr;

use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{busy, note, problem, title};
use super::rows::{Row, address, paragraph};
use crate::onboarding::expiry::Expiry;
use crate::onboarding::model::{CodeStep, Method, Model, SignInScreen};
use crate::onboarding::qr::Qr;
use crate::onboarding::theme::Theme;
use crate::onboarding::wording::{NEVER_SHARE, device_code_help, remaining};
use crate::sign_in::DeviceCode;
use crate::text::clean_short;

const TITLE: &str = "Sign in with a device code";

/// The fewest columns for the text beside a QR code.
const BESIDE: usize = 36;

/// The most columns for it.
const WIDEST_BESIDE: u16 = 52;

pub(super) fn layout(model: &Model, screen: &SignInScreen, theme: Theme, space: Space) -> Layout {
    let mut layout = Layout::default();
    // A QR code leaves fewer columns for the text.
    let space = match &screen.code {
        CodeStep::Issued { qr: Some(qr), .. } if fits_beside(qr, space) => {
            beside(&mut layout, qr, theme, space)
        }
        _ => space,
    };
    match &screen.code {
        CodeStep::Asked | CodeStep::NotAsked => {
            layout.add(busy(model, TITLE, space));
            let text = paragraph("Asking for a code…", Theme::text(), space.text);
            layout.add(Block::new(Weight::Needed, text).apart());
        }
        CodeStep::Failed(error) => {
            layout.add(title(TITLE, space));
            layout.add_all(problem(error, theme, space));
            layout.add(other_ways(screen, space));
        }
        CodeStep::Issued { code, expiry, .. } => {
            layout.add(busy(model, TITLE, space));
            layout.add_all(issued(code, model, *expiry, theme, space));
        }
    }
    layout.add_all(screen.note.iter().flat_map(|it| note(it, theme, space)));
    if model.facts.replaces_api_key {
        layout.add(super::waiting::replaces(model, space).apart());
    }
    layout
}

fn issued(
    code: &DeviceCode,
    model: &Model,
    expiry: Expiry,
    theme: Theme,
    space: Space,
) -> Vec<Block> {
    let say = |text: &str| paragraph(text, Theme::text(), space.text);
    let user_code = clean_short(&code.user_code, 40);
    let bare_code = paragraph(&user_code, Theme::strong(), space.text);
    let left = remaining(expiry.left(model.now), model.facts.animations);
    [
        Block::new(Weight::Useful, say("1. Open this address on any device:")).apart(),
        Block::new(Weight::Needed, place(&code.verification_url, space)),
        Block::new(Weight::Useful, say("2. Type in this code:")).apart(),
        Block::new(Weight::Important, boxed(&user_code, theme)).or(bare_code),
        Block::new(Weight::Needed, say(&left)),
        Block::new(Weight::Needed, say(NEVER_SHARE)).apart(),
    ]
    .into_iter()
    .chain(help(model).map(|help| Block::new(Weight::Useful, say(&help)).apart()))
    .collect()
}

/// Returns what to do where the issuer refuses device codes.
pub(super) fn help(model: &Model) -> Option<String> {
    device_code_help(&model.facts, "press Esc")
}

/// Returns the address in one row, or else in rows from column 0.
fn place(url: &str, space: Space) -> Vec<Row> {
    let flush = url.width() > usize::from(space.text);
    let width = if flush { space.area.width } else { space.text };
    address(url, url, Theme::link(), width, flush)
}

/// Returns the code in a box, still in one piece for a double click.
fn boxed(code: &str, theme: Theme) -> Vec<Row> {
    let width = code.width() + 6;
    let bar = "━".repeat(width);
    let line = |text: String| Row::of(vec![Span::styled(text, theme.accent())]);
    vec![
        line(format!("┏{bar}┓")),
        Row::of(vec![
            Span::styled("┃   ", theme.accent()),
            Span::styled(code.to_owned(), Theme::strong()),
            Span::styled("   ┃", theme.accent()),
        ]),
        line(format!("┗{bar}┛")),
    ]
}

fn fits_beside(qr: &Qr, space: Space) -> bool {
    let (columns, rows) = qr.size();
    let margins = usize::from(space.margin) + 2 + 2;
    rows <= usize::from(space.area.height)
        && BESIDE + columns + margins <= usize::from(space.area.width)
}

/// Puts the QR code at the right, and returns the space that it leaves.
fn beside(layout: &mut Layout, qr: &Qr, theme: Theme, space: Space) -> Space {
    let columns = u16::try_from(qr.size().0).unwrap_or(u16::MAX);
    let room = space.area.width.saturating_sub(columns);
    // Near the text even on a wide terminal.
    let text = room.saturating_sub(space.margin + 4).min(WIDEST_BESIDE);
    let style = theme.qr();
    let rows = qr.rows().into_iter();
    let rows = rows.map(|row| Row::of(vec![Span::styled(row, style)]));
    layout.set_aside(space.margin + text + 2, rows.collect());
    Space { text, ..space }
}

/// Returns the ways on without a code.
fn other_ways(screen: &SignInScreen, space: Space) -> Block {
    let text = match screen.method {
        Method::Browser => "Press r to try again, or Esc for the link.",
        Method::DeviceCode => "Press r to try again, or Esc and then 1 to sign in with a browser.",
    };
    Block::new(Weight::Needed, paragraph(text, Theme::text(), space.text)).apart()
}
