//! `HTTPS_PROXY` and its friends.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::ffi::OsStrExt as _;

use crate::authority::Authority;
use crate::servers::{Proxy, tls_front};
use crate::trip::Trip;

/// A host that the proxy alone knows.
const ISSUER: &str = "https://issuer.example";

/// Returns a home that is signed in and trusts the issuer, and the issuer's address, which the
/// proxy alone knows.
fn before_the_issuer() -> (Trip, SocketAddr) {
    let trip = Trip::new();
    let authority = Authority::new();
    let front = tls_front(&authority, "issuer.example", trip.behind());
    let file = trip.file("ca.pem", &authority.pem);
    (trip.with("CODEX_CA_CERTIFICATE", file), front)
}

/// The same, and the proxy.
fn behind_a_proxy() -> (Trip, Proxy) {
    let (trip, front) = before_the_issuer();
    (trip, Proxy::start(Some(front)))
}

#[test]
fn the_proxy_leads_to_the_issuer_and_sees_no_more_than_its_name() {
    let (trip, proxy) = behind_a_proxy();
    trip.with("HTTPS_PROXY", proxy.url()).succeeds(ISSUER);
    assert_eq!(proxy.asked(), ["CONNECT issuer.example:443 HTTP/1.1"]);
}

#[test]
fn no_proxy_is_respected() {
    let trip = Trip::new();
    let authority = Authority::new();
    let port = tls_front(&authority, "localhost", trip.behind()).port();
    let file = trip.file("ca.pem", &authority.pem);
    let proxy = Proxy::start(None);
    trip.with("CODEX_CA_CERTIFICATE", file)
        .with("HTTPS_PROXY", proxy.url())
        .with("NO_PROXY", "localhost")
        .succeeds(&format!("https://localhost:{port}"));
    assert!(proxy.asked().is_empty());
}

#[test]
fn what_stays_on_this_machine_is_shown_to_no_proxy() {
    let proxy = Proxy::start(None);
    let trip = Trip::new()
        .with("HTTP_PROXY", proxy.url())
        .with("ALL_PROXY", proxy.url());
    trip.succeeds(trip.stage.issuer.url());
    assert!(proxy.asked().is_empty());
}

/// Returns an issuer on this machine that must hear nothing.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn heard_nothing(listener: &TcpListener) {
    let heard = listener.accept().unwrap_err();
    assert_eq!(heard.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_proxy_that_cannot_be_used_is_named_and_nothing_is_sent_directly() {
    for value in [
        "ftp://127.0.0.1:9",
        "socks4://127.0.0.1:9",
        "\"http://127.0.0.1:9\"",
        r"http://CORP\zoe:canary@127.0.0.1:9",
        "http://zoe:can#ary@127.0.0.1:9",
        "http://zoe:can/ary@127.0.0.1:9",
        "http://127.0.0.1:port",
        "http://a b",
        "http://",
    ] {
        for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
            let (listener, issuer) = silent();
            let said = Trip::new().with(variable, value).fails(&issuer);
            assert!(said.contains(variable), "{value}: {said}");
            assert!(!said.contains("ary"), "{said}");
            heard_nothing(&listener);
        }
    }
}

#[test]
fn a_variable_that_is_no_text_is_named_and_nothing_is_sent_directly() {
    let (listener, issuer) = silent();
    let trip = Trip::new().with("HTTPS_PROXY", OsStr::from_bytes(b"http://\xff:9"));
    let said = trip.fails(&issuer);
    assert!(said.contains("HTTPS_PROXY"), "{said}");
    heard_nothing(&listener);
}

#[test]
fn nobody_is_sent_to_a_browser_while_the_proxy_cannot_be_used() {
    let (listener, issuer) = silent();
    let trip = Trip::new().with("HTTPS_PROXY", "ftp://127.0.0.1:9");
    let output = trip.run(&["login", "--port", "0"], &issuer);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("HTTPS_PROXY"), "{stderr}");
    assert!(!stderr.contains("/oauth/authorize"), "{stderr}");
    heard_nothing(&listener);
}

