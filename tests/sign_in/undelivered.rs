//! Callbacks that a browser could not deliver: the host hears of each kind once, with what to do.

use super::support::*;
use codex_onboarding::sign_in::Status;

/// The beginning of a TLS connection (RFC 8446, section 5.1).
const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03";

/// Waits for a notice, and returns it.
async fn notice(running: &mut Running) -> String {
    match running.next().await {
        Some(Status::Notice(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_browser_that_begins_tls_is_told_once_with_the_way_out() {
    let stage = Stage::new();
    let mut running = stage.start();
    for _ in 0..3 {
        running.browser().send(CLIENT_HELLO).await;
    }
    let text = notice(&mut running).await;
    assert!(text.contains("https"), "{text}");
    assert!(text.contains("paste the address that the browser shows"));
    // The way out is one.
    let callback = running.approve().await;
    let shown = running.url(&callback).replace("http://", "https://");
    running.sign_in.submit(&shown).unwrap();
    assert_eq!(names(&running.rest().await), ["Exchanging", "Completed"]);
}

#[tokio::test]
async fn a_callback_without_a_usable_state_is_told_once_however_often_it_comes() {
    let stage = Stage::new();
    let mut running = stage.start();
    for path in [
        "/auth/callback",
        "/auth/callback?code=x",
        "/auth/callback?code=x&state=wrong",
        "/auth/callback?error=access_denied&state=wrong",
    ] {
        assert_eq!(running.get(path).await.status, 400);
    }
    let text = notice(&mut running).await;
    assert!(text.contains("without the state of this sign-in"), "{text}");
    assert!(text.contains("paste the address"), "{text}");
    let callback = running.approve().await;
    running.get(&callback).await;
    running.end().await.unwrap();
    // Once it has ended nobody waits for a callback.
    running.get("/auth/callback?code=x&state=wrong").await;
    assert!(running.rest().await.is_empty());
}

#[tokio::test]
async fn a_callback_that_is_refused_is_told_once_and_other_requests_are_not() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    let port = running.port;
    let foreign = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: evil.example:{port}\r\n\r\n");
    for path in ["/", "/success", "/favicon.ico", "/auth/callback/x"] {
        running.send(foreign(path)).await;
        running
            .ask("GET", path, "Origin: https://evil.example\r\n")
            .await;
        running.get(path).await;
    }
    running.browser().send("\r\n\r\n").await;
    let page = running
        .ask("GET", &callback, "Sec-Fetch-Dest: image\r\n")
        .await;
    assert_eq!(page.status, 403);
    assert_eq!(running.send(foreign(&callback)).await.status, 421);
    let incomplete = running.callback("code=");
    assert_eq!(running.get(&incomplete).await.status, 400);
    let text = notice(&mut running).await;
    assert!(text.contains("A callback was refused"), "{text}");
    assert!(text.contains("paste the address"), "{text}");
    assert_eq!(running.get(&callback).await.status, 302);
    assert_eq!(names(&[running.next().await.unwrap()]), ["Exchanging"]);
    running.end().await.unwrap();
}
