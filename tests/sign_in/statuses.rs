//! The order of the reports, and how long the server outlives the attempt.

use std::time::{Duration, Instant};

use super::support::*;
use crate::issuer::Route;

/// The time that the last page is served after the end.
const LINGER: Duration = Duration::from_secs(2);

#[tokio::test]
async fn url_exchanging_and_completed_come_in_this_order_and_nothing_after() {
    let stage = Stage::new();
    // `start` checks that `Url` comes first.
    let mut running = stage.start();
    let callback = running.approve().await;
    let page = stage.person.browse(&running.url(&callback)).await.unwrap();
    assert_eq!(page.status, 200);
    assert_eq!(names(&running.rest().await), ["Exchanging", "Completed"]);
}

#[tokio::test]
async fn a_failure_is_said_once_and_nothing_after() {
    let stage = Stage::new();
    let mut running = stage.start();
    let bad = running.callback("code=made-up");
    assert_eq!(running.get(&bad).await.status, 500);
    assert_eq!(names(&running.rest().await), ["Exchanging", "Failed"]);

    let mut running = stage.start();
    let denied = running.callback("error=access_denied");
    assert_eq!(running.get(&denied).await.status, 403);
    assert_eq!(names(&running.rest().await), ["Failed"]);
}

#[tokio::test]
async fn completed_needs_no_browser_that_waits_for_the_page() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    let gate = stage.issuer.hold(Route::Token);
    let request = format!(
        "GET {callback} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n",
        running.port
    );
    let stream = running.browser().begin(&request).await;
    within(gate.arrived()).await;
    drop(stream);
    gate.release();
    running.end().await.unwrap();
    assert!(stage.saved().is_some());
}

#[tokio::test]
async fn two_seconds_after_the_end_the_server_is_gone_whoever_still_hangs_on() {
    let stage = Stage::new();
    let mut running = stage.start();
    let browser = running.browser();
    let _idle = browser.connect().await;
    let _half = browser.begin("GET /success HTTP/1.1\r\nHost: loc").await;
    let callback = running.approve().await;
    // The browser is told where the page is, and never asks for it.
    assert_eq!(running.get(&callback).await.status, 302);
    running.end().await.unwrap();
    let ended = Instant::now();
    within(running.sign_in.finish()).await;
    let lingered = ended.elapsed();
    assert!(lingered > Duration::from_millis(1500), "{lingered:?}");
    assert!(!browser.is_listening().await);
}

#[tokio::test]
async fn the_server_goes_as_soon_as_the_page_is_delivered() {
    let stage = Stage::new();
    let mut running = stage.start();
    let browser = running.browser();
    // An idle connection does not keep it alive.
    let _idle = browser.connect().await;
    let callback = running.approve().await;
    let reply = running.get(&callback).await;
    running.end().await.unwrap();
    let page = running.get(reply.header("location")).await;
    assert_eq!(page.status, 200);
    let delivered = Instant::now();
    within(running.sign_in.finish()).await;
    assert!(delivered.elapsed() < LINGER);
    assert!(!browser.is_listening().await);
}

#[tokio::test]
async fn a_pasted_sign_in_waits_for_no_browser_at_all() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    running.paste(&callback);
    running.end().await.unwrap();
    let ended = Instant::now();
    within(running.sign_in.finish()).await;
    assert!(ended.elapsed() < LINGER);
}

#[tokio::test]
async fn dropping_the_handle_after_the_end_lets_the_last_page_be_delivered() {
    let stage = Stage::new();
    let mut running = stage.start();
    let browser = running.browser();
    let callback = running.approve().await;
    let reply = running.get(&callback).await;
    running.end().await.unwrap();
    drop(running);
    let page = browser.get(reply.header("location")).await;
    page.assert_says(200, "Signed in to Codex CLI");
}

#[tokio::test]
async fn dropping_the_handle_at_the_failure_lets_the_error_page_be_delivered() {
    let stage = Stage::new();
    let mut running = stage.start();
    let bad = running.callback("code=made-up");
    let browser = running.browser();
    let asked = tokio::spawn(async move { browser.get(&bad).await });
    running.end().await.unwrap_err();
    drop(running);
    asked
        .await
        .unwrap()
        .assert_says(500, "Token exchange failed");
}

#[tokio::test]
async fn the_statuses_are_a_stream_too() {
    use codex_onboarding::futures_core::Stream;
    use std::pin::Pin;

    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    running.paste(&callback);
    let mut statuses = Vec::new();
    let mut stream = Pin::new(&mut running.sign_in);
    while let Some(status) = within(std::future::poll_fn(|cx| stream.as_mut().poll_next(cx))).await
    {
        statuses.push(status);
    }
    assert_eq!(names(&statuses), ["Exchanging", "Completed"]);
}