#[test]
fn a_carriage_return_and_blanks_around_the_proxy_do_no_harm() {
    let (trip, proxy) = behind_a_proxy();
    let value = format!("  {}\r", proxy.url());
    trip.with("HTTPS_PROXY", value).succeeds(ISSUER);
    assert_eq!(proxy.asked().len(), 1);
}

#[test]
fn a_socks_proxy_leads_to_the_issuer_and_looks_its_name_up() {
    let (trip, front) = before_the_issuer();
    let proxy = Proxy::socks(None, front);
    trip.with("ALL_PROXY", proxy.url()).succeeds(ISSUER);
    assert_eq!(proxy.asked(), ["issuer.example"]);
    let (trip, front) = before_the_issuer();
    let proxy = Proxy::socks(Some("zoe:s@fe"), front);
    trip.with("HTTPS_PROXY", proxy.url_of("zoe:s%40fe"))
        .succeeds(ISSUER);
}

#[test]
fn socks_without_a_version_is_version_5() {
    let trip = Trip::new();
    let authority = Authority::new();
    let front = tls_front(&authority, "localhost", trip.behind());
    let file = trip.file("ca.pem", &authority.pem);
    let proxy = Proxy::socks(None, front);
    let url = format!("socks://{}/", proxy.address);
    trip.with("CODEX_CA_CERTIFICATE", file)
        .with("all_proxy", url)
        .succeeds("https://localhost");
    // Version 5 without h: the name is looked up here.
    assert_eq!(proxy.asked(), ["an address"]);
}

#[test]
fn a_password_is_given_to_the_proxy_as_it_was_written() {
    let (trip, front) = before_the_issuer();
    let proxy = Proxy::with_password("zoe:s#f/e", front);
    trip.with("HTTPS_PROXY", proxy.url_of("zoe:s%23f%2Fe"))
        .succeeds(ISSUER);
}

#[test]
fn a_proxy_that_asks_for_a_password_says_where_to_put_it() {
    for proxy in [
        Proxy::start(None),
        Proxy::socks(Some("zoe:safe"), ([127, 0, 0, 1], 9).into()),
    ] {
        let said = Trip::new().with("HTTPS_PROXY", proxy.url()).fails(ISSUER);
        for word in [
            "Proxy: could not connect to",
            "asks for a user name",
            "Set HTTPS_PROXY to",
        ] {
            assert!(said.contains(word), "{said}");
        }
        assert!(said.contains("USER:PASSWORD@127.0.0.1"), "{said}");
        let trip = Trip::new().with("HTTPS_PROXY", proxy.url_of("zoe:canary"));
        let said = trip.fails(ISSUER);
        assert!(
            said.contains("does not accept the user name and password"),
            "{said}"
        );
        assert!(
            said.contains("HTTPS_PROXY") && !said.contains("canary"),
            "{said}"
        );
    }
}

#[test]
fn a_proxy_that_fails_is_named_with_its_variable_and_not_the_issuer() {
    let nobody = silent().0.local_addr().unwrap();
    let refusing = Proxy::refusing("403 Forbidden");
    let without_tls = Trip::new();
    for (proxy, why) in [
        (refusing.url(), "it refused"),
        (format!("http://{nobody}"), "refused"),
        (format!("socks5h://{nobody}"), "could not reach the proxy"),
        (
            format!("https://{}", without_tls.behind()),
            "TLS to the proxy failed",
        ),
        (
            "http://proxy.invalid:8080".to_owned(),
            "the proxy's name could not be found",
        ),
        (
            "socks5h://proxy.invalid".to_owned(),
            "could not reach the proxy",
        ),
        (
            format!("socks5://{nobody}"),
            "issuer.example could not be found from here",
        ),
    ] {
        let trip = Trip::new()
            .with("RES_OPTIONS", "attempts:1 timeout:1")
            .with("ALL_PROXY", &proxy);
        let said = trip.fails(ISSUER);
        let hop = "Proxy: could not connect to issuer.example through";
        for word in [hop, "(ALL_PROXY)", why] {
            assert!(said.contains(word), "{proxy}: {said}");
        }
        assert!(!said.contains("set HTTPS_PROXY"), "{proxy}: {said}");
    }
}
