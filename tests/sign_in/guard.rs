//! Who is let in, and for how long, over the wire (threats 1 to 5 and 7).

use std::time::Duration;

use codex_onboarding::demo::Route;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::support::*;

const MAX_HEAD: usize = 16 * 1024;

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
    // What a browser sends when it follows the issuer's redirect.
    let navigation = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n\
                      Sec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n";
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
async fn a_head_of_sixteen_kib_is_read_and_a_longer_one_is_not() {
    let stage = Stage::new();
    let mut running = stage.start();
    let head = format!("GET / HTTP/1.1\r\nHost: localhost:{}\r\n", running.port);
    let padded = |size: usize| {
        let padding = size - head.len() - "X: \r\n\r\n".len();
        format!("{head}X: {}\r\n\r\n", "x".repeat(padding))
    };
    assert_eq!(running.send(padded(MAX_HEAD - 1)).await.status, 404);
    assert_eq!(running.send(padded(MAX_HEAD + 1)).await.status, 431);
    // In the request line, in one name, in many lines.
    for request in [
        format!("GET /{}", "x".repeat(MAX_HEAD)),
        format!("{head}{}", "x".repeat(MAX_HEAD)),
        format!("{head}{}\r\n", "X: 0123456789abcdef\r\n".repeat(800)),
        format!("{head}X: y{}", "\r\n y".repeat(MAX_HEAD)),
    ] {
        let reply = running.browser().send(&request).await;
        let status = reply.map(|reply| reply.status);
        assert!(matches!(status, Some(400 | 414 | 431)), "{status:?}");
    }
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

/// The clock stands still but for the waits, so nothing that asks the issuer is tried.
#[tokio::test(start_paused = true)]
async fn five_seconds_are_all_there_is_for_a_request() {
    let stage = Stage::new();
    let running = stage.start();
    for begun in ["", "GET /auth/callback?code=x HTTP/1.1\r\nHost: loc"] {
        let mut stream = running.browser().begin(begun).await;
        let started = Instant::now();
        let mut bytes = Vec::new();
        // A reset is an end too.
        let _ = within(stream.read_to_end(&mut bytes)).await;
        let took = started.elapsed();
        let bounds = Duration::from_secs(5)..Duration::from_millis(5500);
        assert!(bounds.contains(&took), "{took:?} for {begun:?}");
    }
}

/// A byte now and then does not make it longer.
#[tokio::test(start_paused = true)]
async fn a_request_that_drips_has_five_seconds_in_all() {
    let stage = Stage::new();
    let running = stage.start();
    let mut stream = running.browser().begin("GET /").await;
    let started = Instant::now();
    let mut buffer = [0; 512];
    let ended = loop {
        tokio::select! {
            read = stream.read(&mut buffer) => break read,
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
        let _ = stream.write_all(b"x").await;
        assert!(started.elapsed() < Duration::from_secs(10));
    };
    // A reset, or an answer that says so: an end either way.
    drop(ended);
    assert!(started.elapsed() >= Duration::from_secs(5));
}

/// Asks for a path without letting the server run meanwhile: whoever asks "at once" has asked
/// before the first is answered, and is not taken for idle because this thread was busy.
fn asked(browser: Browser, path: &str) -> tokio::net::TcpStream {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", browser.port)).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n",
        browser.port
    );
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap()
}

#[tokio::test]
async fn a_hundred_callbacks_at_once_are_one_request_and_the_others_lose() {
    let stage = Stage::new();
    stage.accept_any_code();
    let mut running = stage.start();
    let browser = running.browser();
    let asked: Vec<_> = (0..100)
        .map(|i| {
            let code = format!("c{}", i % 2);
            let path = match i % 10 {
                // Among them some who only guess.
                9 => format!("/auth/callback?code={code}&state=guessed"),
                _ => running.callback(&format!("code={code}")),
            };
            (code, asked(browser, &path))
        })
        .collect();
    running.end().await.unwrap();
    let request = stage.issuer.requests_to(Route::Token).pop().unwrap();
    let winner = request.param("code").unwrap();
    for (i, (code, reply)) in asked.into_iter().enumerate() {
        let expected = match (i % 10, code == winner) {
            (9, _) => 400,
            (_, true) => 302,
            (_, false) => 409,
        };
        assert_eq!(Reply::read(reply).await.unwrap().status, expected, "{i}");
    }
    assert_eq!(stage.token_requests(), 1);
}

/// More than may be open at once, all of them waiting for the same answer.
#[tokio::test]
async fn a_hundred_reloads_while_the_code_is_exchanged_all_get_the_winners_answer() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    let gate = stage.issuer.hold(Route::Token);
    let browser = running.browser();
    let asked: Vec<_> = (0..100).map(|_| asked(browser, &callback)).collect();
    within(gate.arrived()).await;
    gate.release();
    running.end().await.unwrap();
    for reply in asked {
        assert_eq!(Reply::read(reply).await.unwrap().status, 302);
    }
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn sixty_four_connections_are_served_at_once_and_the_next_waits_for_one_to_end() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    let gate = stage.issuer.hold(Route::Token);
    let host = format!("Host: localhost:{}\r\n", running.port);
    let request = format!("GET {callback} HTTP/1.1\r\n{host}\r\n");
    let mut waiting = Vec::new();
    for _ in 0..64 {
        waiting.push(running.browser().begin(&request).await);
    }
    within(gate.arrived()).await;
    let next = running
        .browser()
        .begin(&format!("GET /nowhere HTTP/1.1\r\n{host}\r\n"))
        .await;
    // Three times as long as idle connections are safe from giving way.
    let until = std::time::Instant::now() + Duration::from_millis(90);
    while std::time::Instant::now() < until {
        tokio::task::yield_now().await;
    }
    let early = next.try_read(&mut [0; 1]);
    assert_eq!(
        early.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::WouldBlock)
    );
    gate.release();
    // Nobody who waited for the answer was dropped to make room.
    for stream in waiting {
        assert_eq!(Reply::read(stream).await.unwrap().status, 302);
    }
    assert_eq!(Reply::read(next).await.unwrap().status, 404);
    running.end().await.unwrap();
}

// Elsewhere a backlog is 128 at most, whatever a program asks for.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_a_thousand_idle_connections_the_callback_completes_within_a_second() {
    use std::io::Write as _;
    use std::net::TcpStream;

    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    let half = format!("GET {callback} HTTP/1.1\r\nHost: local");
    let mut idle = Vec::new();
    let address = ([127, 0, 0, 1], running.port).into();
    for i in 0..1000 {
        // Blocking, so that the server has seen none of them when the person comes: the
        // system must keep them all. It drops what does not fit, for a second or more.
        let connection = TcpStream::connect_timeout(&address, Duration::from_millis(500));
        let mut connection = connection.expect("the backlog was full");
        if i % 2 == 0 {
            connection.write_all(half.as_bytes()).unwrap();
        }
        idle.push(connection);
    }
    let started = std::time::Instant::now();
    assert_eq!(running.get(&callback).await.status, 302);
    running.end().await.unwrap();
    let took = started.elapsed();
    println!("the callback took {took:?} beside {} idle", idle.len());
    assert!(took < Duration::from_secs(1), "{took:?}");
}
