//! A field that shows how much was entered, and never what.
//!
//! ```text
//! › ••••••••••••••••••••••••••••ab12  32 characters
//! ```

use ratatui::text::Span;

use super::rows::Row;
use crate::onboarding::text_field::TextField;
use crate::onboarding::theme::Theme;
use crate::onboarding::wording::last_4;

/// Returns the field. Where it is focused, the terminal's cursor is in it; its last 4 characters
/// may be revealed, and a placeholder is shown while it is empty.
pub(super) fn row(
    field: &TextField,
    focused: bool,
    (revealed, placeholder): (bool, &'static str),
    theme: Theme,
    width: u16,
) -> Row {
    let prompt = if focused { "▌ " } else { "│ " };
    let mut spans = vec![Span::styled(prompt, theme.accent())];
    let chars = field.chars();
    let count = match chars {
        0 => String::new(),
        1 => "  1 character".to_owned(),
        many => format!("  {many} characters"),
    };
    let room = usize::from(width)
        .saturating_sub(2 + count.len() + 1)
        .max(1);
    // The part around the cursor, when there is no room for all of it.
    let from = field.cursor().saturating_sub(room);
    if chars == 0 {
        spans.push(Span::styled(placeholder, Theme::quiet()));
    } else {
        spans.push(Span::raw(masked(field, revealed, from, room)));
        spans.push(Span::styled(count, Theme::quiet()));
    }
    let mut row = Row::of(spans);
    let column = 2 + field.cursor() - from;
    row.cursor = focused.then(|| u16::try_from(column).unwrap_or(u16::MAX));
    row
}

fn masked(field: &TextField, revealed: bool, from: usize, room: usize) -> String {
    let chars = field.chars();
    let shown_from = match last_4(field.text()) {
        Some(_) if revealed => chars - 4,
        _ => chars,
    };
    field
        .text()
        .chars()
        .enumerate()
        .skip(from)
        .take(room)
        .map(|(at, c)| {
            if at >= shown_from && c.is_ascii_graphic() {
                c
            } else {
                '•'
            }
        })
        .collect()
}
