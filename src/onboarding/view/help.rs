//! The keys of the screen below, and help for which a small screen has no room.
//!
//! ```text
//! Keys
//!
//! o       Open the link in your browser
//! c       Copy the link to the clipboard
//! ```

use ratatui::text::Span;

use super::fit::{Block, Weight};
use super::keys::KeyHint;
use super::layout::{Layout, Space};
use super::rows::{hanging, paragraph};
use crate::onboarding::theme::Theme;

pub(super) fn layout(keys: &[KeyHint], more: Option<&str>, space: Space) -> Layout {
    let mut layout = Layout::default();
    let title = paragraph("Keys", Theme::strong(), space.text);
    layout.add(Block::new(Weight::Useful, title).apart());
    let mut rows = Vec::new();
    for hint in keys {
        let key = if hint.key.is_empty() { "Esc" } else { hint.key };
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
