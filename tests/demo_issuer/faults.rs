//! The log, the gate and the faults.

use std::time::Duration;

use codex_onboarding::demo::Profile;
use reqwest::Response;
use serde_json::{Value, json};

use crate::bomb::gzip_bomb;
use crate::issuer::{Fault, HOSTILE_TEXT, Route, TestIssuer};
use crate::support::{Answer, Client, REDIRECT_URI, VERIFIER, refresh_body};

#[tokio::test]
async fn the_log_holds_every_request_with_its_parameters_in_order() {
    let client = Client::new();
    assert!(client.issuer.requests().is_empty());
    let code = client.approved_code().await;
    client.exchange(&code, REDIRECT_URI, VERIFIER).await;
    let endpoints: Vec<_> = client.issuer.requests().iter().map(|r| r.route).collect();
    assert_eq!(endpoints, [Route::Authorize, Route::Decision, Route::Token]);
    let token = &client.issuer.requests_to(Route::Token)[0];
    let names: Vec<_> = token
        .params
        .pairs
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let expected = [
        "grant_type",
        "code",
        "redirect_uri",
        "client_id",
        "code_verifier",
    ];
    assert_eq!(names, expected);
    assert_eq!(token.param("code"), Some(code.as_str()));
}

#[tokio::test]
async fn a_gate_holds_a_request_until_it_is_released() {
    let client = Client::new();
    let tokens = client.issuer.issue_tokens();
    let gate = client.issuer.hold(Route::Token);
    let mut refresh = std::pin::pin!(client.refresh(&tokens.refresh_token));
    tokio::select! {
        _ = &mut refresh => panic!("it was not held"),
        () = gate.arrived() => {}
    }
    assert_eq!(client.issuer.count(Route::Token), 1);
    // The issuer has one thread, so had the request passed, it would be done before this one.
    client.device().await;
    assert!(client.issuer.accepts_refresh_token(&tokens.refresh_token));
    gate.release();
    assert_eq!(refresh.await.status, 200);
    // It stays open, and a dropped gate is an open one.
    drop(client.issuer.hold(Route::Token));
    assert_eq!(client.refresh("made up").await.status, 400);
}

#[tokio::test]
async fn faults_queue_up_in_order_and_then_the_issuer_behaves() {
    let client = Client::new();
    client
        .issuer
        .fault(Route::Token, Fault::Status(503, "{}".to_owned()));
    client.issuer.fault_times(Route::Token, 2, Fault::SlowDown);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(
            client
                .refresh(&client.issuer.issue_tokens().refresh_token)
                .await
                .status,
        );
    }
    assert_eq!(statuses, [503, 400, 400, 200]);

    client.issuer.fault_always(Route::Token, Fault::SlowDown);
    assert_eq!(client.refresh("x").await.error(), "slow_down");
    assert_eq!(client.refresh("x").await.error(), "slow_down");
    client.issuer.clear_faults();
    assert_eq!(client.refresh("x").await.error(), "invalid_grant");
}

/// Plays one fault at the refresh and returns what the client saw, and whether the
/// issuer took the request for done.
async fn with_fault(fault: Fault) -> (reqwest::Result<Response>, bool, Client) {
    let client = Client::new();
    let token = client.issuer.issue_tokens().refresh_token;
    client.issuer.fault(Route::Token, fault);
    let answer = client.try_json("/oauth/token", refresh_body(&token)).await;
    let done = !client.issuer.accepts_refresh_token(&token);
    (answer, done, client)
}

fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}

#[tokio::test]
async fn reset_is_a_connection_reset_and_nothing_was_done() {
    let (answer, done, _stage) = with_fault(Fault::Reset).await;
    let error = answer.unwrap_err();
    assert_eq!(io_kind(&error), Some(std::io::ErrorKind::ConnectionReset));
    assert!(!done);
}

#[tokio::test]
async fn an_early_close_loses_the_answer_to_work_that_was_done() {
    let (answer, done, _stage) = with_fault(Fault::CloseEarly).await;
    let error = answer.unwrap_err();
    assert_ne!(io_kind(&error), Some(std::io::ErrorKind::ConnectionReset));
    assert!(done);
}

#[tokio::test]
async fn half_a_body_arrives_and_then_the_connection_ends() {
    let (answer, done, _stage) = with_fault(Fault::HalfBody).await;
    let mut answer = answer.unwrap();
    let promised = answer.content_length().unwrap();
    let half = answer.chunk().await.unwrap().unwrap();
    assert_eq!(half.len() as u64, promised / 2);
    assert!(answer.chunk().await.is_err());
    assert!(done);
}

