//! The one rule for a secret that a person types, pastes, pipes in or has in the environment: blanks,
//! quotes and a variable's name around it are dropped, and a text that is visibly no secret is
//! refused (threat 31).

use secrecy::SecretString;

use crate::error::{Error, Result};
use crate::text::is_unsafe;

/// Real secrets have a few hundred characters at most.
const MAX_LEN: usize = 4096;

/// The beginning that distinguishes personal access tokens.
const ACCESS_TOKEN: &str = "at-";

/// The beginning of OpenAI's API keys. Other APIs' keys may begin in another way.
const API_KEY: &str = "sk-";

/// Pairs of quotes that shells, files and web pages put around a secret.
const QUOTES: [(char, char); 7] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('„', '“'),
    ('‘', '’'),
    ('«', '»'),
];

/// The characters that a page shows in place of hidden ones.
const MASKS: [&str; 6] = ["*", "…", "•", "●", "...", "xxxxxx"];

/// The beginnings of secrets that are not API keys.
const OTHERS: [(&str, &str); 5] = [
    ("rt_", "a refresh token"),
    ("rt-", "a refresh token"),
    ("gho_", "a GitHub token"),
    ("ghp_", "a GitHub token"),
    ("github_pat_", "a GitHub token"),
];

/// The hint for the other kinds of access tokens.
const FOR_OTHERS: &str = "Only personal access tokens can be used here; for any other kind, use: \
                          codex login --with-access-token";

/// The words for a missing value.
const NOTHING: [&str; 4] = ["nil", "none", "null", "undefined"];

/// The kinds of secrets that a person can sign in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// An API key.
    ApiKey,
    /// A personal access token.
    AccessToken,
}

impl SecretKind {
    /// Returns the kind of a secret, by its beginning.
    pub fn of(text: &str) -> Option<Self> {
        let secret = undressed(text);
        if secret.starts_with(ACCESS_TOKEN) {
            Some(Self::AccessToken)
        } else {
            secret.starts_with(API_KEY).then_some(Self::ApiKey)
        }
    }

    /// Returns the kind's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "API key",
            Self::AccessToken => "access token",
        }
    }

    /// Checks that `text` holds a secret of this kind that could be sent as a bearer (RFC 6750,
    /// section 2.1), and returns it without blanks, invisible characters, quotes and the name of
    /// a variable around it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) with a sentence that names what is wrong,
    /// never the secret.
    pub fn check(self, text: &str) -> Result<SecretString> {
        let secret = undressed(text);
        let (name, one) = (self.name(), self.with_article());
        let problem = if secret.is_empty() {
            format!("The {name} is empty")
        } else if secret.contains(['\n', '\r', '\u{2028}', '\u{2029}']) {
            format!("More than one line was given: {one} is one line")
        } else if secret.len() > MAX_LEN {
            format!("This is not {one}: it is {} bytes long", secret.len())
        } else if secret.contains("://") {
            format!("This is a web address, not {one}")
        } else if let Some(other) = Self::of(secret).filter(|&other| other != self) {
            let end = match self {
                Self::ApiKey => ", not an API key",
                Self::AccessToken => ": an access token must begin with at-",
            };
            format!("This is {}{end}", other.with_article())
        } else if let Some((_, other)) = OTHERS.iter().find(|it| secret.starts_with(it.0)) {
            format!("This is {other}, not {one}")
        } else if is_masked(secret) {
            format!("The {name} is masked: some characters are hidden")
        } else if is_placeholder(secret) {
            format!("This is a placeholder, not {one}")
        } else if let Some((at, c)) = secret.chars().enumerate().find(|it| !may_be_part(it.1)) {
            format!("The {name} has {} at position {}", description(c), at + 1)
        } else if self == Self::AccessToken && !secret.starts_with(ACCESS_TOKEN) {
            // No other kind of access token can be stored without its claims.
            let message = "This is not a personal access token: it must begin with at-";
            return Err(Error::usage(message).with_hint(FOR_OTHERS));
        } else {
            return Ok(secret.into());
        };
        Err(Error::usage(problem))
    }

    fn with_article(self) -> String {
        format!("an {}", self.name())
    }
}

