//! The device code beside the callback: whichever finishes first wins.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use codex_onboarding::auth::Clock;
use codex_onboarding::auth::Pace;
use codex_onboarding::demo::Profile;
use codex_onboarding::sign_in::{DeviceCode, Status};
use codex_onboarding::{Error, ErrorKind};
use serde_json::{Value, json};

use super::support::*;
use crate::issuer::{Fault, HOSTILE_TEXT, Route};

/// The contract's pace, a thousand times as fast.
fn fast() -> Pace {
    let mut pace = Pace::default();
    pace.interval = Duration::from_millis(5);
    pace.at_least = Duration::from_millis(1);
    pace.at_most = Duration::from_millis(30);
    pace.slow_down = Duration::from_millis(5);
    pace
}

fn stage_with(profile: Profile, pace: Pace) -> Stage {
    let mut stage = Stage::with(profile);
    stage.options.issuer = stage.options.issuer.with_pace(pace);
    stage
}

fn stage() -> Stage {
    stage_with(Profile::default(), fast())
}

impl Running {
    /// Asks for a device code and waits for it.
    async fn device_code(&mut self) -> DeviceCode {
        self.sign_in.request_device_code();
        match self.next().await {
            Some(Status::DeviceCode(code)) => code,
            other => panic!("no device code: {other:?}"),
        }
    }

    /// Asks for a device code that does not come, or waits for one that is lost.
    async fn device_failure(&mut self) -> Error {
        match self.next().await {
            Some(Status::DeviceCodeFailed(error)) => error,
            other => panic!("no failure: {other:?}"),
        }
    }
}

