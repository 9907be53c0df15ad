//! HTML from templates: markup is compiled in, and text that is filled in is escaped.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::text::clean;

/// Markup that is safe to send: it was compiled in, or made of escaped text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Html(Cow<'static, str>);

impl Html {
    /// Wraps markup that needs no escaping.
    pub const fn new(markup: &'static str) -> Self {
        Self(Cow::Borrowed(markup))
    }

    /// Cleans and escapes text, for element content and quoted attributes alike.
    pub fn text(text: &str) -> Self {
        let mut escaped = String::with_capacity(text.len());
        for c in clean(text).chars() {
            match c {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                c => escaped.push(c),
            }
        }
        Self(escaped.into())
    }

    /// Replaces each `{{name}}` of a template in one pass, so that a value which looks like a
    /// placeholder stays as it is. A placeholder without a value is removed.
    pub fn fill(template: &'static str, values: &[(&str, Self)]) -> Self {
        let room: usize = values.iter().map(|(_, value)| value.0.len()).sum();
        let mut filled = String::with_capacity(template.len() + room);
        let mut rest = template;
        while let Some((before, (name, after))) = rest
            .split_once("{{")
            .and_then(|(before, tail)| Some((before, tail.split_once("}}")?)))
        {
            filled.push_str(before);
            if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
                filled.push_str(&value.0);
            }
            rest = after;
        }
        filled.push_str(rest);
        Self(filled.into())
    }

    /// Returns whether the markup is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Joins pieces of markup.
impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Self>>(pieces: I) -> Self {
        let mut joined = String::new();
        for piece in pieces {
            joined.push_str(&piece.0);
        }
        Self(joined.into())
    }
}

impl From<Html> for String {
    fn from(html: Html) -> Self {
        html.0.into_owned()
    }
}

/// Returns the source expression that allows an inline style or script: its hash (CSP Level 3,
/// section 2.3.1).
pub(crate) fn hash_source(content: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_cleaned_and_never_taken_for_a_placeholder() {
        let values = [
            ("a", Html::text("{{b}}<i>\"'&")),
            ("b", Html::text("no\u{1b}[2J")),
        ];
        let filled = Html::fill("<p>{{a}}|{{b}}|{{c}}</p>", &values);
        assert_eq!(
            String::from(filled),
            "<p>{{b}}&lt;i&gt;&quot;&#39;&amp;|no[2J|</p>"
        );
    }

    #[test]
    fn half_a_placeholder_stays_and_an_unknown_one_goes() {
        let filled = |template| String::from(Html::fill(template, &[("a", Html::text("{{a}}"))]));
        assert_eq!(filled("x{{a}}y{{a}}z"), "x{{a}}y{{a}}z");
        assert_eq!(filled("{{unknown}}{{a"), "{{a");
        assert_eq!(filled("}}{{"), "}}{{");
    }
}
