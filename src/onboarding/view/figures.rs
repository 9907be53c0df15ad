//! What is drawn and not written: the wordmark, the spinner, the device code in its box, the QR
//! code.

use ratatui::text::Span;
use unicode_width::UnicodeWidthStr;

use super::fit::Block;
use super::layout::{Layout, Space};
use super::rows::{Row, paragraph};
use crate::onboarding::clock::FRAME;
use crate::onboarding::model::{CodeStep, Model, Screen, SignInStep};
use crate::onboarding::qr::Qr;
use crate::onboarding::screens::Weight;
use crate::onboarding::theme::Theme;
use crate::product::Product;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// The fewest columns for the text beside a QR code.
const BESIDE: usize = 36;

/// The most columns for it.
const WIDEST_BESIDE: u16 = 52;

/// Returns the spinner's glyph.
pub(super) fn spinner(model: &Model) -> &'static str {
    let frame = model.now.as_millis() / FRAME.as_millis() % SPINNER.len() as u128;
    usize::try_from(frame).map_or(SPINNER[0], |at| SPINNER[at])
}

/// Returns the wordmark, or the name where it does not fit.
pub(super) fn wordmark(product: &Product, theme: Theme, space: Space) -> Block {
    let name = paragraph(&product.title, Theme::strong(), space.text);
    let wordmark = product.wordmark.as_deref().unwrap_or_default();
    let wide = wordmark
        .lines()
        .any(|line| line.chars().count() > usize::from(space.text));
    if wide || wordmark.is_empty() {
        return Block::new(Weight::Decoration, name).apart();
    }
    let rows = wordmark
        .lines()
        .map(|line| Row::of(vec![Span::styled(line.to_owned(), theme.accent())]))
        .collect();
    Block::new(Weight::Decoration, rows).or(name).apart()
}

/// Returns the code in a box, still in one piece for a double click.
pub(super) fn boxed(code: &str, theme: Theme) -> Vec<Row> {
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

/// Puts the screen's QR code at the right, where it has one that fits, and returns the space that
/// it leaves.
pub(super) fn beside(layout: &mut Layout, model: &Model, theme: Theme, space: Space) -> Space {
    let Some(qr) = qr(model).filter(|qr| fits_beside(qr, space)) else {
        return space;
    };
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

fn qr(model: &Model) -> Option<&Qr> {
    match &model.screen {
        Screen::SignIn(screen) if screen.step == SignInStep::DeviceCode => match &screen.code {
            CodeStep::Issued { qr, .. } => qr.as_ref(),
            _ => None,
        },
        _ => None,
    }
}

fn fits_beside(qr: &Qr, space: Space) -> bool {
    let (columns, rows) = qr.size();
    let margins = usize::from(space.margin) + 2 + 2;
    rows <= usize::from(space.area.height)
        && BESIDE + columns + margins <= usize::from(space.area.width)
}
