//! Texts that may be pasted into a bug report: no token, key or code, no user name, password
//! or query of a URL, an account id by its last 4 characters, an email as `a***@domain`, the
//! home folder as `~`.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use crate::error::Error;
use crate::text::{clean, clean_short};

/// A text without secrets. Anything that is not from this program's source comes in by a
/// constructor that says what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted(String);

/// The limit for a text from outside the program, in characters.
const LONGEST: usize = 300;

impl Redacted {
    /// Redacts a path: the home folder becomes `~`.
    pub fn path(path: &Path, home: Option<&Path>) -> Self {
        let names = names_of(home);
        let below_home = names.iter().find_map(|home| path.strip_prefix(home).ok());
        Self(match below_home {
            Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
            Some(rest) => clean(&format!("~/{}", rest.display())),
            None => clean(&path.display().to_string()),
        })
    }

    /// Redacts an email address to its first character and its domain.
    pub fn email(address: &str) -> Self {
        let cleaned = clean_short(address, LONGEST);
        Self(match cleaned.rsplit_once('@') {
            Some((name, domain)) => {
                let first: String = name.chars().take(1).collect();
                format!("{first}***@{domain}")
            }
            None => "***".to_owned(),
        })
    }

    /// Redacts an account id to its last 4 characters.
    pub fn account_id(id: &str) -> Self {
        let id = clean(id);
        let skipped = id.chars().count().saturating_sub(4);
        Self(format!("…{}", id.chars().skip(skipped).collect::<String>()))
    }

    /// Redacts a URL: without user name, password, path, query and fragment.
    pub fn url(text: &str) -> Self {
        // A proxy may be named without a scheme, and a password may hold a slash: whatever
        // is before the last @ goes.
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        let url = Url::parse(&format!("{scheme}://{rest}")).ok();
        Self(match url {
            Some(url) => {
                let port = url.port().map_or(String::new(), |port| format!(":{port}"));
                let host = url.host_str().unwrap_or_default();
                clean_short(&format!("{}://{host}{port}/", url.scheme()), LONGEST)
            }
            None => "(not a URL)".to_owned(),
        })
    }

    /// Joins an error's message and causes, which never hold a secret; paths are shortened.
    pub fn error(error: &Error, home: Option<&Path>) -> Self {
        let mut text = error.message().to_owned();
        for cause in error.causes() {
            text.push_str(": ");
            text.push_str(&cause);
        }
        Self(without_home(&clean_short(&text, LONGEST), home))
    }

    /// Takes a text of this program about the system: a program's name, a size.
    pub fn fact(text: &str, home: Option<&Path>) -> Self {
        Self(without_home(&clean_short(text, LONGEST), home))
    }

    /// Returns the text.
    pub fn into_string(self) -> String {
        self.0
    }

    /// Returns the text, to build a sentence from.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a sentence whose inserted parts are redacted already.
    pub fn sentence(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Formats a sentence whose inserted parts are redacted already.
macro_rules! sentence {
    ($($part:tt)*) => {
        $crate::doctor::redact::Redacted::sentence(format!($($part)*))
    };
}
pub(super) use sentence;

impl From<&'static str> for Redacted {
    fn from(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

fn without_home(text: &str, home: Option<&Path>) -> String {
    let names = names_of(home);
    let names = names.iter().filter_map(|home| home.to_str());
    names.fold(text.to_owned(), |text, home| text.replace(home, "~"))
}

/// Returns the paths of the home folder: its own and, where that is a link, the one behind it,
/// which holds the user's name as well. The longer one first, which may hold the other.
fn names_of(home: Option<&Path>) -> Vec<PathBuf> {
    let home = home.filter(|home| home.parent().is_some());
    let Some(home) = home else {
        return Vec::new();
    };
    let mut names = vec![home.to_owned()];
    names.extend(home.canonicalize().ok().filter(|real| real != home));
    names.retain(|name| name.parent().is_some());
    names.sort_by_key(|name| std::cmp::Reverse(name.as_os_str().len()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_person_or_opens_something_is_left_out() {
        let home = Some(Path::new("/home/zoe"));
        let path = |path: &str| Redacted::path(Path::new(path), home).into_string();
        assert_eq!(path("/home/zoe/.codex/auth.json"), "~/.codex/auth.json");
        assert_eq!(path("/home/zoe"), "~");
        assert_eq!(path("/home/zoey/x"), "/home/zoey/x");
        assert_eq!(
            Redacted::email("zoe@example.com").as_str(),
            "z***@example.com"
        );
        assert_eq!(Redacted::email("nobody").as_str(), "***");
        assert_eq!(Redacted::account_id("acct-12345678").as_str(), "…5678");
        let url = |url: &str| Redacted::url(url).into_string();
        assert_eq!(
            url("http://zoe:secret@proxy:8080/?k=v#f"),
            "http://proxy:8080/"
        );
        assert_eq!(url("zoe:secret@proxy:8080"), "http://proxy:8080/");
        assert_eq!(url("http://proxy:8080/zoe/token"), "http://proxy:8080/");
        assert_eq!(url("http://TOK/en=@proxy:8080"), "http://proxy:8080/");
        assert_eq!(url("http://zoe:12?3/x@proxy:8080"), "http://proxy:8080/");
    }
}
