//! The callback server's limits, and its check of each request (threats 1, 2 and 5).
//!
//! Every web page in the person's browser and every user of the machine can reach the port. The
//! browser that follows the issuer's redirect makes a top-level navigation to `localhost`.
//! Everything else is turned away before its path or query is read.

use std::time::Duration;

use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};

/// The longest request head: the request line and all headers.
pub const MAX_HEAD: usize = 16 * 1024;

/// The time for a connection to send its request.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The time for a connection to receive its answer, once there is one.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The most connections at once.
pub const MAX_CONNECTIONS: usize = 64;

/// The age below which a connection is never dropped to make room: it may be about to send its
/// request. A longer one would let a flood of idle connections delay the person.
pub const GRACE: Duration = Duration::from_millis(30);

/// The pause after an accept error such as EMFILE.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The longest time that the server outlives its attempt, to deliver the last page.
pub const LINGER: Duration = Duration::from_secs(2);

/// The reason why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intruder {
    /// `Host` is missing or repeated: 400.
    BadHost,
    /// `Host` is another name (DNS rebinding): 421.
    ForeignHost,
    /// A page made the request with a script, image, frame or prefetch: 403.
    PageMade,
}

/// Turns away everything but a navigation to this server.
pub fn check(request: &Parts, port: u16) -> Result<(), Intruder> {
    check_host(&request.headers, &request.uri, port)?;
    check_navigation(&request.headers)
}

fn check_host(headers: &HeaderMap, uri: &Uri, port: u16) -> Result<(), Intruder> {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Intruder::BadHost);
    };
    let host = host.to_str().map_err(|_| Intruder::ForeignHost)?;
    // The absolute form of a request target names the host a second time (RFC 9112, 3.2.2).
    let named_twice = uri.authority().map(axum::http::uri::Authority::as_str);
    if is_ours(host, port) && named_twice.is_none_or(|host| is_ours(host, port)) {
        Ok(())
    } else {
        Err(Intruder::ForeignHost)
    }
}

fn is_ours(host: &str, port: u16) -> bool {
    let is_our_name = |name: &str| {
        name.eq_ignore_ascii_case("localhost") || ["127.0.0.1", "[::1]"].contains(&name)
    };
    let with_port = host.rsplit_once(':');
    let named =
        with_port.is_some_and(|(name, given)| is_our_name(name) && given == port.to_string());
    // Browsers leave the scheme's own port out (RFC 9110, section 7.2).
    named || (port == 80 && is_our_name(host))
}

/// Tells a navigation from a page's own requests by Fetch Metadata (W3C) and `Origin` (RFC 6454).
fn check_navigation(headers: &HeaderMap) -> Result<(), Intruder> {
    let differs = |name: &str, of_navigation: &str| {
        let mut values = headers.get_all(name).iter();
        values.any(|value| value != of_navigation)
    };
    let made_by_a_page = headers.contains_key(ORIGIN)
        || differs("sec-fetch-dest", "document")
        || differs("sec-fetch-mode", "navigate")
        || headers.get_all("sec-purpose").iter().any(|purpose| {
            purpose
                .to_str()
                .map_or(true, |text| text.to_ascii_lowercase().contains("prefetch"))
        });
    if made_by_a_page {
        Err(Intruder::PageMade)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    #[test]
    fn the_limits_are_the_promised_ones() {
        assert_eq!(MAX_HEAD, 16_384);
        assert_eq!(HEAD_TIMEOUT, Duration::from_secs(5));
        assert_eq!(ANSWER_TIMEOUT, Duration::from_secs(15));
        assert_eq!(MAX_CONNECTIONS, 64);
        assert_eq!(GRACE, Duration::from_millis(30));
        assert_eq!(ACCEPT_PAUSE, Duration::from_millis(50));
        assert_eq!(LINGER, Duration::from_secs(2));
    }

    fn check_with(uri: &str, headers: &[(&str, &str)]) -> Result<(), Intruder> {
        check_at(1455, uri, headers)
    }

    fn check_at(port: u16, uri: &str, headers: &[(&str, &str)]) -> Result<(), Intruder> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0, port)
    }

    #[test]
    fn our_three_names_with_our_port_are_let_in() {
        for host in [
            "localhost:1455",
            "LOCALHOST:1455",
            "127.0.0.1:1455",
            "[::1]:1455",
        ] {
            assert_eq!(check_with("/", &[("host", host)]), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_foreign_name_is_dns_rebinding() {
        for host in [
            "evil.example:1455",
            "localhost",
            "localhost:1456",
            "localhost.evil.example:1455",
            "127.0.0.1.nip.io:1455",
            "0.0.0.0:1455",
            "user@localhost:1455",
            "localhost:01455",
            "",
        ] {
            let refused = check_with("/", &[("host", host)]);
            assert_eq!(refused, Err(Intruder::ForeignHost), "{host}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for (name, intruder) in [
            ("host", Intruder::ForeignHost),
            ("sec-fetch-dest", Intruder::PageMade),
            ("sec-purpose", Intruder::PageMade),
        ] {
            let request = Request::get("/").header(name, &b"\xff"[..]);
            let request = match name {
                "host" => request,
                _ => request.header("host", "localhost:1455"),
            };
            let parts = request.body(()).unwrap().into_parts().0;
            assert_eq!(check(&parts, 1455), Err(intruder), "{name}");
        }
    }

    #[test]
    fn on_port_80_a_host_without_a_port_is_ours() {
        for host in ["localhost", "LocalHost", "127.0.0.1", "[::1]"] {
            for host in [host.to_owned(), format!("{host}:80")] {
                assert_eq!(check_at(80, "/", &[("host", &host)]), Ok(()), "{host}");
            }
        }
        for host in [
            "evil.example",
            "localhost:1455",
            "localhost:",
            "::1",
            "[::1",
            "",
        ] {
            let refused = check_at(80, "/", &[("host", host)]);
            assert_eq!(refused, Err(Intruder::ForeignHost), "{host}");
        }
    }

    #[test]
    fn the_absolute_form_must_name_us_too() {
        let host = [("host", "localhost:1455")];
        assert_eq!(check_with("http://localhost:1455/", &host), Ok(()));
        for other in ["evil.example", "user@localhost:1455", "localhost"] {
            let refused = check_with(&format!("http://{other}/"), &host);
            assert_eq!(refused, Err(Intruder::ForeignHost), "{other}");
        }
    }

    #[test]
    fn none_or_two_hosts_are_refused() {
        assert_eq!(check_with("/", &[]), Err(Intruder::BadHost));
        let twice = [("host", "localhost:1455"), ("host", "localhost:1455")];
        assert_eq!(check_with("/", &twice), Err(Intruder::BadHost));
    }

    #[test]
    fn only_a_navigation_is_let_in() {
        let with = |name, value| check_with("/", &[("host", "localhost:1455"), (name, value)]);
        assert_eq!(with("sec-fetch-dest", "document"), Ok(()));
        assert_eq!(with("sec-purpose", "something-else"), Ok(()));
        assert_eq!(with("sec-fetch-site", "cross-site"), Ok(()));
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-dest", "image"),
            ("sec-fetch-dest", "iframe"),
            ("sec-fetch-dest", "empty"),
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "PREFETCH"),
        ] {
            assert_eq!(
                with(name, value),
                Err(Intruder::PageMade),
                "{name}: {value}"
            );
        }
    }
}