#[tokio::test]
async fn a_hanging_request_never_ends_until_the_issuer_goes() {
    let client = Client::new();
    client.issuer.fault(Route::Token, Fault::Hang);
    let gate = client.issuer.hold(Route::Token);
    let request = client
        .http
        .post(format!("{}/oauth/token", client.issuer.url()))
        .send();
    let request = tokio::spawn(request);
    gate.arrived().await;
    gate.release();
    drop(client.issuer);
    assert!(request.await.unwrap().is_err());
}

#[tokio::test]
async fn a_delay_answers_properly_in_the_end() {
    let (answer, done, _stage) = with_fault(Fault::Delay(Duration::from_millis(1))).await;
    assert_eq!(answer.unwrap().status(), 200);
    assert!(done);
}

#[tokio::test]
async fn a_redirect_asks_to_send_the_body_along() {
    let target = "http://127.0.0.1:9/elsewhere";
    let (answer, done, _stage) = with_fault(Fault::Redirect(target.to_owned())).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()["location"], target);
    assert!(!done);
}

#[tokio::test]
async fn garbage_is_no_json() {
    let (answer, _, _stage) = with_fault(Fault::Garbage).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.json::<Value>().await.is_err());
}

#[tokio::test]
async fn a_huge_answer_is_right_in_everything_but_its_size() {
    let (answer, done, _stage) = with_fault(Fault::Huge).await;
    let answer = answer.unwrap();
    assert_eq!(answer.content_length(), None);
    let body = answer.bytes().await.unwrap();
    assert!(body.len() > 8 * 1024 * 1024);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(body["access_token"].is_string());
    assert!(done);
}

#[tokio::test]
async fn a_bomb_is_small_gzip() {
    let (answer, _, _stage) = with_fault(Fault::Gzip(gzip_bomb())).await;
    let answer = answer.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let body = answer.bytes().await.unwrap();
    let mut unpacked = flate2::read::GzDecoder::new(&body[..]);
    let length = std::io::copy(&mut unpacked, &mut std::io::sink()).unwrap();
    assert!(length > 100 * body.len() as u64, "{length}");
}

#[tokio::test]
async fn fields_can_be_missing_mistyped_or_rewritten() {
    let (answer, done, _stage) = with_fault(Fault::MissingField("id_token".to_owned())).await;
    let body = Answer::of(answer.unwrap()).await.body;
    assert!(body.get("id_token").is_none() && body["access_token"].is_string());
    assert!(done);

    let (answer, _, _stage) = with_fault(Fault::WrongTypes).await;
    assert_eq!(Answer::of(answer.unwrap()).await.body["access_token"], 42);

    let fault = Fault::rewrite(|body| body["id_token"] = json!("no JWT"));
    let (answer, _, _stage) = with_fault(fault).await;
    assert_eq!(Answer::of(answer.unwrap()).await.text("id_token"), "no JWT");
}

#[tokio::test]
async fn hostile_text_arrives_unharmed() {
    let (answer, _, _stage) = with_fault(Fault::HostileText).await;
    let answer = Answer::of(answer.unwrap()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text("error_description"), HOSTILE_TEXT);
}

#[tokio::test]
async fn a_device_can_be_kept_waiting() {
    let client = Client::new();
    let device = client.device().await;
    client
        .person
        .approve_device(device["user_code"].as_str().unwrap())
        .await
        .unwrap();
    client
        .issuer
        .fault_times(Route::DeviceToken, 2, Fault::Pending);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.poll(&device).await.status);
    }
    assert_eq!(statuses, [403, 403, 200]);
}

#[test]
fn it_needs_no_runtime_and_frees_its_port_when_dropped() {
    let issuer = TestIssuer::start(Profile::default());
    let address = issuer.url().strip_prefix("http://").unwrap().to_owned();
    let mut idle = std::net::TcpStream::connect(&address).unwrap();
    drop(issuer);
    // The open connection is closed, not left to answer.
    idle.set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let end = std::io::Read::read(&mut idle, &mut [0; 1]);
    assert!(
        matches!(end, Ok(0)) || end.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset)
    );
    assert!(std::net::TcpStream::connect(&address).is_err());
}
