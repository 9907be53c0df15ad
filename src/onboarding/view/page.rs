//! Fits a screen into the room there is.
//!
//! A screen is a list of blocks, each with a weight. While they are too tall,
//! the lightest goes first: decoration, the space between blocks, explanations.
//! What then fits again comes back, the weightiest first.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::Hyperlink;
use super::rows::Row;

/// How much a block matters; the last goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Never left out.
    Needed,
    /// Left out, or replaced, only where nothing else is left to go.
    Important,
    /// Something to know.
    Useful,
    /// Why and how.
    Explaining,
    /// An empty row above a block.
    Gap,
    /// Nobody misses it.
    Decoration,
}

/// Some rows that belong together.
#[derive(Clone, Debug)]
pub(super) struct Block {
    weight: Weight,
    rows: Vec<Row>,
    /// What stands there when the rows have to go.
    instead: Vec<Row>,
    /// Wants an empty row above.
    gap: bool,
}

impl Block {
    pub fn new(weight: Weight, rows: Vec<Row>) -> Self {
        Self {
            weight,
            rows,
            instead: Vec::new(),
            gap: false,
        }
    }

    /// With an empty row above.
    pub fn apart(mut self) -> Self {
        self.gap = true;
        self
    }

    /// With something shorter to stand in.
    pub fn or(mut self, instead: Vec<Row>) -> Self {
        self.instead = instead;
        self
    }
}

/// The room for a page.
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
    /// What a footer of some rows leaves.
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
pub(super) struct Page {
    blocks: Vec<Block>,
    /// Rows at the right edge, from the top, beside the blocks.
    aside: Vec<Row>,
}

/// Something that makes a page shorter, and can be taken back.
#[derive(Clone, Copy)]
enum Cut {
    Gap(usize),
    Rows(usize),
}

impl Page {
    pub fn add(&mut self, block: Block) {
        self.blocks.push(block);
    }

    pub fn add_all(&mut self, blocks: impl IntoIterator<Item = Block>) {
        self.blocks.extend(blocks);
    }

    /// Blocks that belong together, with an empty row above the first.
    pub fn add_group(&mut self, blocks: impl IntoIterator<Item = Block>) {
        for (at, block) in blocks.into_iter().enumerate() {
            self.add(if at == 0 { block.apart() } else { block });
        }
    }

    /// How many rows it cannot do without.
    pub fn least(&self) -> usize {
        let needed = |block: &&Block| block.weight == Weight::Needed;
        self.blocks
            .iter()
            .filter(needed)
            .map(|block| block.rows.len())
            .sum()
    }

    pub fn set_aside(&mut self, rows: Vec<Row>) {
        self.aside = rows;
    }

    /// Below a block that every page has.
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
        if let Some(first) = self.aside.first() {
            let width = u16::try_from(first.line.width()).unwrap_or(u16::MAX);
            let x = space.area.width.saturating_sub(width + space.margin.min(2));
            draw_column(&self.aside, x, space, frame, &mut links);
        }
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

/// The rows of the blocks that fit.
fn fit(blocks: Vec<Block>, height: usize) -> Vec<Row> {
    let mut shown = Shown::all(&blocks);
    let mut done: Vec<Cut> = Vec::new();
    for cut in cuts(&blocks) {
        if shown.height(&blocks) <= height {
            break;
        }
        shown.set(cut, false);
        done.push(cut);
    }
    // A tall block that went may have left room for what went before it.
    for cut in done.into_iter().rev() {
        shown.set(cut, true);
        if shown.height(&blocks) > height {
            shown.set(cut, false);
        }
    }
    shown.rows(blocks)
}

/// What can go, the lightest first, and the lower one first among equals.
fn cuts(blocks: &[Block]) -> Vec<Cut> {
    let mut cuts: Vec<(Weight, Cut)> = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        if block.gap {
            cuts.push((Weight::Gap, Cut::Gap(at)));
        }
        if block.weight > Weight::Needed {
            cuts.push((block.weight, Cut::Rows(at)));
        }
    }
    cuts.sort_by_key(|(weight, _)| *weight);
    cuts.into_iter().rev().map(|(_, cut)| cut).collect()
}

/// Which gaps and rows are there, block by block.
struct Shown {
    gaps: Vec<bool>,
    rows: Vec<bool>,
}

impl Shown {
    fn all(blocks: &[Block]) -> Self {
        Self {
            gaps: blocks.iter().map(|block| block.gap).collect(),
            rows: vec![true; blocks.len()],
        }
    }

    fn set(&mut self, cut: Cut, shown: bool) {
        match cut {
            Cut::Gap(at) => self.gaps[at] = shown,
            Cut::Rows(at) => self.rows[at] = shown,
        }
    }

    fn height(&self, blocks: &[Block]) -> usize {
        let mut height = 0;
        for (at, block) in blocks.iter().enumerate() {
            let rows = self.of(at, block).len();
            let gap = self.gaps[at] && rows > 0 && height > 0;
            height += rows + usize::from(gap);
        }
        height
    }

    fn rows(&self, blocks: Vec<Block>) -> Vec<Row> {
        let mut rows = Vec::new();
        for (at, block) in blocks.into_iter().enumerate() {
            let own = self.of(at, &block);
            if self.gaps[at] && !own.is_empty() && !rows.is_empty() {
                rows.push(Row::default());
            }
            rows.extend_from_slice(own);
        }
        rows
    }

    fn of<'a>(&self, at: usize, block: &'a Block) -> &'a [Row] {
        if self.rows[at] {
            &block.rows
        } else {
            &block.instead
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::paragraph;
    use super::*;
    use ratatui::style::Style;

    fn block(weight: Weight, text: &str) -> Block {
        Block::new(weight, paragraph(text, Style::new(), 1))
    }

    fn fitted(blocks: Vec<Block>, height: usize) -> String {
        let rows = fit(blocks, height);
        rows.iter().map(|row| format!("{}/", row.line)).collect()
    }

    #[test]
    fn the_lightest_goes_first_and_what_is_needed_stays() {
        let blocks = vec![
            block(Weight::Decoration, "d"),
            block(Weight::Explaining, "e").apart(),
            block(Weight::Needed, "n").apart(),
        ];
        assert_eq!(fitted(blocks.clone(), 5), "d//e//n/");
        assert_eq!(fitted(blocks.clone(), 3), "e//n/");
        assert_eq!(fitted(blocks.clone(), 2), "e/n/");
        assert_eq!(fitted(blocks, 1), "n/");
    }

    #[test]
    fn what_fits_again_after_a_tall_block_went_comes_back() {
        let tall = block(Weight::Important, "a b c d").or(paragraph("s", Style::new(), 1));
        let blocks = vec![
            tall,
            block(Weight::Explaining, "e"),
            block(Weight::Needed, "n"),
        ];
        assert_eq!(fitted(blocks, 3), "s/e/n/");
    }
}
