//! The blocks of a screen, fitted into the available room.

use ratatui::text::Line;

use crate::onboarding::screens::Weight;

/// Some rows that belong together.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The importance: the least important block is left out first.
    pub weight: Weight,
    pub lines: Vec<Line<'static>>,
    /// The lines to show when the block's own are left out.
    pub instead: Vec<Line<'static>>,
    /// With an empty row above.
    pub gap: bool,
    /// Set to begin in column 0, whatever the margin.
    pub flush: bool,
    /// The address that the lines are a link to.
    pub url: Option<String>,
    /// The column of the terminal's cursor in the first line.
    pub cursor: Option<u16>,
}

impl Block {
    pub fn new(weight: Weight, lines: Vec<Line<'static>>) -> Self {
        Self {
            weight,
            lines,
            instead: Vec::new(),
            gap: false,
            flush: false,
            url: None,
            cursor: None,
        }
    }

    /// With an empty row above.
    pub fn apart(self) -> Self {
        Self { gap: true, ..self }
    }

    /// Removes the gap, or replaces the lines with their stand-in. A second call undoes this.
    fn toggle(&mut self, part: Weight) {
        if part == Weight::Gap {
            self.gap = !self.gap;
        } else {
            std::mem::swap(&mut self.lines, &mut self.instead);
        }
    }
}

/// Shortens the blocks to `height` rows. The least important parts are left out first: decoration,
/// then the gaps between blocks, then explanations.
pub(super) fn fit(blocks: &mut [Block], height: usize) {
    let mut parts = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        if block.gap {
            parts.push((Weight::Gap, at));
        }
        if block.weight > Weight::Needed {
            parts.push((block.weight, at));
        }
    }
    parts.sort_unstable();
    let mut kept = parts.len();
    while kept > 0 && rows(blocks) > height {
        kept -= 1;
        let (part, at) = parts[kept];
        blocks[at].toggle(part);
    }
    // Leaving out a tall block last may make room again for a less important one that was left out
    // before it.
    for &(part, at) in &parts[kept..] {
        blocks[at].toggle(part);
        if rows(blocks) > height {
            blocks[at].toggle(part);
        }
    }
}

fn rows(blocks: &[Block]) -> usize {
    let shown = blocks.iter().filter(|block| !block.lines.is_empty());
    shown.fold(0, |above, block| {
        above + usize::from(block.gap && above > 0) + block.lines.len()
    })
}

#[cfg(test)]
mod tests {
    use super::super::TEXT;
    use super::super::text::paragraph;
    use super::*;

    fn block(weight: Weight, text: &str) -> Block {
        Block::new(weight, paragraph(text, TEXT, 1))
    }

    fn fitted(mut blocks: Vec<Block>, height: usize) -> String {
        fit(&mut blocks, height);
        let mut rows = Vec::new();
        for block in blocks.iter().filter(|block| !block.lines.is_empty()) {
            rows.extend((block.gap && !rows.is_empty()).then(String::new));
            rows.extend(block.lines.iter().map(ToString::to_string));
        }
        rows.join("/")
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
        let mut tall = block(Weight::Important, "a b c d");
        tall.instead = paragraph("s", TEXT, 1);
        let blocks = vec![
            tall,
            block(Weight::Explaining, "e"),
            block(Weight::Needed, "n"),
        ];
        assert_eq!(fitted(blocks, 3), "s/e/n");
    }
}
