//! The proxy that requests go through. It is chosen here and nowhere else: reqwest ignores a
//! variable that it cannot read, and would send the request without the proxy.

use axum::http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Position, Url};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::text::clean_short;

/// The variables that name a proxy for `https` URLs, in order.
const FOR_HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that list the hosts to reach without a proxy.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The proxy for requests to an issuer, and the hosts that are reached without it. An issuer
/// that speaks plain `http` on loopback is always reached directly.
///
/// ```
/// use codex_onboarding::auth::{Issuer, ProxySettings};
/// use codex_onboarding::environment::Environment;
///
/// let environment = Environment::from([("HTTPS_PROXY", "http://proxy.example:8080")]);
/// let issuer = Issuer::openai().with_proxies(ProxySettings::from_environment(&environment));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    /// The proxy from the variable that decides, or the reason why it cannot be used.
    chosen: Option<Result<Proxy>>,
    /// `NO_PROXY`
    exceptions: String,
}

/// A proxy that can be used.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// The variable that names it.
    pub variable: &'static str,
    /// Scheme, host and port.
    pub shown: String,
    /// Set if its URL contains a user name.
    pub has_user: bool,
    /// As [`Proxy::shown`], with user name and password.
    url: SecretString,
}

impl ProxySettings {
    /// Reads `HTTPS_PROXY`, else `ALL_PROXY`, and `NO_PROXY`, each in lower case too. With a proxy
    /// that cannot be used, every request that would go through it fails.
    pub fn from_environment(environment: &Environment) -> Self {
        Self {
            chosen: FOR_HTTPS
                .iter()
                .find_map(|variable| chosen(environment, variable)),
            exceptions: EXCEPTIONS
                .iter()
                .find_map(|variable| environment.get(variable))
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// Returns the proxy for requests to this URL.
    ///
    /// # Errors
    /// The variable that decides cannot be used.
    pub(crate) fn for_url(&self, url: &str) -> Result<Option<&Proxy>> {
        match &self.chosen {
            Some(_) if !is_used("http://proxy.invalid", &self.exceptions, url) => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy)),
            Some(Err(unusable)) => Err(unusable.clone()),
            None => Ok(None),
        }
    }

    /// Returns these settings for the HTTP client.
    pub(in crate::auth) fn for_client(&self) -> reqwest::Proxy {
        let settings = self.clone();
        reqwest::Proxy::custom(move |url| match settings.for_url(url.as_str()) {
            Ok(proxy) => proxy.map(|proxy| proxy.url.expose_secret().to_owned()),
            // Requests are refused before they get here. `None` would send one directly.
            Err(_) => Some("http://unusable.invalid".to_owned()),
        })
    }

    /// Returns the number of entries in `NO_PROXY`; `None` where it is not set.
    #[cfg(feature = "cli")]
    pub(crate) fn exceptions(&self) -> Option<usize> {
        (!self.exceptions.is_empty()).then(|| self.exceptions.split(',').count())
    }

    /// Returns the proxy that is set, even if `NO_PROXY` exempts the host.
    #[cfg(feature = "cli")]
    pub(crate) fn set(&self) -> Option<&Proxy> {
        self.chosen.as_ref()?.as_ref().ok()
    }
}

/// Returns whether an HTTP client would use this proxy for the URL, beside this `NO_PROXY`, which
/// is read by curl's rules.
fn is_used(proxy: &str, exceptions: &str, url: &str) -> bool {
    let matcher = Matcher::builder().all(proxy).no(exceptions).build();
    let url = url.parse::<Uri>();
    url.map_or(true, |url| matcher.intercept(&url).is_some())
}

/// Reads one variable; `None` when it is not set or blank.
fn chosen(environment: &Environment, variable: &'static str) -> Option<Result<Proxy>> {
    match environment.get(variable) {
        Some(value) => Some(Proxy::parse(variable, value).map_err(|why| unusable(variable, &why))),
        None if environment.has(variable) => Some(Err(unusable(variable, "is not UTF-8 text"))),
        None => None,
    }
}

/// Creates the error without the value, which may hold a password.
fn unusable(variable: &str, why: &str) -> Error {
    Error::network(format!("The proxy in {variable} cannot be used: it {why}")).with_hint(format!(
        "Set {variable} to a URL such as http://proxy.example:8080 or \
         socks5h://proxy.example:1080, or unset it"
    ))
}

impl Proxy {
    fn parse(variable: &'static str, value: &str) -> Result<Self, String> {
        if value.starts_with(['"', '\'']) || value.ends_with(['"', '\'']) {
            return Err("is in quotes".to_owned());
        }
        if value.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("holds a blank or a control character".to_owned());
        }
        // As curl reads it, a proxy without a scheme speaks http.
        let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            // The names that GNOME and Clash write.
            "socks" => "socks5".to_owned(),
            scheme @ ("http" | "https" | "socks5" | "socks5h") => scheme.to_owned(),
            other => {
                let other = clean_short(other, 20);
                return Err(format!(
                    "begins with {other}://, and only http, https, socks5 and socks5h are known"
                ));
            }
        };
        check_user(rest)?;
        let not_a_url = || "is not a URL".to_owned();
        let mut url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| not_a_url())?;
        url.set_path("/");
        if url.host_str().is_none_or(str::is_empty)
            || url.query().is_some()
            || url.fragment().is_some()
            // The client would ignore a proxy that it cannot read.
            || !is_used(url.as_str(), "", "https://issuer.example/")
        {
            return Err(not_a_url());
        }
        let address = &url[Position::BeforeHost..Position::AfterPort];
        let shown = format!("{scheme}://{address}");
        Ok(Self {
            variable,
            shown: clean_short(&shown, 100),
            has_user: !url.username().is_empty(),
            url: String::from(url).into(),
        })
    }

    /// Returns the example that shows where a user name and a password belong.
    pub fn with_user_example(&self) -> String {
        self.shown.replacen("://", "://USER:PASSWORD@", 1)
    }
}

