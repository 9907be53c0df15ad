//! When a refresh is made, and what it does to the file.

use chrono::TimeDelta;
use codex_onboarding::ErrorKind;
use codex_onboarding::auth::Clock;
use codex_onboarding::demo::{CLIENT_ID, Profile};
use serde_json::{Value, json};

use super::support::*;
use crate::issuer::{Fault, Route};

#[tokio::test]
async fn a_due_session_is_refreshed_once_and_everything_else_in_the_file_stays() {
    let stage = Stage::due();
    let before = stage.home.json();
    let session = stage.home.session();
    let bearer = text(&session.bearer().await.unwrap());
    assert_eq!(stage.token_requests(), 1);

    let after = stage.home.json();
    assert_eq!(after["tokens"]["access_token"], json!(bearer));
    assert!(stage.is_alive());
    for field in ["from_the_future", "auth_mode", "OPENAI_API_KEY"] {
        assert_eq!(after[field], before[field]);
    }
    for field in ["oauth_provenance", "account_id"] {
        assert_eq!(after["tokens"][field], before["tokens"][field]);
    }
    assert_eq!(stage.home.mode(), 0o600);
    assert_eq!(stage.home.files(), ["auth.json"]);

    // Nothing is due any more, here or in the next process.
    assert_eq!(text(&session.bearer().await.unwrap()), bearer);
    assert_eq!(text(&stage.home.session().bearer().await.unwrap()), bearer);
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn the_request_is_the_one_of_the_codex_cli() {
    let stage = Stage::due();
    let spent = stage.home.json()["tokens"]["refresh_token"].clone();
    stage.home.session().bearer().await.unwrap();
    let requests = stage.issuer.requests();
    assert_eq!(requests[0].content_type(), "application/json");
    let mut pairs = requests[0].params.pairs.clone();
    pairs.sort();
    let expected = [
        ("client_id", CLIENT_ID),
        ("grant_type", "refresh_token"),
        ("refresh_token", spent.as_str().unwrap()),
        ("scope", "openid profile email"),
    ];
    assert_eq!(pairs, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
}

/// Writes a file with this access token's lifetime and this age, asks for a bearer, and
/// says whether it was refreshed.
async fn is_refreshed(expires_in: Option<TimeDelta>, last_refresh: Value) -> bool {
    let stage = Stage::due();
    let exp = expires_in.map(|time| (chrono::Utc::now() + time).timestamp());
    stage.home.edit(|file| {
        let token = file["tokens"]["access_token"].as_str().unwrap();
        file["tokens"]["access_token"] = json!(with_claim(token, "exp", &json!(exp)));
        file["last_refresh"] = last_refresh;
    });
    stage.home.session().bearer().await.unwrap();
    stage.token_requests() == 1
}

#[tokio::test]
async fn due_is_what_expires_within_five_minutes_or_is_older_than_28_days() {
    let day = |days| json!(ago(TimeDelta::days(days)));
    let minutes = |minutes| Some(TimeDelta::minutes(minutes));
    assert!(is_refreshed(minutes(4), day(0)).await);
    assert!(!is_refreshed(minutes(6), day(0)).await);
    assert!(is_refreshed(minutes(-9_999_999), day(0)).await);
    assert!(!is_refreshed(minutes(999), day(27)).await);
    assert!(is_refreshed(minutes(999), day(29)).await);
    assert!(is_refreshed(minutes(999), Value::Null).await);
    assert!(is_refreshed(minutes(999), json!("yesterday")).await);
    // Without `exp` only the age counts.
    assert!(!is_refreshed(None, day(27)).await);
    assert!(is_refreshed(None, day(29)).await);
}

#[tokio::test]
async fn what_the_answer_leaves_out_stays_as_it_was() {
    for missing in ["id_token", "refresh_token"] {
        let stage = Stage::due();
        let before = stage.home.json();
        let fault = Fault::MissingField(missing.to_owned());
        stage.issuer.fault(Route::Token, fault);
        stage.home.session().bearer().await.unwrap();
        let after = stage.home.json();
        for token in ["id_token", "access_token", "refresh_token"] {
            let stays = before["tokens"][token] == after["tokens"][token];
            assert_eq!(stays, token == missing, "{token} without {missing}");
        }
    }
}

#[tokio::test]
async fn a_new_refresh_token_is_saved_before_the_missing_access_token_is_judged() {
    let stage = Stage::due();
    let fault = Fault::MissingField("access_token".to_owned());
    stage.issuer.fault(Route::Token, fault);
    let session = stage.home.session();
    let error = session.bearer().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Issuer);
    assert!(error.message().contains("access_token"), "{error}");
    assert!(stage.is_alive(), "the successor is on disk");
    session.bearer().await.unwrap();
}

#[tokio::test]
async fn an_answer_without_any_token_changes_nothing() {
    for fault in [
        Fault::WrongTypes,
        Fault::Garbage,
        Fault::rewrite(|answer| *answer = json!({"id_token": "", "access_token": null})),
    ] {
        let stage = Stage::due();
        let before = stage.home.json();
        stage.issuer.fault(Route::Token, fault);
        let error = stage.home.session().bearer().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Issuer);
        assert_eq!(stage.home.json(), before);
        assert_eq!(stage.home.files(), ["auth.json"]);
    }
}

