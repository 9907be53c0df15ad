//! The ways in which mails, chats, logs and shells write an address into a text of theirs.

use std::borrow::Cow;

use crate::text::without_paste_markers;

/// The characters that HTML writes as entities, and `&` in the shells of Windows, as far as an
/// address or the quotes around it hold them.
const ENTITIES: [(&str, &str); 13] = [
    // First, and once more for a text that was escaped twice.
    ("&amp;", "&"),
    ("&amp;", "&"),
    ("&#38;", "&"),
    ("&#x26;", "&"),
    ("&quot;", "\""),
    ("&#34;", "\""),
    ("&#39;", "'"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&#61;", "="),
    ("^^^&", "&"),
    ("^&", "&"),
    ("`&", "&"),
];

/// Returns the text as it was meant: without the markers of a paste, HTML's entities, the
/// escapes of JSON and shells, and the label of a link in markdown or HTML.
pub fn undressed(text: &str) -> String {
    let text = without_paste_markers(text);
    let text = ENTITIES.iter().fold(Cow::from(text), replace);
    unescaped(link_target(&text))
}

fn replace<'a>(text: Cow<'a, str>, (entity, character): &(&str, &str)) -> Cow<'a, str> {
    if text.contains(entity) {
        text.replace(entity, character).into()
    } else {
        text
    }
}

/// Returns the target of a link in markdown (`[label](target)`) or HTML (`href="target"`), since
/// its label may repeat it; else the whole text.
fn link_target(text: &str) -> &str {
    for (before, after) in [("](", ')'), ("href=\"", '"'), ("href='", '\'')] {
        if let Some((_, rest)) = text.split_once(before) {
            return rest.split(after).next().unwrap_or_default();
        }
    }
    text
}

/// Undoes `\u0026` and `\x26`, and drops every other backslash: an address has none.
fn unescaped(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::with_capacity(text.len());
    while let Some((before, escaped)) = rest.split_once('\\') {
        plain.push_str(before);
        let digits = match escaped.chars().next() {
            Some('u') => 4,
            Some('x') => 2,
            // A line break or a tab in a text that JSON holds.
            Some('n' | 'r' | 't') => {
                plain.push(' ');
                rest = &escaped[1..];
                continue;
            }
            _ => 0,
        };
        let code = escaped.get(1..=digits).filter(|_| digits > 0);
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
        rest = match code.and_then(char::from_u32) {
            Some(character) => {
                plain.push(character);
                &escaped[1 + digits..]
            }
            None => escaped,
        };
    }
    plain + rest
}

/// Undoes one percent-encoding (RFC 3986, section 2.1) of the characters that may stand in an
/// address.
pub fn percent_decoded(text: &str) -> String {
    let mut rest = text;
    let mut decoded = String::with_capacity(text.len());
    while let Some((before, encoded)) = rest.split_once('%') {
        decoded.push_str(before);
        let byte = encoded
            .get(..2)
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        let character = byte.filter(u8::is_ascii_graphic).map(char::from);
        decoded.push(character.unwrap_or('%'));
        rest = if character.is_some() {
            &encoded[2..]
        } else {
            encoded
        };
    }
    decoded + rest
}
