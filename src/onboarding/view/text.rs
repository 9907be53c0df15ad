//! Breaks text into lines that fit. All text that is drawn passes through here and is cleaned here,
//! so no other file has to do it.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::LINK;
use crate::text::clean;

/// Breaks running text into as many lines as it needs.
pub(super) fn paragraph(text: &str, style: Style, width: u16) -> Vec<Line<'static>> {
    hanging(Line::default(), text, style, width)
}

/// Puts running text behind a mark; the lines that follow begin below its first word.
pub(super) fn hanging(
    mark: impl Into<Line<'static>>,
    text: &str,
    style: Style,
    width: u16,
) -> Vec<Line<'static>> {
    let mut beginning: Line<'_> = mark.into();
    let indent = beginning.width();
    let room = usize::from(width).saturating_sub(indent).max(1);
    let line = |piece| {
        let mut line = std::mem::replace(&mut beginning, Line::raw(" ".repeat(indent)));
        line.push_span(Span::styled(piece, style));
        line
    };
    wrap(text, room).into_iter().map(line).collect()
}

/// Cuts an address only where a line ends.
pub(super) fn address(text: &str, width: u16) -> Vec<Line<'static>> {
    let pieces = pieces(&clean(text), usize::from(width).max(1));
    let line = |piece| Line::styled(piece, LINK);
    pieces.into_iter().map(line).collect()
}

/// Breaks at blanks, and inside a word only where it is longer than a line.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in clean(text).split_whitespace() {
        if let Some(line) = lines.last_mut()
            && line.width() + 1 + word.width() <= width
        {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.extend(pieces(word, width));
        }
    }
    lines
}

/// Cuts by columns; a combining mark stays with its letter.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut used = 0;
    for c in word.chars() {
        let columns = c.width().unwrap_or(0);
        if used + columns > width && used > 0 {
            pieces.push(std::mem::take(&mut piece));
            used = 0;
        }
        used += columns;
        piece.push(c);
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_at_blanks_and_long_words_where_the_line_ends() {
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
