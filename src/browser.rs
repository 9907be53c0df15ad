//! Opens the person's browser without a shell, and without blocking or printing.

use std::path::Path;
use std::sync::Arc;

use url::Url;
use webbrowser::{Browser as Kind, BrowserOptions};

use crate::auth::is_loopback;
#[cfg(feature = "cli")]
use crate::environment::Environment;
use crate::error::{Error, Result};

/// A callback for the outcome, called on another thread.
pub type Opened = Box<dyn FnOnce(Result<()>) + Send>;

/// A function that opens a link. Tests and hosts pass their own.
///
/// ```
/// use std::sync::Arc;
///
/// use codex_onboarding::browser::Opener;
///
/// let opener: Opener = Arc::new(|link, opened| {
///     println!("Open {link}");
///     opened(Ok(()));
/// });
/// ```
pub type Opener = Arc<dyn Fn(&str, Opened) + Send + Sync>;

/// Returns the opener for the person's browser; `BROWSER` is respected.
pub fn system() -> Opener {
    Arc::new(open)
}

/// Returns whether there is a browser that leaves the terminal alone. Opens nothing.
#[cfg(feature = "cli")]
pub(crate) fn is_available(environment: &Environment) -> bool {
    !names_text_browser(environment.get("BROWSER").unwrap_or_default()) && Kind::Default.exists()
}

fn open(url: &str, opened: Opened) {
    let Some(url) = checked(url) else {
        return opened(Err(no_browser()));
    };
    // The `webbrowser` crate reads the same variable.
    if names_text_browser(&std::env::var("BROWSER").unwrap_or_default()) {
        return opened(Err(no_browser().with_source(
            "BROWSER names a text browser, which would take this terminal",
        )));
    }
    let thread = std::thread::Builder::new().name("browser".to_owned());
    // On another thread: finding a browser reads files, and some browsers' commands do not return.
    let spawned = thread.spawn(move || {
        let result = webbrowser::open_browser_with_options(
            Kind::Default,
            url.as_str(),
            BrowserOptions::new().with_suppress_output(true),
        );
        opened(result.map_err(|source| no_browser().with_source(source)));
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "no thread to open the browser from");
    }
}

/// Accepts `https`, and `http` on loopback. Any other address could start an arbitrary program.
fn checked(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    match url.scheme() {
        "https" => Some(url),
        "http" if is_loopback(&url) => Some(url),
        _ => None,
    }
}

/// Returns whether the colon-separated `list` names a browser that would draw in this terminal.
/// Each command counts, since those before it may not be installed.
fn names_text_browser(list: &str) -> bool {
    const TEXT_BROWSERS: &str =
        "browsh curl elinks eww links links2 lynx netrik retawq w3m www-browser";
    list.split(':').any(|command| {
        let program = command.split_whitespace().next().unwrap_or_default();
        let name = Path::new(program).file_name().unwrap_or_default();
        TEXT_BROWSERS.split(' ').any(|text| name == text)
    })
}

fn no_browser() -> Error {
    Error::internal("No browser could be opened here").with_hint("Open the link by hand")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_browser_gets_no_terminal_of_ours() {
        for text in [
            "lynx",
            " lynx\r",
            "/usr/bin/w3m",
            "elinks -force-html %s",
            "links2:firefox",
            "/nonexistent/firefox::lynx %s",
        ] {
            assert!(names_text_browser(text), "{text}");
        }
        for other in [
            "",
            "firefox",
            "/opt/lynx/browser.sh:chromium --new-window %s",
        ] {
            assert!(!names_text_browser(other), "{other}");
        }
    }

    #[test]
    fn only_https_or_loopback_http_is_opened() {
        assert!(checked("https://auth.openai.com/x").is_some());
        assert!(checked("http://localhost:1455/login/x").is_some());
        for bad in [
            "http://example.com",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "-h",
            "",
        ] {
            assert!(checked(bad).is_none(), "{bad}");
        }
    }
}
