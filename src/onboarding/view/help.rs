//! The keys of the screen below, and help for which a small screen has no room.
//!
//! ```text
//! Keys
//!
//! o or 1  Open the link in your browser
//! c or 2  Copy the link to the clipboard
//! ```

use ratatui::text::{Line, Span};

use super::block::Block;
use super::text::{hanging, paragraph};
use super::{STRONG, Space, TEXT};
use crate::onboarding::screens::{Described, Weight};

pub(super) fn blocks(described: &Described<'_>, space: Space) -> Vec<Block> {
    let mut lines = Vec::new();
    let mut has_esc = false;
    for row in described.keys.iter().filter(|row| row.is_seen()) {
        has_esc |= matches!(row.name, "" | "Esc" | "q");
        let name = match (row.name, row.digit) {
            ("", _) => "Esc".to_owned(),
            (name, None) => name.to_owned(),
            (name, Some(digit)) => format!("{name} or {digit}"),
        };
        lines.extend(line(&name, row.help, space));
    }
    if has_esc {
        lines.extend(line("Ctrl-G", "The same as Esc", space));
    }
    lines.extend(line("Ctrl-C", "Quit", space));
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

fn line(name: &str, help: &str, space: Space) -> Vec<Line<'static>> {
    let name = Span::styled(format!("{name:<8}"), STRONG);
    hanging(name, help, TEXT, space.text)
}