#[tokio::test]
async fn a_stored_id_token_that_is_no_jwt_still_refreshes() {
    for odd in [json!("opaque"), json!(""), Value::Null] {
        let stage = Stage::due();
        stage.home.edit(|file| file["tokens"]["id_token"] = odd);
        let session = stage.home.session();
        session.bearer().await.unwrap();
        assert_eq!(session.account().email.as_deref(), Some("demo@example.com"));
        assert!(stage.is_alive());
    }
}

#[tokio::test]
async fn an_account_id_that_changes_at_refresh_is_saved_with_its_tokens() {
    let stage = Stage::due();
    let rename = |profile: Profile| profile.account_id("acct-moved");
    stage.issuer.edit_profile(rename);
    let session = stage.home.session();
    session.bearer().await.unwrap();
    assert_eq!(
        stage.home.json()["tokens"]["account_id"],
        json!("acct-moved")
    );
    assert_eq!(session.account().account_id.as_deref(), Some("acct-moved"));
    assert!(stage.is_alive());
    stage.home.session().bearer().await.unwrap();
}

#[tokio::test]
async fn a_forced_refresh_asks_although_nothing_is_due_and_a_tasks_late_401_does_not() {
    let stage = Stage::fresh();
    let session = stage.home.session();
    let first = session.bearer().await.unwrap();
    assert_eq!(stage.token_requests(), 0);
    session.refresh().await.unwrap();
    let second = session.bearer().await.unwrap();
    assert_ne!(text(&first), text(&second));
    assert_eq!(stage.token_requests(), 1);
    // Another task met its 401 with the first bearer.
    assert_eq!(text(&session.replace(&first).await.unwrap()), text(&second));
    assert_eq!(stage.token_requests(), 1);
    let third = session.replace(&second).await.unwrap();
    assert_ne!(text(&third), text(&second));
    assert_eq!(stage.token_requests(), 2);
}