/// Refuses a character that would end the user name and the password too early, so that a
/// part of the password would be taken for the host.
fn check_user(rest: &str) -> Result<(), String> {
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest);
    let Some(bad) = rest[authority.len()..].chars().next() else {
        return Ok(());
    };
    if rest.contains('@') && !authority.contains('@') || bad == '\\' {
        return Err(format!(
            "holds {bad} in the user name or the password: write it as %{:02X}",
            u32::from(bad)
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://issuer.example/";

    fn settings<const N: usize>(variables: [(&str, &str); N]) -> ProxySettings {
        ProxySettings::from_environment(&Environment::from(variables))
    }

    fn shown<const N: usize>(variables: [(&str, &str); N]) -> Option<String> {
        let settings = settings(variables);
        let proxy = settings.for_url(URL).unwrap();
        proxy.map(|proxy| format!("{} {}", proxy.variable, proxy.shown))
    }

    #[test]
    fn the_first_variable_that_is_not_blank_decides() {
        let mut variables = FOR_HTTPS.map(|name| (name, "http://a:1"));
        for (at, variable) in FOR_HTTPS.iter().enumerate() {
            let expected = format!("{variable} http://a:1");
            assert_eq!(shown(variables), Some(expected));
            variables[at].1 = " ";
        }
        assert_eq!(shown([("HTTP_PROXY", "http://a:1")]), None);
        let blank = [("HTTPS_PROXY", " \r"), ("ALL_PROXY", "socks5h://b:2\r")];
        assert_eq!(shown(blank).as_deref(), Some("ALL_PROXY socks5h://b:2"));
    }

    #[test]
    fn every_spelling_of_a_proxy_that_can_be_used_is_understood() {
        for (value, expected) in [
            ("proxy:8080", "http://proxy:8080"),
            ("HTTP://proxy:8080/", "http://proxy:8080"),
            ("https://proxy", "https://proxy"),
            ("http://zoe:pa%23ss@proxy:8080\r", "http://proxy:8080"),
            ("http://zoe:p@ss@proxy:8080", "http://proxy:8080"),
            ("zoe:pass@proxy:8080", "http://proxy:8080"),
            ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080"),
            ("socks5h://[::1]:1080", "socks5h://[::1]:1080"),
            ("socks://127.0.0.1:1080/", "socks5://127.0.0.1:1080"),
            (" http://proxy:8080/token ", "http://proxy:8080"),
        ] {
            let expected = format!("HTTPS_PROXY {expected}");
            assert_eq!(shown([("HTTPS_PROXY", value)]), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_an_error_that_names_the_variable_and_no_password() {
        for (value, why) in [
            ("ftp://proxy:21", "begins with ftp://"),
            ("socks4://proxy:1080", "begins with socks4://"),
            ("\"http://proxy:8080\"", "in quotes"),
            ("http://proxy:8080'", "in quotes"),
            (r"http://CORP\zoe:secret@proxy:8080", "write it as %5C"),
            ("http://zoe:sec#ret@proxy:8080", "write it as %23"),
            ("http://zoe:sec/ret@proxy:8080", "write it as %2F"),
            ("zoe:sec?ret@proxy:8080", "write it as %3F"),
            ("socks5://zoe:sec/ret@proxy:1080", "write it as %2F"),
            ("http://pro\u{7}xy:8080", "control character"),
            ("http://pro xy:8080", "blank"),
            ("http://", "not a URL"),
            ("http://proxy:port", "not a URL"),
            ("http://proxy:99999", "not a URL"),
            ("http://proxy:8080?x", "not a URL"),
            ("http://pröxy<>:8080", "not a URL"),
            ("socks5://prö xy:8080", "blank"),
            ("://proxy", "begins with"),
        ] {
            let error = settings([("https_proxy", value)]);
            let error = error.for_url(URL).unwrap_err();
            let said = format!("{error:?} {:?}", error.hint());
            assert!(said.contains("https_proxy") && said.contains(why), "{said}");
            assert!(!said.contains("sec") && !said.contains("ret"), "{said}");
        }
    }

    #[test]
    fn a_host_that_needs_no_proxy_is_reached_whatever_the_variable_holds() {
        for proxy in ["http://proxy:8080", "ftp://proxy"] {
            for none in ["*", "issuer.example\r", "x.example, .example"] {
                let settings = settings([("HTTPS_PROXY", proxy), ("no_proxy", none)]);
                assert!(settings.for_url(URL).unwrap().is_none(), "{none}");
            }
            let settings = settings([("HTTPS_PROXY", proxy), ("NO_PROXY", "other.example")]);
            assert!(!matches!(settings.for_url(URL), Ok(None)));
        }
    }

    #[test]
    fn debug_shows_no_password() {
        let settings = settings([("HTTPS_PROXY", "http://zoe:secret@proxy:8080")]);
        let shown = format!("{settings:?}");
        assert!(
            shown.contains("proxy:8080") && !shown.contains("secret"),
            "{shown}"
        );
        let proxy = settings.for_url(URL).unwrap().unwrap();
        assert!(proxy.has_user);
        assert_eq!(proxy.with_user_example(), "http://USER:PASSWORD@proxy:8080");
    }
}