/// Returns the secret in a text, without anything that was copied along with it.
fn undressed(text: &str) -> &str {
    let text = trimmed(text);
    if let Some(inside) = unquoted(text) {
        return value_of(inside);
    }
    let value = value_of(text);
    unquoted(value).unwrap_or(value)
}

/// Returns the text without blanks, byte order marks and zero-width characters around it.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || (is_unsafe(c) && !c.is_control()))
}

/// Returns the text between one pair of quotes.
fn unquoted(text: &str) -> Option<&str> {
    let between = |(open, close)| text.strip_prefix(open)?.strip_suffix(close);
    QUOTES.into_iter().find_map(between).map(trimmed)
}

/// Returns the value of an assignment to a variable, as shells and `.env` files write it; any
/// other text as it is.
fn value_of(text: &str) -> &str {
    let mut keywords = ["export ", "set ", "$env:"].into_iter();
    let assignment = keywords.find_map(|keyword| text.strip_prefix(keyword));
    let Some((name, value)) = assignment.unwrap_or(text).split_once('=') else {
        return text;
    };
    let name = name.trim();
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if name.contains('_') && name.chars().all(is_part) {
        trimmed(value)
    } else {
        text
    }
}

fn is_masked(secret: &str) -> bool {
    let secret = secret.to_lowercase();
    let (_, end) = secret.rsplit_once('-').unwrap_or_default();
    MASKS.iter().any(|mask| secret.contains(mask))
        || (end.len() > 2 && end.chars().all(|c| c == 'x'))
}

/// Returns whether this is a variable's name, a manual's placeholder for the secret, or the word a
/// program prints when there is none.
fn is_placeholder(secret: &str) -> bool {
    secret.starts_with(['$', '%', '<', '{'])
        || secret.ends_with(['>', '}'])
        || NOTHING.iter().any(|it| secret.eq_ignore_ascii_case(it))
}

fn may_be_part(c: char) -> bool {
    c.is_ascii_graphic() && !QUOTES.iter().any(|&(open, _)| c == open)
}

