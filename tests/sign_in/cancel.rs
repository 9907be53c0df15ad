//! Cancelling: what it ends, what it cannot end any more, and that it never lies.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use codex_onboarding::demo::Profile;
use codex_onboarding::sign_in::{Cancellation, Status};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::disks::{NoRename, held_disk};
use super::support::*;
use crate::issuer::Route;

/// Returns whether the server ended the connection without an answer.
async fn is_cut(mut stream: TcpStream) -> bool {
    let mut bytes = Vec::new();
    // A reset is an end too.
    let _ = within(stream.read_to_end(&mut bytes)).await;
    bytes.is_empty()
}

fn request(running: &Running, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n",
        running.port
    )
}

#[tokio::test]
async fn a_cancelled_attempt_has_freed_its_port_when_the_answer_comes() {
    let stage = Stage::new();
    let mut running = stage.start();
    let idle = running.browser().connect().await;
    assert_eq!(running.sign_in.cancel().await, Cancellation::Cancelled);
    let _v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, running.port)).unwrap();
    let _v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, running.port)).unwrap();
    assert!(is_cut(idle).await);
    assert!(running.rest().await.is_empty());
    stage.assert_untouched();
}

#[tokio::test]
async fn a_dropped_attempt_answers_nobody_any_more() {
    let stage = Stage::new();
    let running = stage.start();
    let browser = running.browser();
    let late = request(&running, "/auth/callback");
    let idle = browser.connect().await;
    let half = browser
        .begin("GET /auth/callback?code=x HTTP/1.1\r\nHo")
        .await;
    let mut asking = browser.connect().await;
    // Both are known to the server before the handle goes.
    assert_eq!(running.get("/").await.status, 404);
    drop(running);
    let _ = tokio::io::AsyncWriteExt::write_all(&mut asking, late.as_bytes()).await;
    for stream in [idle, half, asking] {
        assert!(is_cut(stream).await);
    }
    assert!(!browser.is_listening().await);
}

#[tokio::test]
async fn a_dropped_attempt_abandons_the_exchange_in_flight() {
    let stage = Stage::new();
    let running = stage.start();
    let callback = running.approve().await;
    let gate = stage.issuer.hold(Route::Token);
    let waiting = running.browser().begin(&request(&running, &callback)).await;
    within(gate.arrived()).await;
    drop(running);
    // The connection ends with the task: from here on there is nobody who could save.
    assert!(is_cut(waiting).await);
    gate.release();
    stage.assert_untouched();
}

#[tokio::test]
async fn a_cancelled_exchange_is_abandoned_and_says_nothing_more() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    let gate = stage.issuer.hold(Route::Token);
    let waiting = running.browser().begin(&request(&running, &callback)).await;
    within(gate.arrived()).await;
    assert_eq!(running.sign_in.cancel().await, Cancellation::Cancelled);
    gate.release();
    assert!(is_cut(waiting).await);
    assert_eq!(names(&running.rest().await), ["Exchanging"]);
    stage.assert_untouched();
}

#[tokio::test]
async fn a_save_under_way_outlives_the_handle_and_the_browser_hears_of_it() {
    let (disk, gate) = held_disk();
    let stage = Stage::on(Profile::default(), disk);
    let running = stage.start();
    let browser = running.browser();
    let callback = running.approve().await;
    let asked = tokio::spawn(async move { browser.get(&callback).await });
    within(gate.arrived()).await;
    drop(running);
    gate.release();
    assert_eq!(asked.await.unwrap().status, 302);
    assert!(stage.saved().is_some());
}

#[tokio::test]
async fn cancelling_during_the_save_waits_and_tells_the_truth() {
    for fails in [false, true] {
        let (disk, gate) = held_disk();
        let stage = Stage::on(Profile::default(), disk);
        let mut running = stage.start();
        let callback = running.approve().await;
        running.paste(&callback);
        within(gate.arrived()).await;
        let handle = running.sign_in.cancel_handle();
        let release = async {
            // The cancel below is polled first, so it is in before the save goes on.
            if fails { gate.fail() } else { gate.release() }
        };
        let (first, second, ()) =
            tokio::join!(biased; running.sign_in.cancel(), handle.cancel(), release);
        let (expected, last) = if fails {
            (Cancellation::Cancelled, "Failed")
        } else {
            (Cancellation::AlreadySaved, "Completed")
        };
        assert_eq!((first, second), (expected, expected));
        assert_eq!(names(&running.rest().await), ["Exchanging", last]);
        assert_eq!(stage.saved().is_some(), !fails);
        // And so it stays, from wherever it is asked.
        assert_eq!(running.sign_in.cancel().await, expected);
        drop(running);
        assert_eq!(handle.cancel().await, expected);
    }
}

