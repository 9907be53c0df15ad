//! A sign-in that a host keeps, and goes on with elsewhere (spec, section 13).

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use codex_onboarding::ErrorKind;
use codex_onboarding::auth::{Clock, Issuer, IssuerUrl, Pace};
use codex_onboarding::sign_in::{Cancellation, DeviceCode, Kept, SignIn, SignInOptions, Status};
use serde_json::Value;
use url::Url;

use super::support::*;

fn stage() -> Stage {
    let mut stage = Stage::new();
    let mut pace = Pace::default();
    pace.interval = Duration::from_millis(5);
    pace.at_least = Duration::from_millis(1);
    pace.at_most = Duration::from_millis(30);
    stage.options.issuer = stage.options.issuer.with_pace(pace);
    stage
}

async fn next(sign_in: &mut SignIn) -> Status {
    within(sign_in.next()).await.expect("the task has ended")
}

/// Leaves a sign-in for another process, which finds nothing saved.
async fn leave(sign_in: SignIn) -> Kept {
    let kept = sign_in.kept();
    assert_eq!(within(sign_in.cancel()).await, Cancellation::Cancelled);
    kept
}

/// Begins a sign-in with a device code, and leaves it.
async fn left(stage: &Stage) -> (Kept, DeviceCode) {
    let mut running = stage.start();
    running.sign_in.request_device_code();
    let Status::DeviceCode(code) = next(&mut running.sign_in).await else {
        panic!("no device code");
    };
    (leave(running.sign_in).await, code)
}

/// As a host that has kept it somewhere, for a process of its own.
fn elsewhere(kept: &Kept) -> Kept {
    serde_json::from_str(&serde_json::to_string(kept).unwrap()).unwrap()
}

fn refused(kept: &Kept, options: &SignInOptions) -> ErrorKind {
    SignIn::resume(kept.clone(), options.clone())
        .map(drop)
        .unwrap_err()
        .kind()
}

#[tokio::test]
async fn a_sign_in_that_was_left_goes_on_elsewhere_with_the_same_code() {
    let stage = stage();
    let (kept, code) = left(&stage).await;
    stage.assert_untouched();
    stage.person.approve_device(&code.user_code).await.unwrap();
    let mut resumed = SignIn::resume(elsewhere(&kept), stage.options.clone()).unwrap();
    assert!(resumed.link().port.is_none());
    let mut statuses = Vec::new();
    while let Some(status) = within(resumed.next()).await {
        if let Status::DeviceCode(again) = &status {
            assert_eq!(again.user_code, code.user_code);
        }
        statuses.push(status);
    }
    assert_eq!(
        names(&statuses),
        ["Url", "DeviceCode", "Exchanging", "Completed"]
    );
    assert_eq!(stage.saved().unwrap()["auth_mode"], "chatgpt");
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn its_link_stays_too_and_the_address_it_leads_to_is_taken() {
    let stage = stage();
    let running = stage.start();
    let link = running.link.clone();
    let kept = leave(running.sign_in).await;
    let mut resumed = SignIn::resume(elsewhere(&kept), stage.options.clone()).unwrap();
    assert_eq!(resumed.link().authorization_url, link);
    let address = stage.person.approve(&link).await.unwrap();
    resumed.submit(address.as_str()).unwrap();
    while !matches!(next(&mut resumed).await, Status::Completed(_)) {}
    let cancelled = within(resumed.cancel()).await;
    assert_eq!(cancelled, Cancellation::AlreadySaved);
    assert!(stage.saved().is_some());
}

#[tokio::test]
async fn nobody_but_its_issuer_and_client_gets_it_and_only_for_fifteen_minutes() {
    let stage = stage();
    let (kept, _) = left(&stage).await;
    let other = Stage::new();
    assert_eq!(refused(&kept, &other.options), ErrorKind::Usage);
    assert!(other.issuer.requests().is_empty());
    let mut options = stage.options.clone();
    let url = IssuerUrl::parse(stage.issuer.url()).unwrap();
    options.issuer = Issuer::new(url, "another-client", None);
    assert_eq!(refused(&kept, &options), ErrorKind::Usage);
    let mut options = stage.options.clone();
    options.clock = Clock::new(|| Utc::now() + TimeDelta::minutes(15));
    assert_eq!(refused(&kept, &options), ErrorKind::Expired);
}

#[tokio::test]
async fn the_workspaces_of_its_beginning_count() {
    let mut stage = stage();
    stage.options.workspaces = vec!["acct-other".to_owned()];
    let (kept, code) = left(&stage).await;
    stage.options.workspaces.clear();
    stage.person.approve_device(&code.user_code).await.unwrap();
    let mut resumed = SignIn::resume(kept, stage.options.clone()).unwrap();
    let error = loop {
        if let Status::Failed(error) = next(&mut resumed).await {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Denied);
    within(resumed.finish()).await;
    stage.assert_untouched();
}

#[tokio::test]
async fn what_is_kept_shows_no_secret() {
    let stage = stage();
    let running = stage.start();
    let link = Url::parse(&running.link).unwrap();
    drop(running);
    let (kept, code) = left(&stage).await;
    let json = serde_json::to_value(&kept).unwrap();
    let secret = |value: &Value| value.as_str().unwrap().to_owned();
    let secrets = [
        secret(&json["state"]),
        secret(&json["code_verifier"]),
        secret(&json["device"]["device_auth_id"]),
        code.user_code,
    ];
    let shown = format!("{kept:?} {kept:#?}");
    for secret in secrets {
        assert!(secret.len() > 7, "{secret}");
        assert!(!shown.contains(&secret), "{shown}");
    }
    assert!(shown.contains(link.host_str().unwrap()), "{shown}");
}
