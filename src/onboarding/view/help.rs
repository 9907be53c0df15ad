//! The keys of the screen below, and help for which a small screen has no room.
//!
//! ```text
//! Keys
//!
//! o or 1  Open the link in your browser
//! c or 2  Copy the link to the clipboard
//! ```

use ratatui::text::Span;

use super::fit::{Block, Weight};
use super::keys::KeyHint;
use super::layout::{Layout, Space};
use super::rows::{hanging, paragraph};
use crate::onboarding::theme::Theme;

pub(super) fn layout(
    keys: &[KeyHint],
    commands: &[char],
    more: Option<&str>,
    space: Space,
) -> Layout {
    let mut layout = Layout::default();
    let title = paragraph("Keys", Theme::strong(), space.text);
    layout.add(Block::new(Weight::Useful, title).apart());
    let mut rows = Vec::new();
    for hint in keys {
        let is_key = |command: &char| hint.key.chars().eq([*command]);
        let key = match (hint.key, commands.iter().position(is_key)) {
            ("", _) => "Esc".to_owned(),
            (key, None) => key.to_owned(),
            (key, Some(at)) => format!("{key} or {}", at + 1),
        };
        let mark = [Span::styled(format!("{key:<8}"), Theme::strong())];
        rows.extend(hanging(&mark, hint.meaning, Theme::text(), space.text));
    }
    layout.add(Block::new(Weight::Needed, rows).apart());
    if let Some(more) = more {
        let rows = paragraph(more, Theme::text(), space.text);
        layout.add(Block::new(Weight::Important, rows).apart());
    }
    layout
}
