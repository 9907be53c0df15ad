//! The keys at the bottom of the screen.
//!
//! ```text
//! o open again   c copy link   u bare link   d device code   p paste
//! ? help   Press Esc to cancel                                       0:42
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::onboarding::screens::{BACK, KeyRow};
use crate::onboarding::theme::Theme;

/// The name of a key, which may be empty, and a word for what it does.
type Hint = (&'static str, &'static str);

/// Returns the keys in rows. Where there is no room, the last before Esc go first: the help
/// still has them.
///
/// Above them stands what to do where the keyboard has no Latin letters.
pub(super) fn rows(keys: &[KeyRow], help: bool, foreign: bool, area: Rect) -> Vec<Line<'static>> {
    let most = match area.height {
        ..10 => 2,
        _ => 3,
    };
    let hints = if help {
        vec![("any key", "go back")]
    } else {
        let shown = keys.iter().filter(|row| row.is_seen());
        shown.map(|row| (row.name, row.footer)).collect()
    };
    if foreign {
        let mut rows = flow(&[("", "Use digits, arrows and Enter, or ?")], area.width);
        rows.extend(fitting(hints, most - 1, area.width));
        return rows;
    }
    fitting(hints, most, area.width)
}

fn fitting(mut hints: Vec<Hint>, most: usize, width: u16) -> Vec<Line<'static>> {
    loop {
        let rows = flow(&hints, width);
        let spare = hints
            .iter()
            .rposition(|(name, _)| !matches!(*name, "" | "Esc" | BACK | "?"));
        match spare {
            Some(at) if rows.len() > most => hints.remove(at),
            _ => return rows,
        };
    }
}

fn flow(hints: &[Hint], width: u16) -> Vec<Line<'static>> {
    let (margin, between) = if width < 60 { (1, 2) } else { (3, 3) };
    let room = usize::from(width).saturating_sub(margin);
    let mut rows: Vec<Line<'static>> = Vec::new();
    for hint in hints {
        let spans = spans(*hint);
        let needs: usize = spans.iter().map(Span::width).sum();
        match rows.last_mut() {
            Some(row) if row.width() + between + needs <= room => {
                row.push_span(Span::raw(" ".repeat(between)));
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

fn spans((name, word): Hint) -> Vec<Span<'static>> {
    let word = Span::styled(word, Theme::text());
    if name.is_empty() {
        return vec![word];
    }
    vec![Span::styled(name, Theme::strong()), Span::raw(" "), word]
}

/// Draws the footer at the bottom, and the clock at the end of its last row.
pub(super) fn draw(
    footer: Vec<Line<'static>>,
    clock: Option<String>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let height = u16::try_from(footer.len())
        .unwrap_or(u16::MAX)
        .min(area.height);
    let used = footer.last().map_or(0, Line::width);
    for (y, line) in (area.bottom() - height..area.bottom()).zip(footer) {
        buffer.set_line(area.x, y, &line, area.width);
    }
    if let Some(clock) = clock {
        let clock = Line::styled(clock, Theme::quiet());
        let margin = if area.width < 60 { 1 } else { 3 };
        let width = u16::try_from(clock.width()).unwrap_or(u16::MAX);
        let x = area.right().saturating_sub(width.saturating_add(margin));
        if usize::from(x) > used + 1 {
            buffer.set_line(x, area.bottom() - 1, &clock, width);
        }
    }
}
