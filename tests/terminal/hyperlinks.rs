//! Hyperlinks (OSC 8): which cells are links, and their targets.

use std::collections::HashMap;
use std::num::NonZeroU16;

/// The targets of all hyperlinks that were ever written, in order.
pub fn targets(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let sequences = text.split("\x1b]8;").skip(1);
    sequences
        // Without its end it is not whole yet.
        .filter_map(|rest| Some(rest.split_once("\x1b\\")?.0.split_once(';')?.1.to_owned()))
        .filter(|target| !target.is_empty())
        .collect()
}

/// The cells of a screen that are links now, by row and column.
pub fn linked_cells(output: &[u8], columns: u16, rows: u16) -> HashMap<(u16, u16), String> {
    let cells = |count| NonZeroU16::new(count).unwrap();
    let mut terminal = vt100::Parser::new(cells(rows), cells(columns), 0);
    let mut links = HashMap::new();
    let text = String::from_utf8_lossy(output).into_owned();
    for (at, part) in text.split("\x1b]8;").enumerate() {
        let (target, shown) = match part.split_once("\x1b\\") {
            Some((link, shown)) if at > 0 => (link.split_once(';').unwrap().1, shown),
            _ => ("", part),
        };
        for piece in pieces(shown) {
            let before = terminal.screen().cursor_position();
            terminal.process(piece.as_bytes());
            if piece.starts_with('\x1b') {
                if piece.ends_with('J') {
                    links.clear();
                }
            } else if target.is_empty() {
                links.remove(&before);
            } else {
                links.insert(before, target.to_owned());
            }
        }
    }
    links
}

/// Escape sequences whole, everything else character by character.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first == '\x1b' {
            let end = rest[1..].find(|c: char| c.is_ascii_alphabetic() || c == '\\');
            end.map_or(rest.len(), |end| end + 2)
        } else {
            first.len_utf8()
        };
        let (piece, after) = rest.split_at(length);
        pieces.push(piece);
        rest = after;
    }
    pieces
}
