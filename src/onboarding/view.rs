//! Draws the model. No state of its own: the same model, the same picture.

mod field;
mod figures;
mod fit;
mod footer;
mod help;
mod layout;
mod parts;
mod rows;

use ratatui::Frame;
use ratatui::layout::Rect;

use self::layout::Space;
use super::model::Model;
use super::screens::{describe, more_help};
use super::theme::Theme;

/// The smallest terminal that a screen fits.
pub const SMALLEST: (u16, u16) = (24, 8);

/// A link that was drawn. The backend wraps its cells in OSC 8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hyperlink {
    /// Its cells, a rectangle of height 1 for each row.
    pub rows: Vec<Rect>,
    /// The target, whatever the text.
    pub url: String,
}

/// Draws the screen, and answers where its links are.
pub fn view(model: &Model, frame: &mut Frame<'_>) -> Vec<Hyperlink> {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(frame);
        return Vec::new();
    }
    let theme = Theme::new(model.facts.color);
    let described = describe(model);
    let footer = footer::rows(&described.keys, model.help, model.foreign_letter, area);
    let space = Space::above(footer.len(), area);
    let layout = if model.help {
        let commands = model.screen.commands();
        help::layout(
            &described.keys,
            commands,
            more_help(model).as_deref(),
            space,
        )
    } else {
        parts::layout(model, &described, theme, space)
    };
    let layout = layout.under(parts::header(model, space));
    let clock = parts::elapsed(model);
    footer::draw(footer, clock, area, frame.buffer_mut());
    layout.draw(space, frame)
}

/// As much of it as there is room for.
fn too_small(frame: &mut Frame<'_>) {
    let area = frame.area();
    let lines = ["too small", "needs 24x8"];
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        let width = usize::from(area.width);
        frame
            .buffer_mut()
            .set_stringn(area.x, y, line, width, Theme::text());
    }
}
