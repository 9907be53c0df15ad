//! The ways in which mails, chats, logs and shells write an address into other text.

use crate::text::without_paste_markers;

/// HTML's entities for the characters of an address and of quotes around it, and the escapes of
/// `&` in the shells of Windows.
const ENTITIES: [(&str, &str); 13] = [
    // `&amp;` comes first, and again for a text that was escaped twice.
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

/// Returns the original text, without the markers of a paste, HTML's entities, the escapes of JSON
/// and shells, and the label of a link in markdown or HTML.
pub fn undressed(text: &str) -> String {
    let text = without_paste_markers(text);
    let text = ENTITIES.iter().fold(text, |text, (entity, character)| {
        text.replace(entity, character)
    });
    without_backslashes(link_target(&text))
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

/// Undoes one percent-encoding (RFC 3986, section 2.1) of the characters that may occur in an
/// address.
pub fn percent_decoded(text: &str) -> String {
    decoded(text, '%', "%", |escape| {
        let character = character_of(escape.get(..2)?)?;
        character.is_ascii_graphic().then_some((character, 2))
    })
}

/// Undoes `\u0026` and `\x26`, and drops every other backslash: an address has none.
fn without_backslashes(text: &str) -> String {
    decoded(text, '\\', "", |escape| match escape.chars().next()? {
        'u' => Some((character_of(escape.get(1..5)?)?, 5)),
        'x' => Some((character_of(escape.get(1..3)?)?, 3)),
        // An escaped line break or tab in a JSON string.
        'n' | 'r' | 't' => Some((' ', 1)),
        _ => None,
    })
}

/// Replaces each escape that begins with `mark`. `read` decodes the text after the mark, and
/// returns the character and the number of bytes in the escape. If that is not an escape, the mark
/// becomes `otherwise`.
fn decoded(
    text: &str,
    mark: char,
    otherwise: &str,
    read: impl Fn(&str) -> Option<(char, usize)>,
) -> String {
    let mut parts = text.split(mark);
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some((character, length)) = read(part) {
            decoded.push(character);
            decoded.push_str(&part[length..]);
        } else {
            decoded.push_str(otherwise);
            decoded.push_str(part);
        }
    }
    decoded
}

fn character_of(hex: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(hex, 16).ok()?)
}
