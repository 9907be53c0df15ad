//! The keys at the bottom of the screen, and in the help.
//!
//! ```text
//! o open again   c copy link   u bare link   d device code   p paste
//! ? help   Press Esc to cancel                                       0:42
//! ```

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::block::Block;
use super::text::{hanging, paragraph};
use super::{QUIET, STRONG, Space, TEXT};
use crate::onboarding::screens::{BACK, Described, KeyRow, Weight};

/// The name of a key, which may be empty, and a word for what it does.
type Hint = (&'static str, &'static str);

/// Returns the keys in rows, below advice for a keyboard without Latin letters. If there is no
/// room, the last keys before Esc are left out, because the help lists them all.
pub(super) fn footer(keys: &[KeyRow], help: bool, foreign: bool, area: Rect) -> Vec<Line<'static>> {
    let mut most = if area.height < 10 { 2 } else { 3 };
    let mut hints: Vec<Hint> = if help {
        vec![("any key", "go back")]
    } else {
        let seen = keys.iter().filter(|row| row.is_seen());
        seen.map(|row| (row.name, row.footer)).collect()
    };
    let mut above = Vec::new();
    if foreign {
        above = flow(&[("", "Use digits, arrows and Enter, or ?")], area.width);
        most -= 1;
    }
    let can_go = |(name, _): &Hint| !matches!(*name, "" | "Esc" | BACK | "?");
    let mut rows = flow(&hints, area.width);
    while rows.len() > most
        && let Some(at) = hints.iter().rposition(can_go)
    {
        hints.remove(at);
        rows = flow(&hints, area.width);
    }
    above.extend(rows);
    above
}

fn flow(hints: &[Hint], width: u16) -> Vec<Line<'static>> {
    let between = if width < 60 { "  " } else { "   " };
    let margin = usize::from(margin(width));
    let mut rows: Vec<Line<'static>> = Vec::new();
    for &(name, word) in hints {
        let word = Span::styled(word, TEXT);
        let spans = match name {
            "" => vec![word],
            name => vec![Span::styled(name, STRONG), Span::raw(" "), word],
        };
        let needs: usize = spans.iter().map(Span::width).sum();
        match rows.last_mut() {
            Some(row) if row.width() + between.len() + needs <= usize::from(width) - margin => {
                row.push_span(between);
                row.extend(spans);
            }
            _ => {
                let mut row = Line::raw(" ".repeat(margin));
                row.extend(spans);
                rows.push(row);
            }
        }
    }
    rows
}

fn margin(width: u16) -> u16 {
    if width < 60 { 1 } else { 3 }
}

/// Draws the footer at the bottom, and the clock at the end of its last row, if there is room.
pub(super) fn draw_footer(
    footer: &[Line<'static>],
    clock: Option<Duration>,
    area: Rect,
    buffer: &mut Buffer,
) {
    for (y, line) in (area.top()..area.bottom()).rev().zip(footer.iter().rev()) {
        buffer.set_line(area.x, y, line, area.width);
    }
    let used = footer.last().map_or(0, Line::width);
    if let Some(clock) = clock.map(|clock| clock.as_secs()) {
        let clock = format!("{}:{:02}", clock / 60, clock % 60);
        let end = usize::from(area.width - margin(area.width));
        if used + 1 + clock.len() < end {
            let x = u16::try_from(end - clock.len()).unwrap_or(u16::MAX);
            buffer.set_string(area.x + x, area.bottom() - 1, clock, QUIET);
        }
    }
}

/// Returns the help: the keys of the screen, and a sentence for which a small screen has no room.
///
/// ```text
/// Keys
///
/// o or 1  Open the link in your browser
/// c or 2  Copy the link to the clipboard
/// ```
pub(super) fn help(described: &Described<'_>, space: Space) -> Vec<Block> {
    let mut lines = Vec::new();
    let mut has_esc = false;
    for row in described.keys.iter().filter(|row| row.is_seen()) {
        has_esc |= matches!(row.name, "" | "Esc" | "q");
        let name = match (row.name, row.digit) {
            ("", _) => "Esc".to_owned(),
            (name, None) => name.to_owned(),
            (name, Some(digit)) => format!("{name} or {digit}"),
        };
        lines.extend(help_line(&name, row.help, space));
    }
    if has_esc {
        lines.extend(help_line("Ctrl-G", "The same as Esc", space));
    }
    lines.extend(help_line("Ctrl-C", "Quit", space));
    let title = paragraph("Keys", STRONG, space.text);
    let mut blocks = vec![
        Block::new(Weight::Useful, title).apart(),
        Block::new(Weight::Needed, lines).apart(),
    ];
    if let Some(more) = &described.more_help {
        let more = paragraph(more, TEXT, space.text);
        blocks.push(Block::new(Weight::Important, more).apart());
    }
    blocks
}

fn help_line(name: &str, help: &str, space: Space) -> Vec<Line<'static>> {
    let name = Span::styled(format!("{name:<8}"), STRONG);
    hanging(name, help, TEXT, space.text)
}
