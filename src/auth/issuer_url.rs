//! The authorization server's base URL, and the servers that belong to it.

use std::fmt;
use std::sync::LazyLock;

use url::{Host, Url};

use crate::error::{Error, Result};
use crate::product::codex::{self, DEFAULT_ISSUER};
use crate::text::{clean_short, without_secret};

#[expect(clippy::expect_used, reason = "a constant, and every test parses it")]
static DEFAULT_URL: LazyLock<Url> =
    LazyLock::new(|| Url::parse(DEFAULT_ISSUER).expect("the default issuer is a URL"));

/// A checked issuer: `https`, or `http` on a loopback host; without a trailing slash.
///
/// ```
/// use codex_onboarding::auth::IssuerUrl;
///
/// assert_eq!(IssuerUrl::parse("https://auth.example/")?.to_string(), "https://auth.example");
/// assert!(IssuerUrl::parse("http://auth.example").is_err(), "plain http leaves the machine");
/// # Ok::<(), codex_onboarding::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerUrl(Url);

impl IssuerUrl {
    /// Reads an issuer's base URL.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when it is not an absolute `https` URL (`http` is accepted on a
    /// loopback host only), or carries a user, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_named("The issuer", text)
    }

    /// Reads a base URL as [`IssuerUrl::parse`] does. Errors call it `name`.
    ///
    /// # Errors
    /// As [`IssuerUrl::parse`].
    #[doc(hidden)]
    pub fn parse_named(name: &str, text: &str) -> Result<Self> {
        // The part before an `@` may be a password.
        let shown = text.rsplit_once('@').map_or(text, |(_, host)| host);
        let invalid = |why: &str| {
            Error::usage(format!(
                "{name} {:?} {why}",
                clean_short(&without_secret(shown), 100)
            ))
            .with_hint(format!("Give a base URL such as {DEFAULT_ISSUER}"))
        };
        let mut url = Url::parse(text.trim()).map_err(|_| invalid("is not a URL"))?;
        if !url.has_host() || !matches!(url.scheme(), "https" | "http") {
            return Err(invalid("is not an https URL"));
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(invalid(
                "must use https: http is accepted on this machine's loopback only",
            ));
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(invalid("must not carry a user name, a query or a fragment"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Returns [`DEFAULT_ISSUER`].
    pub fn openai() -> Self {
        Self(DEFAULT_URL.clone())
    }

    /// Returns `{issuer}{path}`; `path` begins with a slash.
    pub(crate) fn endpoint(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// Returns whether this is OpenAI's issuer.
    pub fn is_default(&self) -> bool {
        self.to_string() == DEFAULT_ISSUER
    }

    /// Returns whether requests stay on this machine and need no TLS.
    pub(crate) fn is_loopback_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Returns whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Returns the web platform that belongs to the issuer. An id token is sent to no other.
    pub(crate) fn platform(&self) -> String {
        self.house(codex::PLATFORM, codex::INTERNAL_PLATFORM)
    }

    /// Returns the API that belongs to the issuer.
    pub(crate) fn api(&self) -> String {
        self.house(codex::API, codex::INTERNAL_API)
    }

    /// Returns the host, for messages.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    fn house(&self, default: &str, internal: &str) -> String {
        let subdomain = self.host().strip_suffix(codex::INTERNAL_DOMAIN);
        if self.is_default() {
            default.to_owned()
        } else if subdomain.is_some_and(|it| it.is_empty() || it.ends_with('.')) {
            internal.to_owned()
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Url` always writes a slash for an empty path.
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// Returns whether the URL's host is this machine, by name or number.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_trailing_slash_is_dropped() {
        let issuer = IssuerUrl::parse("https://auth.openai.com/").unwrap();
        assert_eq!(issuer.to_string(), DEFAULT_ISSUER);
        assert!(issuer.is_default());
        let nested = IssuerUrl::parse("https://id.example/tenant/").unwrap();
        assert_eq!(
            nested.endpoint("/oauth/token"),
            "https://id.example/tenant/oauth/token"
        );
    }

    #[test]
    fn http_is_for_loopback_hosts_only() {
        for good in [
            "http://localhost:8080",
            "http://127.0.0.1:1/",
            "http://[::1]:9",
        ] {
            assert!(IssuerUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://auth.openai.com",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "ftp://localhost",
            "auth.openai.com",
            "",
            "https://",
            "https://user@host",
            "https://host?x=1",
            "file:///etc/passwd",
        ] {
            let error = IssuerUrl::parse(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{bad}");
        }
    }

    #[test]
    fn a_password_in_a_refused_issuer_is_not_repeated() {
        for bad in [
            "https://ada:canary@host",
            "ada:canary@host",
            "https://ada:canary@h@:x",
        ] {
            let error = IssuerUrl::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn an_id_token_stays_in_the_issuers_house() {
        let platform = |issuer: &str| IssuerUrl::parse(issuer).unwrap().platform();
        assert_eq!(platform(DEFAULT_ISSUER), "https://platform.openai.com");
        assert_eq!(
            platform("https://auth.api.openai.org"),
            "https://platform.api.openai.org"
        );
        assert_eq!(platform("https://notopenai.org"), "https://notopenai.org");
        assert_eq!(platform("http://127.0.0.1:5"), "http://127.0.0.1:5");
    }
}