fn description(c: char) -> &'static str {
    match c {
        '"' | '\'' | '`' => "a quotation mark",
        c if c.is_whitespace() && c != '\t' => "a space",
        '\t' => "a tab",
        c if c.is_control() => "a control character",
        _ => "a character that is not ASCII",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::*;

    const KEY: &str = "sk-proj-Ab1_dE2-fG3";
    const TOKEN: &str = "at-Ab1_dE2-fG3";

    fn why(kind: SecretKind, text: &str) -> String {
        kind.check(text).unwrap_err().to_string()
    }

    #[test]
    fn what_copying_brings_along_is_dropped() {
        for (before, after) in [
            ("  ", "\n"),
            ("\t", " \r\n"),
            ("", "\r"),
            ("\u{feff}", ""),
            ("\u{200b}\u{2060}", "\u{200b}"),
            ("\u{a0}", "\u{3000}"),
            ("\"", "\""),
            ("'", "'\r\n"),
            ("`", "`"),
            (" “", "” "),
            ("‘", "’"),
            ("\" ", " \""),
            ("OPENAI_API_KEY=", ""),
            ("OPENAI_API_KEY = ", ""),
            ("export OPENAI_API_KEY=", "\n"),
            ("OPENAI_API_KEY=\"", "\""),
            ("OPENAI_API_KEY='", "'\r"),
            ("\"OPENAI_API_KEY=", "\""),
            ("$env:OPENAI_API_KEY = \"", "\""),
            ("set OPENAI_API_KEY=", ""),
            ("\u{feff}CODEX_ACCESS_TOKEN=", ""),
        ] {
            for (kind, secret) in [(SecretKind::ApiKey, KEY), (SecretKind::AccessToken, TOKEN)] {
                let text = format!("{before}{secret}{after}");
                let checked = kind.check(&text).unwrap();
                assert_eq!(checked.expose_secret(), secret, "{text:?}");
            }
        }
    }

    #[test]
    fn a_secret_that_is_visibly_none_is_refused_with_its_problem() {
        for (text, says) in [
            (" ", "is empty"),
            ("\"\"", "is empty"),
            ("OPENAI_API_KEY=", "is empty"),
            ("{}\u{7}", "a control character at position"),
            ("\u{7}{}", "a control character at position 1"),
            ("a {}", "a space at position 2"),
            ("a\t{}", "a tab at position 2"),
            ("{}é", "a character that is not ASCII at position"),
            ("a\u{200b}{}", "a character that is not ASCII at position 2"),
            ("\"{}", "a quotation mark at position 1"),
            ("'\"{}\"'", "a quotation mark at position 1"),
            ("“\"{}\"”", "a quotation mark at position 1"),
            ("{}\nsecond half", "More than one line was given"),
            ("first half\r{}", "More than one line was given"),
            (
                "https://platform.openai.com/api-keys",
                "a web address, not an",
            ),
            (
                "http://localhost:1455/auth/callback?code=c&state=s",
                "a web address",
            ),
            ("{}****abcd", "is masked"),
            ("{}…abcd", "is masked"),
            ("{}...abcd", "is masked"),
            ("{}••••", "is masked"),
            ("sk-xxxx", "is masked"),
            ("sk-proj-XXXXXXXXXXXX", "is masked"),
            ("$OPENAI_API_KEY", "a placeholder, not an"),
            ("${OPENAI_API_KEY}", "a placeholder, not an"),
            ("%OPENAI_API_KEY%", "a placeholder, not an"),
            ("<your key>", "a placeholder, not an"),
            ("null", "a placeholder, not an"),
            ("OPENAI_API_KEY=None", "a placeholder, not an"),
            ("rt_Ab1-dE2", "This is a refresh token, not an"),
            ("ghp_Ab1dE2", "This is a GitHub token, not an"),
        ] {
            let refusal = why(SecretKind::ApiKey, &text.replace("{}", KEY));
            assert!(refusal.contains(says), "{text:?}: {refusal}");
            assert!(!refusal.contains(KEY), "{refusal}");
            if !text.starts_with("sk-") {
                let refusal = why(SecretKind::AccessToken, &text.replace("{}", TOKEN));
                assert!(refusal.contains(says), "{text:?}: {refusal}");
            }
        }
        let long = "x".repeat(5000);
        assert!(why(SecretKind::ApiKey, &long).contains("5000 bytes"));
    }

    #[test]
    fn the_other_kind_is_called_by_its_name() {
        let refusal = why(SecretKind::ApiKey, &format!("\"{TOKEN}\""));
        assert_eq!(refusal, "This is an access token, not an API key");
        let refusal = why(SecretKind::AccessToken, &format!("OPENAI_API_KEY={KEY}"));
        assert_eq!(
            refusal,
            "This is an API key: an access token must begin with at-"
        );
    }

    #[test]
    fn only_what_begins_like_a_personal_access_token_is_one() {
        assert_eq!(
            SecretKind::AccessToken
                .check(" \"at-1\"\n")
                .unwrap()
                .expose_secret(),
            "at-1"
        );
        for (text, why) in [
            ("", "empty"),
            ("sk-1", "an API key: an access token must begin with at-"),
            ("eyJhbGciOi", "begin with at-"),
            ("at-1 2", "a space at position 5"),
        ] {
            let error = SecretKind::AccessToken.check(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_key_of_another_api_is_taken() {
        for key in [
            "gw/AbC+d==",
            "eyJhbGciOi.eyJzdWIi.c2ln",
            "A=b",
            "user:pw",
            "dexxx",
        ] {
            assert!(SecretKind::ApiKey.check(key).is_ok(), "{key}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_could_be_a_bearer_and_is_taken_again_as_it_is(text in ".{0,60}|[\"'`sk=A_ \r\n\u{feff}*x.-]{0,20}") {
            if let Ok(secret) = SecretKind::ApiKey.check(&text) {
                let secret = secret.expose_secret();
                prop_assert!(secret.chars().all(|c| c.is_ascii_graphic() && !"\"'`*".contains(c)));
                prop_assert!(text.contains(secret));
            }
        }
    }
}