impl Stage {
    /// Waits until the device was asked for so many times, with all of them let through.
    async fn polled(&self, times: usize) {
        within(async {
            while self.issuer.count(Route::DeviceToken) < times {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn an_approved_device_code_is_redeemed_with_the_issuers_own_verifier() {
    let stage = stage();
    let mut running = stage.start();
    let code = running.device_code().await;
    assert_eq!(
        code.verification_url,
        format!("{}/codex/device", stage.issuer.url())
    );
    assert_eq!(code.expires_in, Duration::from_mins(15));
    stage.polled(2).await;
    stage.person.approve_device(&code.user_code).await.unwrap();
    let account = running.end().await.unwrap();
    assert_eq!(account.email.as_deref(), Some("demo@example.com"));
    assert_eq!(stage.saved().unwrap()["auth_mode"], "chatgpt");
    let request = &stage.issuer.requests_to(Route::Token)[0];
    let redirect_uri = format!("{}/deviceauth/callback", stage.issuer.url());
    assert_eq!(request.param("redirect_uri"), Some(redirect_uri.as_str()));
    // A browser that comes late has lost, and is told so.
    let late = running.callback("code=late");
    if let Some(reply) = running.browser().try_get(&late).await {
        assert_eq!(reply.status, 409);
    }
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn while_an_approved_device_code_is_exchanged_callback_and_paste_change_nothing() {
    let stage = stage();
    let mut running = stage.start();
    let callback = running.approve().await;
    let code = running.device_code().await;
    let gate = stage.issuer.hold(Route::Token);
    stage.person.approve_device(&code.user_code).await.unwrap();
    within(gate.arrived()).await;
    assert_eq!(running.get(&callback).await.status, 409);
    running.paste(&callback);
    running.sign_in.request_device_code();
    gate.release();
    assert_eq!(names(&running.rest().await), ["Exchanging", "Completed"]);
    assert_eq!(stage.token_requests(), 1);
    assert_eq!(stage.issuer.count(Route::UserCode), 1);
}

#[tokio::test]
async fn a_callback_or_a_paste_that_wins_ends_the_polling() {
    for pasted in [false, true] {
        let stage = stage();
        let mut running = stage.start();
        let code = running.device_code().await;
        stage.polled(1).await;
        let callback = running.approve().await;
        if pasted {
            running.paste(&callback);
        } else {
            assert_eq!(running.get(&callback).await.status, 302);
        }
        running.end().await.unwrap();
        // The code is still good, and nobody collects it any more.
        stage.person.approve_device(&code.user_code).await.unwrap();
        assert!(running.rest().await.is_empty());
        assert_eq!(stage.token_requests(), 1);
    }
}

#[tokio::test]
async fn cancelling_ends_the_polling() {
    let stage = stage();
    let mut running = stage.start();
    let code = running.device_code().await;
    stage.polled(1).await;
    running.sign_in.cancel().await;
    stage.person.approve_device(&code.user_code).await.unwrap();
    assert!(running.rest().await.is_empty());
    assert_eq!(stage.token_requests(), 0);
    stage.assert_untouched();
}

#[tokio::test]
async fn a_denied_device_code_ends_that_way_alone() {
    let stage = stage();
    let mut running = stage.start();
    let code = running.device_code().await;
    stage.person.deny_device(&code.user_code).await.unwrap();
    let error = running.device_failure().await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(error.message(), "The sign-in was denied");
    assert!(error.hint().is_some());
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn an_issuer_without_device_codes_is_named_as_that_and_another_way_is_pointed_out() {
    let stage = stage();
    stage
        .issuer
        .fault(Route::UserCode, Fault::Status(404, "{}".to_owned()));
    let mut running = stage.start();
    running.sign_in.request_device_code();
    let error = running.device_failure().await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(
        error.message(),
        "Device code login is not enabled for this account or issuer"
    );
    assert!(error.hint().unwrap().contains("paste the address"));
    // It can be asked for again, for example after it was enabled.
    running.device_code().await;
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn a_device_answer_that_lacks_something_names_it_and_the_other_ways_stay_open() {
    let stage = stage();
    let mut running = stage.start();
    for (fault, message) in [
        ("user_code", "The issuer's answer lacks user_code"),
        ("device_auth_id", "The issuer's answer lacks device_auth_id"),
    ] {
        let fault = Fault::MissingField(fault.to_owned());
        stage.issuer.fault(Route::UserCode, fault);
        running.sign_in.request_device_code();
        assert_eq!(running.device_failure().await.message(), message);
    }
    for field in ["authorization_code", "code_verifier"] {
        let code = running.device_code().await;
        let gate = stage.issuer.hold(Route::DeviceToken);
        within(gate.arrived()).await;
        stage.person.approve_device(&code.user_code).await.unwrap();
        let fault = Fault::MissingField(field.to_owned());
        stage.issuer.fault(Route::DeviceToken, fault);
        gate.release();
        let error = running.device_failure().await;
        let message = format!("The issuer's answer lacks {field}");
        assert_eq!(error.message(), message);
        assert_eq!(error.kind(), ErrorKind::Issuer);
    }
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn the_other_spelling_of_the_user_code_is_read_and_hostile_ones_are_cleaned() {
    let stage = stage();
    let rename = |body: &mut Value| {
        let object = body.as_object_mut().unwrap();
        let code = object.remove("user_code").unwrap();
        object.insert("usercode".to_owned(), code);
    };
    stage.issuer.fault(Route::UserCode, Fault::rewrite(rename));
    let mut running = stage.start();
    let code = running.device_code().await;
    assert_eq!(code.user_code.len(), 10, "{}", code.user_code);

    let hostile = |body: &mut Value| body["user_code"] = json!(HOSTILE_TEXT);
    stage.issuer.fault(Route::UserCode, Fault::rewrite(hostile));
    let code = running.device_code().await.user_code;
    assert!(code.chars().count() <= 40, "{code}");
    assert!(!code.contains(|c: char| c.is_control() || c == '\u{202e}'));
}

#[tokio::test]
async fn a_code_asked_for_again_replaces_the_first() {
    let stage = stage();
    let mut running = stage.start();
    let first = running.device_code().await;
    let second = running.device_code().await;
    assert_ne!(first.user_code, second.user_code);
    stage.person.approve_device(&first.user_code).await.unwrap();
    let before = stage.issuer.count(Route::DeviceToken);
    stage.polled(before + 3).await;
    assert_eq!(stage.token_requests(), 0, "the first was collected");
    stage
        .person
        .approve_device(&second.user_code)
        .await
        .unwrap();
    running.end().await.unwrap();
}

#[tokio::test]
async fn intervals_from_zero_to_a_thousand_million_seconds_are_kept_sane() {
    for (interval, at_least, at_most) in [
        // Not a busy loop, …
        (json!(0), 10, 1000),
        (json!("0"), 10, 1000),
        (json!(-5), 10, 1000),
        // … not slower than anybody's patience, and nonsense is the default.
        (json!(1e9), 30, 5000),
        (json!("1000000000"), 30, 5000),
        (json!(null), 20, 3000),
        (json!("soon"), 20, 3000),
        (json!({}), 20, 3000),
    ] {
        let mut pace = fast();
        pace.at_least = Duration::from_millis(10);
        pace.interval = Duration::from_millis(20);
        let stage = stage_with(Profile::default().device_interval(interval.clone()), pace);
        let mut running = stage.start();
        running.device_code().await;
        let started = Instant::now();
        stage.polled(4).await;
        let took = started.elapsed();
        let bounds = Duration::from_millis(at_least) * 3..Duration::from_millis(at_most) * 4;
        assert!(bounds.contains(&took), "{interval}: {took:?}");
    }
}

#[tokio::test]
async fn every_slow_down_makes_the_polling_slower_and_a_429_is_one() {
    let mut pace = fast();
    pace.slow_down = Duration::from_millis(50);
    let stage = stage_with(Profile::default().device_interval(0), pace);
    let too_many = Fault::Status(429, "{}".to_owned());
    stage.issuer.fault(Route::DeviceToken, Fault::SlowDown);
    stage.issuer.fault(Route::DeviceToken, too_many);
    let mut running = stage.start();
    let code = running.device_code().await;
    let started = Instant::now();
    stage.person.approve_device(&code.user_code).await.unwrap();
    running.end().await.unwrap();
    // 1 ms, then 51, then 101.
    assert!(started.elapsed() >= Duration::from_millis(150));
    assert_eq!(stage.issuer.count(Route::DeviceToken), 3);
}

#[tokio::test]
async fn a_network_that_comes_and_goes_is_survived_but_not_for_ever() {
    let stage = stage();
    let mut running = stage.start();
    stage
        .issuer
        .fault_times(Route::DeviceToken, 5, Fault::Reset);
    let code = running.device_code().await;
    stage.polled(7).await;
    stage
        .issuer
        .fault_times(Route::DeviceToken, 6, Fault::Reset);
    let error = running.device_failure().await;
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.message().starts_with("HTTP: "), "{error}");
    assert!(error.hint().is_some());
    stage.person.approve_device(&code.user_code).await.unwrap();
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn a_page_in_between_and_a_region_are_no_pending_approval() {
    let page = || Fault::Status(404, "<html>Welcome to the hotel</html>".to_owned());
    let region = r#"{"error":{"code":"unsupported_country_region_territory"}}"#;
    let region = || Fault::Status(403, region.to_owned());
    let stage = stage();
    let mut running = stage.start();
    stage.issuer.fault(Route::UserCode, page());
    running.sign_in.request_device_code();
    let error = running.device_failure().await;
    assert!(
        error.in_full().contains("Something in between"),
        "{error:?}"
    );
    stage.issuer.fault_times(Route::DeviceToken, 6, page());
    running.device_code().await;
    let error = running.device_failure().await;
    assert!(
        error.in_full().contains("Something in between"),
        "{error:?}"
    );
    stage.issuer.fault(Route::DeviceToken, region());
    running.device_code().await;
    let error = running.device_failure().await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(
        error.in_full().contains("does not serve the place"),
        "{error:?}"
    );
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn a_code_that_expires_here_says_so_and_a_new_one_can_be_had() {
    let mut pace = fast();
    pace.lifetime = Duration::from_millis(40);
    let stage = stage_with(Profile::default(), pace);
    let mut running = stage.start();
    let code = running.device_code().await;
    assert_eq!(code.expires_in, pace.lifetime);
    let error = running.device_failure().await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.message(), "The device code has expired");
    assert_eq!(error.hint(), Some("Ask for a new one"));
    running.device_code().await;
    running.device_failure().await;
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn a_code_that_expires_at_the_issuer_ends_the_polling() {
    let stage = stage_with(
        Profile::default().device_code_lifetime(Duration::ZERO),
        fast(),
    );
    let mut running = stage.start();
    running.device_code().await;
    let error = running.device_failure().await;
    assert_eq!(error.kind(), ErrorKind::Issuer);
    assert!(error.causes()[0].contains("expired_token"), "{error:?}");
    running.still_completes(&stage).await;
}

/// The machine slept, for less than the tokens' lifetimes.
static SLEPT: AtomicBool = AtomicBool::new(false);

fn clock_of_a_sleeper() -> DateTime<Utc> {
    let slept = if SLEPT.load(Ordering::Relaxed) { 40 } else { 0 };
    Utc::now() + TimeDelta::minutes(slept)
}

#[tokio::test]
async fn a_code_expires_while_the_machine_sleeps() {
    let mut stage = stage();
    stage.options.clock = Clock::new(clock_of_a_sleeper);
    let mut running = stage.start();
    running.device_code().await;
    stage.polled(2).await;
    SLEPT.store(true, Ordering::Relaxed);
    let error = running.device_failure().await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.message(), "The device code has expired");
    // A new one lasts as long as any.
    let code = running.device_code().await;
    stage.person.approve_device(&code.user_code).await.unwrap();
    running.end().await.unwrap();
}
