//! Makes text from servers, files and the environment safe to show.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};

/// Returns `text` as one line, without anything that could move the cursor, or hide or
/// reorder what is on the screen (threat 19).
///
/// Control characters, bidirectional controls, zero-width and other invisible
/// format characters are dropped; line breaks and tabs become blanks.
///
/// ```
/// use codex_onboarding::text::clean;
///
/// assert_eq!(clean("Zo\u{e9}\u{1b}[2J\u{202e}"), "Zo\u{e9}[2J");
/// ```
pub fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
            c if is_unsafe(c) => None,
            c => Some(c),
        })
        .collect()
}

/// Formats a time for output, in whole seconds of UTC.
#[doc(hidden)]
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The sequences that a terminal sends around a paste in bracketed paste mode.
pub(crate) const PASTE_MARKERS: [&str; 2] = ["\u{1b}[200~", "\u{1b}[201~"];

/// Removes the markers of a paste: some terminals still send them after the program that turned
/// them on has ended.
pub(crate) fn without_paste_markers(text: &str) -> String {
    PASTE_MARKERS
        .iter()
        .fold(text.to_owned(), |text, marker| text.replace(marker, ""))
}

/// Returns `text`, [clean]ed and quoted as one word of a POSIX shell, so that a command shown for
/// copying does nothing else (threat 24).
pub fn shell_word(text: &str) -> String {
    shell_words::quote(&clean(text)).into_owned()
}

/// Returns whether a character could move the cursor, hide or reorder what is on the screen.
pub fn is_unsafe(c: char) -> bool {
    c.is_control() || is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

/// [`clean`], cut to at most `max_chars` characters with an ellipsis.
pub fn clean_short(text: &str, max_chars: usize) -> String {
    // Only reads the beginning of a huge text.
    let head: String = text.chars().take(max_chars.saturating_mul(4)).collect();
    let cleaned = clean(&head);
    let cleaned = cleaned.trim();
    if cleaned.chars().count() <= max_chars {
        return cleaned.to_owned();
    }
    let kept: String = cleaned.chars().take(max_chars.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// The beginnings of API keys, personal access tokens and JSON web tokens.
const SECRET_BEGINNINGS: [&str; 3] = ["sk-", "at-", "eyJ"];

/// The least number of characters that follow in a real secret.
const SHORTEST_SECRET: usize = 16;

/// Returns `text`, cut off where an API key or a token begins, so that an error can quote what was
/// typed in the wrong place.
///
/// ```
/// use codex_onboarding::text::without_secret;
///
/// assert_eq!(without_secret("--key=sk-0123456789abcdef"), "--key=sk-…");
/// assert_eq!(without_secret("desk-at-home"), "desk-at-home");
/// ```
#[doc(hidden)]
pub fn without_secret(text: &str) -> Cow<'_, str> {
    let begins_word = |at: usize| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    };
    let secrets = SECRET_BEGINNINGS.iter().flat_map(|beginning| {
        let found = text.match_indices(beginning);
        found.map(|(at, it)| (at, at + it.len()))
    });
    let first = secrets
        .filter(|&(at, end)| {
            begins_word(at) && text[end..].chars().nth(SHORTEST_SECRET - 1).is_some()
        })
        .min();
    match first {
        Some((_, end)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// Returns whether this is a format character that draws nothing: a zero-width or bidirectional
/// control, a variation selector, a tag, a filler.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}'
        | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}' | '\u{13430}'..='\u{1343F}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_bidi_overrides_are_defused() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c\u{200b}d"), "a[2Jbcd");
        assert_eq!(clean("\u{9b}31mred\u{7}"), "31mred");
    }

    #[test]
    fn line_breaks_become_blanks() {
        assert_eq!(clean("one\r\ntwo\tthree"), "one  two three");
    }

    #[test]
    fn ordinary_wide_and_combining_text_is_kept() {
        assert_eq!(clean("Zoë 東京 שלום e\u{301}"), "Zoë 東京 שלום e\u{301}");
    }

    #[test]
    fn a_word_for_the_shell_is_one_word_and_means_nothing_else() {
        assert_eq!(shell_word("/home/zoe/.codex"), "/home/zoe/.codex");
        assert_eq!(shell_word("/my codex/$(id)"), "'/my codex/$(id)'");
        assert_eq!(shell_word("a'; rm b\n#"), r"'a'\''; rm b #'");
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        assert_eq!(clean_short("abcdef", 4), "abc…");
        assert_eq!(clean_short("  abcd  ", 4), "abcd");
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_nothing_is_left_that_moves_or_hides(text in ".{0,200}") {
            for c in clean(&text).chars() {
                proptest::prop_assert!(!c.is_control() && !is_invisible(c));
            }
            proptest::prop_assert!(clean_short(&text, 20).chars().count() <= 20);
        }
    }
}
