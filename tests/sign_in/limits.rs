//! The limits of the callback server, and many requests at once (threats 4 and 5).

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::support::*;
use crate::issuer::Route;

const MAX_HEAD: usize = 16 * 1024;

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

/// The clock only moves in waits, so the issuer is not asked anything.
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

/// An occasional byte does not extend the time.
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

/// Sends a request without letting the server run meanwhile, so that requests "at once" are all
/// sent before the first answer, and none is taken for idle because this thread was busy.
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

/// More connections than may be open at once, all waiting for the same answer.
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
    // No connection that waited for the answer was dropped to make room.
    for stream in waiting {
        assert_eq!(Reply::read(stream).await.unwrap().status, 302);
    }
    assert_eq!(Reply::read(next).await.unwrap().status, 404);
    running.end().await.unwrap();
}

// Elsewhere a backlog is 128 at most, whatever a program asks for.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_a_thousand_idle_connections_the_callback_completes() {
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
    assert_eq!(running.get(&callback).await.status, 302);
    running.end().await.unwrap();
    assert_eq!(idle.len(), 1000);
}
