//! Texts that may be pasted into a bug report: no token, key or code, no user name, password
//! or query of a URL, an account id by its last 4 characters, an email as `a***@domain`, the
//! home folder as `~`.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use super::subject::Subject;
use crate::error::Error;
use crate::text::{clean, clean_short};

/// A text without secrets. Any text from outside this program enters through a constructor that
/// names its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted(String);

/// The limit for a text from outside the program, in characters.
const LONGEST: usize = 300;

impl Redacted {
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
        // A proxy may be named without a scheme, and a password may hold a slash: so everything
        // before the last @ is dropped.
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

    /// Takes a text about the system without a path in it: a program's name, a size.
    pub fn fact(text: &str) -> Self {
        Self(clean_short(text, LONGEST))
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

impl Subject {
    /// Redacts a path: the home folder becomes `~`.
    pub(super) fn path(&self, path: &Path) -> Redacted {
        let names = self.names_of_home();
        let below_home = names.iter().find_map(|home| path.strip_prefix(home).ok());
        Redacted(match below_home {
            Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
            Some(rest) => clean(&format!("~/{}", rest.display())),
            None => clean(&path.display().to_string()),
        })
    }

    /// Redacts an error: its message and causes never hold a secret, but may hold paths.
    pub(super) fn error(&self, error: &Error) -> Redacted {
        self.fact(&error.in_full())
    }

    /// Redacts a text about the system that may hold paths.
    pub(super) fn fact(&self, text: &str) -> Redacted {
        let names = self.names_of_home();
        let names = names.iter().filter_map(|home| home.to_str());
        let text = clean_short(text, LONGEST);
        Redacted(names.fold(text, |text, home| text.replace(home, "~")))
    }

    /// Returns the paths of the home folder: its own and, where that is a link, its target, which
    /// holds the user's name as well. The longer one comes first, because it may contain the other.
    fn names_of_home(&self) -> Vec<PathBuf> {
        let real = self.home.iter().flat_map(|home| home.canonicalize());
        let mut names: Vec<_> = self.home.iter().cloned().chain(real).collect();
        names.retain(|name| name.parent().is_some());
        names.sort_by_key(|name| std::cmp::Reverse(name.as_os_str().len()));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Issuer, IssuerUrl, Store};
    use crate::environment::Environment;
    use crate::sign_in::SignInOptions;

    #[test]
    fn what_names_a_person_or_opens_something_is_left_out() {
        let issuer = Issuer::new(IssuerUrl::parse("http://127.0.0.1:1").unwrap(), "me", None);
        let sign_in = SignInOptions::new(issuer, Store::new("/home/zoe/.codex"));
        let session = sign_in.session();
        let mut subject = Subject::new(sign_in, session, Environment::default(), "a test");
        subject.home = Some("/home/zoe".into());
        let path = |path: &str| subject.path(Path::new(path)).into_string();
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