#[tokio::test]
async fn a_forced_refresh_adopts_what_another_process_refreshed() {
    let stage = Stage::fresh();
    let (ours, theirs) = (stage.home.session(), stage.home.session());
    theirs.refresh().await.unwrap();
    ours.refresh().await.unwrap();
    assert_eq!(ours, theirs);
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn a_clock_far_in_the_future_costs_one_refresh_and_not_one_each_time() {
    let mut stage = Stage::fresh();
    stage.home.options.clock = Clock::new(far_future);
    let session = stage.home.session();
    let bearer = text(&session.bearer().await.unwrap());
    for _ in 0..5 {
        assert_eq!(text(&session.bearer().await.unwrap()), bearer);
    }
    assert_eq!(stage.token_requests(), 1);
    assert!(stage.is_alive());
}

#[tokio::test]
async fn a_clock_far_in_the_future_costs_no_refresh_in_each_process_either() {
    let mut stage = Stage::fresh();
    stage.home.options.clock = Clock::new(far_future);
    let bearer = text(&stage.home.session().bearer().await.unwrap());
    for _ in 0..5 {
        assert_eq!(text(&stage.home.session().bearer().await.unwrap()), bearer);
    }
    assert_eq!(stage.token_requests(), 1);
    // Whoever was refused needs another one all the same.
    stage.home.session().refresh().await.unwrap();
    assert_eq!(stage.token_requests(), 2);
    // The token's lifetime counts from its receipt, by whatever clock.
    stage.home.options.clock = Clock::new(|| far_future() + TimeDelta::days(30));
    stage.home.session().bearer().await.unwrap();
    assert_eq!(stage.token_requests(), 3);
    assert!(stage.is_alive());
}

#[tokio::test]
async fn a_workspace_that_was_switched_to_stays_selected() {
    let stage = Stage::due();
    // As Codex's switch does: the id token names the workspace of the sign-in.
    stage
        .home
        .edit(|file| file["tokens"]["account_id"] = json!("acct-switched"));
    let session = stage.home.session();
    session.bearer().await.unwrap();
    let file = stage.home.json();
    assert_eq!(file["tokens"]["account_id"], "acct-switched");
    let shown = session.account().account_id;
    assert_eq!(shown.as_deref(), Some("acct-switched"));
    assert!(stage.is_alive());
}

#[tokio::test]
async fn a_workspace_that_is_switched_to_during_the_request_stays_with_its_token() {
    let stage = Stage::due();
    let (gate, asking) = asking(&stage).await;
    let theirs = stage.issuer.issue_tokens().access_token;
    stage.home.edit(|file| {
        file["tokens"]["account_id"] = json!("acct-switched");
        file["tokens"]["access_token"] = json!(theirs);
    });
    gate.release();
    let bearer = text(&asking.await.unwrap().unwrap());
    let file = stage.home.json();
    assert_eq!(file["tokens"]["account_id"], "acct-switched");
    assert_eq!(file["tokens"]["access_token"], json!(theirs));
    assert_eq!(bearer, theirs);
    assert!(stage.is_alive(), "the successor is on disk");
}

#[tokio::test]
async fn a_clock_far_in_the_past_refreshes_nothing_until_it_is_asked_to() {
    let mut stage = Stage::fresh();
    stage.home.options.clock = Clock::new(far_past);
    let session = stage.home.session();
    let first = session.bearer().await.unwrap();
    assert_eq!(stage.token_requests(), 0);
    let second = session.replace(&first).await.unwrap();
    assert_ne!(text(&first), text(&second));
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn a_session_that_is_over_says_why_and_the_file_is_kept() {
    let mut sentences = Vec::new();
    let ends: [fn(&Stage); 4] = [
        |stage| stage.issuer.expire_sessions(),
        |stage| stage.issuer.invalidate_sessions(),
        |stage| {
            let fault = Fault::Status(401, REUSED.to_owned());
            stage.issuer.fault(Route::Token, fault);
        },
        |stage| {
            // RFC 6749, section 5.2.
            let fault = Fault::Status(400, r#"{"error":"invalid_grant"}"#.to_owned());
            stage.issuer.fault(Route::Token, fault);
        },
    ];
    for end in ends {
        let stage = Stage::due();
        let before = stage.home.json();
        end(&stage);
        let error = stage.home.session().bearer().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Expired);
        assert!(error.message().ends_with("sign in again"), "{error}");
        assert_eq!(stage.home.json(), before);
        assert_eq!(stage.home.files(), ["auth.json"]);
        assert_eq!(stage.token_requests(), 1);
        sentences.push(error.message().to_owned());
    }
    sentences.dedup();
    assert_eq!(sentences.len(), 4);
}

#[tokio::test]
async fn without_a_refresh_token_an_expired_session_ends_and_a_valid_one_goes_on() {
    let stage = Stage::due();
    let forget = |file: &mut Value| {
        file["tokens"]["refresh_token"] = Value::Null;
        file["last_refresh"] = Value::Null;
    };
    stage.home.edit(forget);
    let error = stage.home.session().bearer().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert!(error.message().ends_with("sign in again"), "{error}");

    let stage = Stage::fresh();
    stage.home.edit(forget);
    stage.home.session().bearer().await.unwrap();
    assert_eq!(stage.token_requests(), 0);
}

#[tokio::test]
async fn without_a_network_a_token_that_is_still_valid_is_used_and_an_expired_one_is_not() {
    let stage = Stage::fresh();
    stage.home.edit(|file| file["last_refresh"] = Value::Null);
    stage.issuer.fault_always(Route::Token, Fault::Reset);
    let session = stage.home.session();
    let stored = stage.home.json()["tokens"]["access_token"].clone();
    assert_eq!(json!(text(&session.bearer().await.unwrap())), stored);
    // Whoever was refused needs another one.
    assert!(session.refresh().await.is_err());

    let stage = Stage::due();
    stage.issuer.fault_always(Route::Token, Fault::Reset);
    let error = stage.home.session().bearer().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
}

#[tokio::test]
async fn a_refusal_that_is_not_about_the_session_does_not_end_it() {
    let stage = Stage::due();
    let fault = Fault::Status(503, r#"{"error":"overloaded"}"#.to_owned());
    stage.issuer.fault(Route::Token, fault);
    let session = stage.home.session();
    let error = session.bearer().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Issuer);
    assert!(!error.message().contains("sign in again"), "{error}");
    session.bearer().await.unwrap();
}
