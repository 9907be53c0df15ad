//! Draws the model. It has no state: the same model gives the same picture.

mod block;
mod keys;
mod parts;
mod text;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use self::block::{Block, fit};
use super::model::Model;
use super::screens::describe;

/// The smallest terminal that a screen fits.
pub const SMALLEST: (u16, u16) = (24, 8);

// The styles use only the 16 ANSI colours, which a terminal's own theme keeps readable. Colour
// never carries a meaning alone: a mark or a word says the same.

/// Running text: the terminal's own colours.
const TEXT: Style = Style::new();
/// Titles, the names of keys, the chosen line.
const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
/// Text of little importance.
const QUIET: Style = Style::new().add_modifier(Modifier::DIM);
/// Addresses.
const LINK: Style = Style::new().add_modifier(Modifier::UNDERLINED);
/// A word on a reversed bar.
const BADGE: Style = STRONG.add_modifier(Modifier::REVERSED);
/// Marks: the pointer, the spinner, the wordmark.
const ACCENT: Style = Style::new().fg(Color::Cyan);
/// Success.
const GOOD: Style = STRONG.fg(Color::Green);
/// Failure.
const BAD: Style = STRONG.fg(Color::Red);
/// Light modules of a QR code on dark ones, whatever the terminal's background.
const QR: Style = Style::new().fg(Color::White).bg(Color::Black);

/// The fewest columns for the text beside a QR code.
const NARROWEST_BESIDE_QR: u16 = 36;
/// The most columns for the text beside a QR code, so that the code stays near it on a wide
/// terminal.
const WIDEST_BESIDE_QR: u16 = 52;

/// The parts of a picture besides its cells.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    /// The links, from top to bottom.
    pub links: Vec<Hyperlink>,
    /// The position of the terminal's cursor, if text is being typed.
    pub cursor: Option<Position>,
}

/// A link that was drawn. The canvas wraps its cells in OSC 8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hyperlink {
    /// Its cells, a rectangle of height 1 for each row.
    pub rows: Vec<Rect>,
    /// The target, which may differ from the text.
    pub url: String,
}

/// Draws the screen into an empty buffer.
pub fn view(model: &Model, buffer: &mut Buffer) -> Drawn {
    let area = buffer.area;
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        for (y, line) in (area.top()..area.bottom()).zip(["too small", "needs 24x8"]) {
            buffer.set_stringn(area.x, y, line, usize::from(area.width), TEXT);
        }
        return Drawn::default();
    }
    let described = describe(model);
    let footer = keys::footer(&described.keys, model.help, model.foreign_letter, area);
    let mut space = Space::above(footer.len(), area);
    let header = parts::header(model, &described, space);
    let screen = if model.help {
        keys::help(&described, space)
    } else {
        space = draw_qr(described.qr, space, buffer);
        parts::blocks(model, &described, space)
    };
    let drawn = draw(header.into_iter().chain(screen).collect(), space, buffer);
    let clock = described.since.filter(|_| model.facts.animations);
    let clock = clock.map(|since| model.now.saturating_sub(since));
    keys::draw_footer(&footer, clock, area, buffer);
    if !model.facts.color {
        for cell in &mut buffer.content {
            cell.set_fg(Color::Reset).set_bg(Color::Reset);
        }
    }
    drawn
}

/// The room above the footer.
#[derive(Clone, Copy, Debug)]
struct Space {
    /// The whole area.
    area: Rect,
    /// Columns left free beside running text.
    margin: u16,
    /// Columns for running text: long lines are hard to read.
    text: u16,
}

impl Space {
    fn above(footer: usize, area: Rect) -> Self {
        let footer = u16::try_from(footer).unwrap_or(u16::MAX);
        let apart = u16::from(area.height >= 14);
        let top = u16::from(area.height >= 20);
        let margin = match area.width {
            ..40 => 0,
            40..60 => 1,
            60.. => 3,
        };
        Self {
            area: Rect {
                y: area.y + top,
                height: area.height.saturating_sub(footer + apart + top),
                ..area
            },
            margin,
            text: area.width.saturating_sub(2 * margin).min(76),
        }
    }

    fn height(self) -> usize {
        usize::from(self.area.height)
    }
}

/// Draws a QR code at the right, if there is one that fits, and returns the space that it leaves.
fn draw_qr(rows: &[String], space: Space, buffer: &mut Buffer) -> Space {
    let Some(width) = rows.first().map(|row| row.chars().count()) else {
        return space;
    };
    let beside = usize::from(NARROWEST_BESIDE_QR + space.margin + 2 + 2);
    if rows.len() > space.height() || beside + width > usize::from(space.area.width) {
        return space;
    }
    let room = usize::from(space.area.width) - width - usize::from(space.margin + 4);
    let text = u16::try_from(room).unwrap_or(u16::MAX);
    let text = text.min(WIDEST_BESIDE_QR);
    let x = space.area.x + space.margin + text + 2;
    for (y, row) in (space.area.top()..).zip(rows) {
        buffer.set_string(x, y, row, QR);
    }
    Space { text, ..space }
}

/// Draws as many of the blocks as there is room for.
fn draw(mut blocks: Vec<Block>, space: Space, buffer: &mut Buffer) -> Drawn {
    fit(&mut blocks, space.height());
    let area = space.area;
    let mut drawn = Drawn::default();
    let mut y = area.top();
    for block in blocks.into_iter().filter(|block| !block.lines.is_empty()) {
        y += u16::from(block.gap && y > area.top());
        let x = area.x + if block.flush { 0 } else { space.margin };
        let width = area.right() - x;
        if let Some(column) = block.cursor
            && y < area.bottom()
        {
            drawn.cursor = Some(Position::new(x + column.min(width - 1), y));
        }
        let mut rows = Vec::new();
        for (line, y) in block.lines.iter().zip(y..area.bottom()) {
            buffer.set_line(x, y, line, width);
            let line_width = u16::try_from(line.width()).unwrap_or(u16::MAX);
            rows.push(Rect::new(x, y, line_width.min(width), 1));
        }
        y = rows.last().map_or(area.bottom(), |row| row.bottom());
        if let Some(url) = block.url
            && !rows.is_empty()
        {
            drawn.links.push(Hyperlink { rows, url });
        }
    }
    drawn
}
