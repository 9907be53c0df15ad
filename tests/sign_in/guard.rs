//! The guard over the wire: which requests are let in (threats 1, 2 and 7).

use super::support::*;

#[tokio::test]
async fn only_our_own_names_with_our_port_are_let_in() {
    let stage = Stage::new();
    let mut running = stage.start();
    let port = running.port;
    let callback = running.approve().await;
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        format!("localhost:{}", port ^ 1),
        format!("localhost.evil.example:{port}"),
        format!("localhost.:{port}"),
        format!("127.0.0.1.nip.io:{port}"),
        format!("127.1:{port}"),
        format!("127.0.0.2:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::]:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("::1:{port}"),
        format!("user@localhost:{port}"),
        format!("localhost:0{port}"),
        format!("localhost:{port}, evil.example"),
        format!("http://localhost:{port}"),
        String::new(),
    ] {
        let reply = running
            .send(format!("GET {callback} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        assert_eq!(reply.status, 421, "{host}");
    }
    let ours = format!("Host: localhost:{port}\r\n");
    for (hosts, status) in [
        (String::new(), 400),
        (format!("{ours}{ours}"), 400),
        (format!("{ours}Host: evil.example\r\n"), 400),
        (format!("X-Forwarded-Host: localhost:{port}\r\n"), 400),
    ] {
        for version in ["1.0", "1.1"] {
            let request = format!("GET {callback} HTTP/{version}\r\n{hosts}\r\n");
            assert_eq!(running.send(&request).await.status, status, "{request}");
        }
    }
    // A proxy's form of the request line, which outweighs `Host` (RFC 9112, section 3.2.2).
    let request = format!("GET http://evil.example{callback} HTTP/1.1\r\n{ours}\r\n");
    assert_eq!(running.send(&request).await.status, 421);
    for host in ["localhost", "LocalHost", "127.0.0.1", "[::1]"] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
        assert_eq!(running.send(&request).await.status, 404, "{host}");
    }
    assert_eq!(stage.token_requests(), 0);
    assert_eq!(running.get(&callback).await.status, 302);
    running.end().await.unwrap();
}

#[tokio::test]
async fn what_a_page_sends_is_refused_and_uses_nothing_up() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    let denial = running.callback("error=access_denied");
    for headers in [
        "Origin: https://evil.example",
        "Origin: null",
        "Origin: ",
        "oRIGIN: http://localhost",
        "Sec-Fetch-Dest: empty",
        "Sec-Fetch-Dest: image",
        "Sec-Fetch-Dest: iframe",
        "Sec-Fetch-Dest: script",
        "Sec-Fetch-Dest: ",
        "Sec-Fetch-Mode: no-cors",
        "Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: cross-site",
        "Sec-Fetch-Dest: document, image",
        "Sec-Fetch-Dest: document\r\nSec-Fetch-Dest: image",
        "Sec-Fetch-Dest: document\r\nOrigin: null",
        "Sec-Purpose: prefetch",
        "Sec-Purpose: prefetch;prerender",
        "Sec-Purpose: PREFETCH",
        "Sec-Fetch-Dest: document\r\nSec-Purpose: prefetch",
    ] {
        for path in [callback.as_str(), &denial, "/success", "/nowhere"] {
            let reply = running.ask("GET", path, &format!("{headers}\r\n")).await;
            assert_eq!(reply.status, 403, "{path} with {headers}");
        }
    }
    assert_eq!(stage.token_requests(), 0);
    // A browser sends these when it follows the issuer's redirect.
    let navigation = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n\
                      Sec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n\
                      Sec-Purpose: something-else\r\n";
    let reply = running.ask("GET", &callback, navigation).await;
    assert_eq!(reply.status, 302);
    running.end().await.unwrap();
}

#[tokio::test]
async fn no_page_can_end_read_or_redirect_a_sign_in() {
    let stage = Stage::new();
    let mut running = stage.start();
    // A link on a page is a navigation: it passes the guard, and has no state.
    for path in [
        "/cancel",
        "/auth/cancel",
        "/quit",
        "/auth/callback?error=access_denied",
        "/auth/callback?code=stolen",
        "/auth/callback?error=access_denied&state=guessed",
        "/success?org_id=evil&needs_setup=true",
        "/login/guessed",
        "/login/?next=https://evil.example",
    ] {
        for method in ["GET", "POST"] {
            let reply = running.ask(method, path, "").await;
            assert!((400..410).contains(&reply.status), "{method} {path}");
            assert_eq!(reply.header("location"), "", "{method} {path}");
            assert_eq!(reply.header("access-control-allow-origin"), "");
            for secret in [&running.state, &running.link] {
                assert!(!reply.body.contains(secret.as_str()), "{method} {path}");
            }
        }
    }
    // A preflight is no permission.
    let preflight = "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n";
    let reply = running.ask("OPTIONS", "/auth/callback", preflight).await;
    assert_eq!(reply.status, 403);
    assert!(!reply.headers.keys().any(|name| name.starts_with("access-")));
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn callbacks_with_a_body_a_foreign_version_or_smuggled_requests_are_one_request_at_most() {
    let stage = Stage::new();
    let mut running = stage.start();
    let host = format!("Host: localhost:{}\r\n", running.port);
    let denial = running.callback("error=access_denied");
    let hidden = format!("GET {denial} HTTP/1.1\r\n{host}\r\n");
    for head in [
        format!("GET / HTTP/1.1\r\n{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}Connection: keep-alive\r\n\r\n"),
        format!(
            "POST / HTTP/1.1\r\n{host}Content-Length: {}\r\n\r\n",
            hidden.len()
        ),
        format!(
            "POST / HTTP/1.1\r\n{host}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\n{host}Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n"),
    ] {
        let reply = running.browser().send(format!("{head}{hidden}")).await;
        let answers = reply.map_or(0, |reply| 1 + reply.body.matches("HTTP/1.1").count());
        assert!(answers <= 1, "{head}");
    }
    running.still_completes(&stage).await;
}
