//! Which hop failed, why, and what to do next (threat 10).

use std::net::TcpListener;

use crate::trip::Trip;

#[test]
fn a_name_that_does_not_exist() {
    // Without a network the resolver answers sooner still.
    let trip = Trip::new().with("RES_OPTIONS", "attempts:1 timeout:1");
    let said = trip.fails("https://issuer.invalid");
    assert!(
        said.contains("DNS: could not find issuer.invalid"),
        "{said}"
    );
    assert!(said.contains("Check the network"), "{said}");
}

#[test]
fn a_port_where_nobody_listens() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    for scheme in ["http", "https"] {
        let said = Trip::new().fails(&format!("{scheme}://127.0.0.1:{port}"));
        assert!(
            said.contains("Connect: could not connect to 127.0.0.1"),
            "{said}"
        );
        assert!(said.contains("refused"), "{said}");
    }
}

#[test]
fn a_server_that_speaks_no_tls() {
    let trip = Trip::new();
    let said = trip.fails(&format!("https://{}", trip.behind()));
    assert!(
        said.contains("TLS: could not connect to 127.0.0.1"),
        "{said}"
    );
}
