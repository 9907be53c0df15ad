//! The keys of the screen below, and help for which a small screen has no room.
//!
//! ```text
//! Keys
//!
//! o or 1  Open the link in your browser
//! c or 2  Copy the link to the clipboard
//! ```

use ratatui::text::Span;

use super::fit::Block;
use super::layout::{Layout, Space};
use super::rows::{Row, hanging, paragraph};
use crate::onboarding::screens::{KeyRow, Weight};
use crate::onboarding::theme::Theme;

pub(super) fn layout(
    keys: &[KeyRow],
    commands: &[char],
    more: Option<&str>,
    space: Space,
) -> Layout {
    let mut layout = Layout::default();
    let title = paragraph("Keys", Theme::strong(), space.text);
    layout.add(Block::new(Weight::Useful, title).apart());
    let mut rows = Vec::new();
    let seen = keys.iter().filter(|row| row.is_seen());
    for row in seen.clone() {
        let is_key = |command: &char| row.name.chars().eq([*command]);
        let name = match (row.name, commands.iter().position(is_key)) {
            ("", _) => "Esc".to_owned(),
            (name, None) => name.to_owned(),
            (name, Some(at)) => format!("{name} or {}", at + 1),
        };
        rows.extend(line(&name, row.help, space));
    }
    if seen.clone().any(|row| matches!(row.name, "" | "Esc" | "q")) {
        rows.extend(line("Ctrl-G", "The same as Esc", space));
    }
    rows.extend(line("Ctrl-C", "Quit", space));
    layout.add(Block::new(Weight::Needed, rows).apart());
    if let Some(more) = more {
        let rows = paragraph(more, Theme::text(), space.text);
        layout.add(Block::new(Weight::Important, rows).apart());
    }
    layout
}

fn line(name: &str, help: &str, space: Space) -> Vec<Row> {
    let mark = [Span::styled(format!("{name:<8}"), Theme::strong())];
    hanging(&mark, help, Theme::text(), space.text)
}
