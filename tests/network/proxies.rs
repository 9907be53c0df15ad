//! `HTTPS_PROXY` and its friends.

use crate::servers::{Authority, Proxy, tls_front};
use crate::trip::Trip;

/// A host that the proxy alone knows.
const ISSUER: &str = "https://issuer.example";

/// Returns a home that is signed in and trusts the issuer, and the proxy before that issuer.
fn behind_a_proxy() -> (Trip, Proxy) {
    let trip = Trip::new();
    let authority = Authority::new();
    let front = tls_front(&authority, "issuer.example", trip.behind());
    let file = trip.file("ca.pem", &authority.pem);
    let trip = trip.with("CODEX_CA_CERTIFICATE", file);
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

#[test]
fn a_proxy_that_refuses_is_named_as_the_hop() {
    let trip = Trip::new();
    let proxy = Proxy::start(None);
    let said = trip.with("HTTPS_PROXY", proxy.url()).fails(ISSUER);
    assert!(said.contains("Proxy: could not connect to"), "{said}");
    assert!(said.contains("HTTPS_PROXY"), "{said}");
}
