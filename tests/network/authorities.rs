//! Private certificate authorities: `CODEX_CA_CERTIFICATE`, else `SSL_CERT_FILE`.

use crate::authority::Authority;
use crate::servers::tls_front;
use crate::trip::Trip;

const NAMES: [&str; 2] = ["CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"];

/// Returns a home that is signed in, an authority, and the issuer's address behind TLS.
fn behind_tls(host: &str) -> (Trip, Authority, String) {
    let trip = Trip::new();
    let authority = Authority::new();
    let port = tls_front(&authority, host, trip.behind()).port();
    (trip, authority, format!("https://localhost:{port}"))
}

#[test]
fn an_authority_that_is_named_is_trusted() {
    for variable in NAMES {
        let (trip, authority, issuer) = behind_tls("localhost");
        let file = trip.file("ca.pem", &authority.pem);
        trip.with(variable, file).succeeds(&issuer);
    }
}

#[test]
fn codex_ca_certificate_outweighs_ssl_cert_file() {
    let (trip, authority, issuer) = behind_tls("localhost");
    let file = trip.file("ca.pem", &authority.pem);
    let other = trip.file("other.pem", &Authority::new().pem);
    trip.with(NAMES[0], file)
        .with(NAMES[1], other)
        .succeeds(&issuer);
}

#[test]
fn one_that_nobody_named_is_not_and_the_way_out_is_said() {
    let (trip, _, issuer) = behind_tls("localhost");
    let said = trip.fails(&issuer);
    for word in ["certificate of localhost", "CODEX_CA_CERTIFICATE", "system"] {
        assert!(said.contains(word), "{said}");
    }
    let file = trip.file("other.pem", &Authority::new().pem);
    let said = trip.with(NAMES[1], &file).fails(&issuer);
    assert!(
        said.contains("SSL_CERT_FILE") && said.contains(&file),
        "{said}"
    );
}

#[test]
fn a_certificate_of_another_host_is_not_trusted() {
    let (trip, authority, issuer) = behind_tls("elsewhere.example");
    let file = trip.file("ca.pem", &authority.pem);
    let said = trip.with(NAMES[0], file).fails(&issuer);
    assert!(said.contains("certificate of localhost"), "{said}");
}

#[test]
fn a_file_that_holds_no_authority_is_named() {
    let (trip, _, issuer) = behind_tls("localhost");
    let file = trip.file("empty.pem", "no certificate\n");
    let said = trip.with(NAMES[0], &file).fails(&issuer);
    assert!(said.contains(&file) && said.contains(NAMES[0]), "{said}");
    let (trip, _, issuer) = behind_tls("localhost");
    let said = trip.with(NAMES[0], "/nowhere/ca.pem").fails(&issuer);
    assert!(said.contains("/nowhere/ca.pem"), "{said}");
}
