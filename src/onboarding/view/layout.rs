//! A screen as a list of blocks, and how it gets onto the terminal.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::Hyperlink;
use super::fit::{Block, fit};
use super::rows::Row;
use crate::onboarding::screens::Weight;

/// The room for a layout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    /// All of it.
    pub area: Rect,
    /// Columns left free beside running text.
    pub margin: u16,
    /// Columns for running text: long lines are hard to read.
    pub text: u16,
}

impl Space {
    /// Returns the space above a footer of this many rows.
    pub fn above(footer: usize, area: Rect) -> Self {
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
}

/// A screen that is about to be drawn.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    blocks: Vec<Block>,
    /// Rows beside the blocks, from the top, and the column they start in.
    aside: (u16, Vec<Row>),
}

impl Layout {
    pub fn add(&mut self, block: Block) {
        self.blocks.push(block);
    }

    pub fn add_all(&mut self, blocks: impl IntoIterator<Item = Block>) {
        self.blocks.extend(blocks);
    }

    /// Returns the number of rows that it needs.
    pub fn least(&self) -> usize {
        let needed = |block: &&Block| block.weight() == Weight::Needed;
        self.blocks
            .iter()
            .filter(needed)
            .map(|block| block.rows().len())
            .sum()
    }

    pub fn set_aside(&mut self, column: u16, rows: Vec<Row>) {
        self.aside = (column, rows);
    }

    /// Puts a block that every screen has above the others.
    pub fn under(mut self, header: Option<Block>) -> Self {
        self.blocks.splice(0..0, header);
        self
    }

    /// Draws what fits, and answers where the links are.
    pub fn draw(self, space: Space, frame: &mut Frame<'_>) -> Vec<Hyperlink> {
        let height = usize::from(space.area.height);
        let mut links = Vec::new();
        let rows = fit(self.blocks, height);
        draw_column(&rows, space.margin, space, frame, &mut links);
        let (column, aside) = self.aside;
        draw_column(&aside, column, space, frame, &mut links);
        links
    }
}

fn draw_column(
    rows: &[Row],
    indent: u16,
    space: Space,
    frame: &mut Frame<'_>,
    links: &mut Vec<Hyperlink>,
) {
    let area = space.area;
    for (y, row) in (area.top()..area.bottom()).zip(rows) {
        let indent = if row.flush { 0 } else { indent };
        let x = area.x.saturating_add(indent).min(area.right());
        let width = area.right() - x;
        frame.buffer_mut().set_line(x, y, &row.line, width);
        if let Some(column) = row.cursor {
            let column = column.min(width.saturating_sub(1));
            frame.set_cursor_position((x + column, y));
        }
        if let Some(url) = &row.url {
            let drawn = u16::try_from(row.line.width()).unwrap_or(u16::MAX);
            let cells = Rect::new(x, y, drawn.min(width), 1);
            match links.last_mut() {
                Some(link) if row.continues => link.rows.push(cells),
                _ => links.push(Hyperlink {
                    rows: vec![cells],
                    url: url.clone(),
                }),
            }
        }
    }
}
