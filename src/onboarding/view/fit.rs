//! Fits a screen into the room there is.
//!
//! Every block has a weight. While the blocks are too tall, the lightest goes
//! first: decoration, the space between blocks, explanations. What then fits
//! again comes back, the weightiest first.

use super::rows::Row;
use crate::onboarding::screens::Weight;

/// Some rows that belong together.
#[derive(Clone, Debug)]
pub(super) struct Block {
    weight: Weight,
    rows: Vec<Row>,
    /// Shown instead when the rows have to go.
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

    pub fn weight(&self) -> Weight {
        self.weight
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
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

/// The rows of the blocks that fit.
pub(super) fn fit(blocks: Vec<Block>, height: usize) -> Vec<Row> {
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

/// Returns everything that can go, the lightest first, and among equals the lowest first.
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

/// The gaps and rows that are shown, block by block.
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

/// Something that makes a layout shorter, and can be taken back.
#[derive(Clone, Copy)]
enum Cut {
    Gap(usize),
    Rows(usize),
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
        let lines: Vec<String> = rows.iter().map(|row| row.line.to_string()).collect();
        lines.join("/")
    }

    #[test]
    fn the_lightest_goes_first_and_what_is_needed_stays() {
        let blocks = vec![
            block(Weight::Decoration, "d"),
            block(Weight::Explaining, "e").apart(),
            block(Weight::Needed, "n").apart(),
        ];
        assert_eq!(fitted(blocks.clone(), 5), "d//e//n");
        assert_eq!(fitted(blocks.clone(), 3), "e//n");
        assert_eq!(fitted(blocks.clone(), 2), "e/n");
        assert_eq!(fitted(blocks, 1), "n");
    }

    #[test]
    fn what_fits_again_after_a_tall_block_went_comes_back() {
        let tall = block(Weight::Important, "a b c d").or(paragraph("s", Style::new(), 1));
        let blocks = vec![
            tall,
            block(Weight::Explaining, "e"),
            block(Weight::Needed, "n"),
        ];
        assert_eq!(fitted(blocks, 3), "s/e/n");
    }
}
