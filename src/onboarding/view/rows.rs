//! Text to rows that fit. Everything that is drawn passes through here, and is
//! cleaned here: no other file needs to remember it.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::clean;

/// One row of the screen.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub line: Line<'static>,
    /// From column 0, whatever the margin.
    pub flush: bool,
    /// The address that the row is a link to.
    pub url: Option<String>,
    /// The link began in the row above.
    pub continues: bool,
    /// The terminal's cursor is here.
    pub cursor: Option<u16>,
}

impl Row {
    /// A row of differently styled words. The text must be clean.
    pub fn of(spans: Vec<Span<'static>>) -> Self {
        Self {
            line: Line::from(spans),
            ..Self::default()
        }
    }
}

/// Text from wherever, in one style, safe to draw.
pub(super) fn span(text: &str, style: Style) -> Span<'static> {
    Span::styled(clean(text), style)
}

/// Running text over as many rows as it needs.
pub(super) fn paragraph(text: &str, style: Style, width: u16) -> Vec<Row> {
    hanging(&[], text, style, width)
}

/// Running text behind a mark; the rows that follow begin below its first word.
pub(super) fn hanging(mark: &[Span<'static>], text: &str, style: Style, width: u16) -> Vec<Row> {
    let indent: usize = mark.iter().map(Span::width).sum();
    let room = usize::from(width).saturating_sub(indent).max(1);
    let mut rows = Vec::new();
    for piece in wrap(text, room) {
        let mut spans = if rows.is_empty() {
            mark.to_vec()
        } else {
            vec![Span::raw(" ".repeat(indent))]
        };
        spans.push(Span::styled(piece, style));
        rows.push(Row::of(spans));
    }
    rows
}

/// An address, cut only where a row ends. Flush rows run from column 0, so that
/// a mouse selects the address and nothing else.
pub(super) fn address(text: &str, target: &str, style: Style, width: u16, flush: bool) -> Vec<Row> {
    pieces(&clean(text), usize::from(width).max(1))
        .into_iter()
        .enumerate()
        .map(|(at, piece)| Row {
            line: Line::styled(piece, style),
            flush,
            url: Some(clean(target)),
            continues: at > 0,
            cursor: None,
        })
        .collect()
}

/// Breaks at blanks, and inside a word only where it is longer than a row.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in clean(text).split_whitespace() {
        if let Some(row) = rows.last_mut()
            && row.width() + 1 + word.width() <= width
        {
            row.push(' ');
            row.push_str(word);
        } else {
            rows.extend(pieces(word, width));
        }
    }
    rows
}

/// Cuts by columns; a combining mark stays with its letter.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for c in word.chars() {
        let columns = c.width().unwrap_or(0);
        if used + columns > width && used > 0 {
            pieces.push(String::new());
            used = 0;
        }
        used += columns;
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_at_blanks_and_long_words_where_the_row_ends() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a abcdefgh b", 4), ["a", "abcd", "efgh", "b"]);
        assert!(wrap("", 5).is_empty());
    }

    #[test]
    fn wide_and_combining_characters_are_counted_in_columns() {
        assert_eq!(pieces("東京都", 4), ["東京", "都"]);
        assert_eq!(pieces("e\u{301}e\u{301}", 1), ["e\u{301}", "e\u{301}"]);
        assert_eq!(pieces("東", 1), ["東"]);
    }
}