#[tokio::test]
async fn cancelling_after_the_end_takes_no_page_away() {
    let stage = Stage::new();
    let mut running = stage.start();
    let reply = running.get(&running.approve().await).await;
    running.end().await.unwrap();
    assert_eq!(running.sign_in.cancel().await, Cancellation::AlreadySaved);
    assert_eq!(running.get(reply.header("location")).await.status, 200);

    let mut running = stage.start();
    let browser = running.browser();
    let bad = running.callback("code=made-up");
    let asked = tokio::spawn(async move { browser.try_get(&bad).await });
    running.end().await.unwrap_err();
    assert_eq!(running.sign_in.cancel().await, Cancellation::Cancelled);
    let page = asked.await.unwrap().expect("the error page was taken away");
    page.assert_says(500, "Token exchange failed");
}

#[tokio::test]
async fn a_handle_cancels_from_elsewhere_and_outlives_the_attempt() {
    let stage = Stage::new();
    let mut running = stage.start();
    let handle = running.sign_in.cancel_handle();
    let clone = handle.clone();
    let elsewhere = tokio::spawn(async move { clone.cancel().await });
    assert!(running.rest().await.is_empty());
    assert_eq!(elsewhere.await.unwrap(), Cancellation::Cancelled);
    drop(running);
    assert_eq!(handle.cancel().await, Cancellation::Cancelled);
}

/// An attempt whose code is exchanged, while another program holds the lock that its save needs.
async fn waiting_for_the_lock(stage: &Stage) -> (Running, std::fs::File) {
    let path = stage.file().with_file_name("auth.lock");
    let lock = std::fs::File::create(path).unwrap();
    lock.lock().unwrap();
    let mut running = stage.start();
    let callback = running.approve().await;
    running.paste(&callback);
    loop {
        match running.next().await {
            Some(Status::Waiting(text)) if text.contains("auth.lock") => return (running, lock),
            Some(Status::Exchanging) => {}
            other => panic!("no word of the lock: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_session_that_was_made_and_then_cancelled_is_ended_at_the_issuer() {
    let stage = Stage::new();
    let (running, _lock) = waiting_for_the_lock(&stage).await;
    let gate = stage.issuer.hold(Route::Revoke);
    // The answer does not wait for the issuer.
    let cancel = within(running.sign_in.cancel());
    assert_eq!(cancel.await, Cancellation::Cancelled);
    within(gate.arrived()).await;
    gate.release();
    within(running.sign_in.finish()).await;
    let ended = stage.issuer.requests_to(Route::Revoke).pop().unwrap();
    let token = ended.param("token").unwrap();
    assert!(!stage.issuer.accepts_refresh_token(token), "it is alive");
    stage.assert_untouched();
}

#[tokio::test]
async fn a_session_that_was_made_and_then_dropped_is_ended_at_the_issuer() {
    let stage = Stage::new();
    let (running, _lock) = waiting_for_the_lock(&stage).await;
    let gate = stage.issuer.hold(Route::Revoke);
    drop(running);
    within(gate.arrived()).await;
    gate.release();
    stage.assert_untouched();
}

#[tokio::test]
async fn a_session_that_cannot_be_saved_is_ended_at_the_issuer() {
    let stage = Stage::on(Profile::default(), std::sync::Arc::new(NoRename));
    let mut running = stage.start();
    let callback = running.approve().await;
    assert_eq!(running.get(&callback).await.status, 500);
    running.end().await.unwrap_err();
    within(running.sign_in.finish()).await;
    assert_eq!(stage.issuer.count(Route::Revoke), 1);
}

#[tokio::test]
async fn a_session_that_is_kept_is_not_ended() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    running.paste(&callback);
    running.end().await.unwrap();
    assert_eq!(running.sign_in.cancel().await, Cancellation::AlreadySaved);
    within(running.sign_in.finish()).await;
    assert_eq!(stage.issuer.count(Route::Revoke), 0);
}

/// An issuer that does not answer keeps nobody for longer than two seconds.
#[tokio::test]
async fn ending_a_session_takes_two_seconds_at_most() {
    let stage = Stage::new();
    let (running, _lock) = waiting_for_the_lock(&stage).await;
    let _gate = stage.issuer.hold(Route::Revoke);
    let asked = std::time::Instant::now();
    running.sign_in.cancel().await;
    within(running.sign_in.finish()).await;
    let took = asked.elapsed();
    assert!((1.9..10.0).contains(&took.as_secs_f64()), "{took:?}");
}
