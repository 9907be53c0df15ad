//! Many at once, and others who write while the issuer is being asked.

use std::sync::{Arc, Mutex};

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::Clock;
use codex_onboarding::auth::Notify;
use codex_onboarding::demo::Profile;
use codex_onboarding::{Error, Result};
use secrecy::SecretString;
use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};

use super::support::*;
use crate::issuer::{Fault, Gate, Route};

async fn error_of(asking: JoinHandle<Result<SecretString>>) -> Error {
    asking.await.unwrap().unwrap_err()
}

/// Credentials of somebody else, as another program writes them.
fn another_account(stage: &Stage) -> serde_json::Value {
    let profile = Profile::default().account_id("acct-other");
    stage.issuer.set_profile(profile);
    let mut file = auth_json(&stage.issuer.issue_tokens());
    file["tokens"]["account_id"] = json!("acct-other");
    file
}

#[tokio::test]
async fn many_tasks_and_many_sessions_make_one_request() {
    let mut stage = Stage::due();
    // The same with a clock that makes every token look expired.
    for (round, clock) in [(1, chrono::Utc::now as fn() -> _), (2, far_future)] {
        stage.home.options.clock = Clock::new(clock);
        let shared = stage.home.session();
        let mut tasks = JoinSet::new();
        for number in 0..200 {
            let session = if number % 2 == 0 {
                shared.clone()
            } else {
                stage.home.session()
            };
            tasks.spawn(async move { text(&session.bearer().await.unwrap()) });
        }
        let mut bearers = tasks.join_all().await;
        bearers.dedup();
        assert_eq!(bearers.len(), 1);
        assert_eq!(stage.token_requests(), round);
        assert!(stage.is_alive());
    }
}

#[tokio::test]
async fn many_tasks_share_a_failure_too() {
    let stage = Stage::due();
    stage.issuer.expire_sessions();
    let session = stage.home.session();
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let session = session.clone();
        tasks.spawn(async move { session.bearer().await.unwrap_err().kind() });
    }
    let kinds = tasks.join_all().await;
    assert!(kinds.iter().all(|kind| *kind == ErrorKind::Expired));
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn a_caller_who_loses_interest_does_not_lose_the_rotated_token() {
    let stage = Stage::due();
    let gate = stage.issuer.hold(Route::Token);
    let session = stage.home.session();
    let asking = tokio::spawn({
        let session = session.clone();
        async move { session.bearer().await }
    });
    gate.arrived().await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    gate.release();
    session.settle().await;
    assert!(stage.is_alive());
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn somebody_elses_credentials_stay_when_they_come_before_the_request() {
    let stage = Stage::due();
    let session = stage.home.session();
    let theirs = another_account(&stage);
    stage.home.write(&theirs);
    let error = session.bearer().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSignedIn);
    assert!(error.message().contains("Another account"), "{error}");
    assert_eq!(stage.home.json(), theirs);
    assert_eq!(stage.token_requests(), 0);
}

#[tokio::test]
async fn another_person_in_the_same_workspace_is_somebody_else() {
    let stage = Stage::due();
    let session = stage.home.session();
    stage.issuer.set_profile(colleague());
    stage.home.write(&auth_json(&stage.issuer.issue_tokens()));
    let error = session.bearer().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSignedIn);
    assert_eq!(stage.token_requests(), 0);
}

#[tokio::test]
async fn somebody_elses_credentials_stay_when_they_come_during_the_request() {
    let stage = Stage::due();
    let (gate, asking) = asking(&stage).await;
    let key = json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1"});
    for theirs in [another_account(&stage), key] {
        stage.home.write(&theirs);
    }
    let theirs = stage.home.json();
    gate.release();
    assert_eq!(error_of(asking).await.kind(), ErrorKind::NotSignedIn);
    assert_eq!(stage.home.json(), theirs);
    assert_eq!(stage.home.files(), ["auth.json"]);
}

#[tokio::test]
async fn whoever_signed_out_during_the_request_stays_signed_out_and_the_new_token_is_revoked() {
    let stage = Stage::due();
    let (gate, asking) = asking(&stage).await;
    std::fs::remove_file(stage.home.file()).unwrap();
    gate.release();
    let error = error_of(asking).await;
    assert_eq!(error.kind(), ErrorKind::NotSignedIn);
    assert!(stage.home.files().is_empty());
    assert_eq!(stage.issuer.count(Route::Revoke), 1);
}

#[tokio::test]
async fn a_new_sign_in_of_the_same_account_during_the_request_stays_and_is_adopted() {
    let stage = Stage::due();
    let (gate, asking) = asking(&stage).await;
    let theirs = auth_json(&stage.issuer.issue_tokens());
    stage.home.write(&theirs);
    gate.release();
    let bearer = text(&asking.await.unwrap().unwrap());
    assert_eq!(json!(bearer), theirs["tokens"]["access_token"]);
    assert_eq!(stage.home.json(), theirs);
}

#[tokio::test]
async fn fields_that_were_written_during_the_request_survive() {
    let stage = Stage::due();
    let (gate, asking) = asking(&stage).await;
    stage
        .home
        .edit(|file| file["tokens"]["login_owner_id"] = json!("new"));
    gate.release();
    asking.await.unwrap().unwrap();
    assert_eq!(stage.home.json()["tokens"]["login_owner_id"], json!("new"));
    assert!(stage.is_alive());
}

/// A bearer is asked for with a refresh token that another program has spent: its new file is
/// not saved yet, and the request stands at the gate.
async fn asking_too_late() -> (
    Stage,
    Gate,
    JoinHandle<Result<SecretString>>,
    serde_json::Value,
) {
    let stage = Stage::due();
    let fault = Fault::Status(401, REUSED.to_owned());
    stage.issuer.fault(Route::Token, fault);
    let (gate, asking) = asking(&stage).await;
    let theirs = auth_json(&stage.issuer.issue_tokens());
    (stage, gate, asking, theirs)
}

#[tokio::test]
async fn tokens_that_the_codex_cli_saved_behind_our_lock_are_adopted_after_a_refusal() {
    let (stage, gate, asking, theirs) = asking_too_late().await;
    stage.home.write(&theirs);
    gate.release();
    let bearer = text(&asking.await.unwrap().unwrap());
    assert_eq!(json!(bearer), theirs["tokens"]["access_token"]);
    assert_eq!(stage.token_requests(), 1);
}

/// Saves as the Codex CLI does: under `auth.lock`, for which it waits with the tokens in hand.
/// Once it holds the lock it waits for `go_on`.
fn save_as_codex_does(
    stage: &Stage,
    file: &serde_json::Value,
    go_on: impl FnOnce() + Send + 'static,
) -> JoinHandle<()> {
    let (home, file) = (stage.home.path().to_owned(), file.to_string());
    tokio::task::spawn_blocking(move || {
        let lock = std::fs::File::options();
        let lock = lock
            .clone()
            .write(true)
            .open(home.join("auth.lock"))
            .unwrap();
        lock.lock().unwrap();
        go_on();
        std::fs::write(home.join("auth.json"), file).unwrap();
    })
}

#[tokio::test]
async fn a_program_that_was_faster_and_waits_for_the_lock_can_save_after_each_refusal() {
    for (status, code) in [
        (401, "refresh_token_reused"),
        (400, "refresh_token_expired"),
        (401, "refresh_token_invalidated"),
        (400, "invalid_grant"),
    ] {
        let stage = Stage::due();
        let body = json!({"error": {"code": code}}).to_string();
        stage
            .issuer
            .fault(Route::Token, Fault::Status(status, body));
        let (gate, asking) = asking(&stage).await;
        let theirs = auth_json(&stage.issuer.issue_tokens());
        let saving = save_as_codex_does(&stage, &theirs, || ());
        gate.release();
        saving.await.unwrap();
        let bearer = text(&asking.await.unwrap().unwrap());
        assert_eq!(json!(bearer), theirs["tokens"]["access_token"], "{code}");
        assert_eq!(stage.token_requests(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_refused_session_is_not_said_to_be_over_before_three_seconds_have_passed() {
    let stage = Stage::due();
    stage.issuer.expire_sessions();
    let started = std::time::Instant::now();
    let session = stage.home.session();
    let asking = tokio::spawn(async move { session.bearer().await.unwrap_err() });
    let beside = stage.home.session();
    while beside.renewal_refused().is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(started.elapsed() >= std::time::Duration::from_millis(2900));
    assert_eq!(asking.await.unwrap().kind(), ErrorKind::Expired);
    assert!(started.elapsed() >= std::time::Duration::from_millis(2900));
}

#[tokio::test]
async fn a_program_that_is_slow_to_save_is_waited_for_while_it_holds_the_lock() {
    let (stage, gate, asking, theirs) = asking_too_late().await;
    let (tell, told) = tokio::sync::oneshot::channel();
    let (go_on, wait) = std::sync::mpsc::channel();
    let saving = save_as_codex_does(&stage, &theirs, move || {
        tell.send(()).unwrap();
        wait.recv().unwrap();
    });
    gate.release();
    told.await.unwrap();
    // Longer than the program that lost looks for newer tokens by itself.
    tokio::time::sleep(std::time::Duration::from_millis(3500)).await;
    assert!(!asking.is_finished());
    assert!(stage.home.session().renewal_refused().is_none());
    go_on.send(()).unwrap();
    saving.await.unwrap();
    let bearer = text(&asking.await.unwrap().unwrap());
    assert_eq!(json!(bearer), theirs["tokens"]["access_token"]);
}

#[tokio::test]
async fn a_refused_token_is_not_sent_again_by_anybody_until_there_is_another() {
    let stage = Stage::due();
    let before = stage.home.json();
    stage.issuer.expire_sessions();
    let mut asking = JoinSet::new();
    for _ in 0..20 {
        let session = stage.home.session();
        asking.spawn(async move { session.bearer().await.unwrap_err() });
    }
    let errors = asking.join_all().await;
    assert_eq!(stage.token_requests(), 1);
    for error in &errors {
        assert_eq!(error.message(), "The session has expired, sign in again");
        assert_eq!(error.issuer_code(), Some("refresh_token_expired"));
    }
    let again = stage.home.session().refresh().await.unwrap_err();
    assert_eq!(again.message(), errors[0].message());
    assert_eq!(stage.token_requests(), 1);
    assert_eq!(stage.home.json(), before);
    assert_eq!(stage.home.files(), ["auth.json"]);
    // No token stands in the lock file, and another one is not refused.
    let note = std::fs::read_to_string(stage.home.path().join("auth.lock")).unwrap();
    let spent = before["tokens"]["refresh_token"].as_str().unwrap();
    assert!(note.contains("refused") && !note.contains(spent), "{note}");
    stage.home.write(&auth_json(&stage.expired_tokens()));
    stage.home.session().bearer().await.unwrap();
    assert_eq!(stage.token_requests(), 2);
}

#[tokio::test]
async fn what_another_issuer_or_client_refused_is_not_refused_for_this_one() {
    let stage = Stage::due();
    let fault = Fault::Status(400, r#"{"error":"invalid_grant"}"#.to_owned());
    stage.issuer.fault(Route::Token, fault);
    let url = codex_onboarding::auth::IssuerUrl::parse(stage.issuer.url()).unwrap();
    let mut options = stage.home.options.clone();
    options.issuer = codex_onboarding::auth::Issuer::new(url, "another-client", None);
    let session = codex_onboarding::auth::Session::load(&options)
        .unwrap()
        .unwrap();
    assert_eq!(
        session.bearer().await.unwrap_err().kind(),
        ErrorKind::Expired
    );
    stage.home.session().bearer().await.unwrap();
    assert_eq!(stage.token_requests(), 2);
}

#[tokio::test]
async fn newer_tokens_that_are_due_themselves_are_refreshed_once_and_no_more() {
    let stage = Stage::due();
    let refusal = || Fault::Status(401, REUSED.to_owned());
    stage.issuer.fault(Route::Token, refusal());
    let (gate, asking_once) = asking(&stage).await;
    stage.home.write(&auth_json(&stage.expired_tokens()));
    gate.release();
    asking_once.await.unwrap().unwrap();
    assert_eq!(stage.token_requests(), 2);
    assert!(stage.is_alive());

    let stage = Stage::due();
    stage.issuer.fault_always(Route::Token, refusal());
    let (gate, asking) = asking(&stage).await;
    let second_gate = stage.issuer.hold(Route::Token);
    stage.home.write(&auth_json(&stage.expired_tokens()));
    gate.release();
    second_gate.arrived().await;
    stage.home.write(&auth_json(&stage.expired_tokens()));
    second_gate.release();
    assert_eq!(error_of(asking).await.kind(), ErrorKind::Expired);
    assert_eq!(stage.token_requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_stays_taken_is_said_and_given_up_after_a_minute() {
    let mut stage = Stage::due();
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&told);
    let notify = Notify::new(move |note| notes.lock().unwrap().push(note));
    stage.home.options.store = stage.home.options.store.notifying(&notify);
    let lock = std::fs::File::create(stage.home.path().join("auth.lock")).unwrap();
    lock.lock().unwrap();
    let started = tokio::time::Instant::now();
    let error = stage.home.session().bearer().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert_eq!(started.elapsed().as_secs(), 60);
    assert_eq!(stage.token_requests(), 0);
    let told = told.lock().unwrap();
    assert!(told.len() == 1 && told[0].contains("auth.lock"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn with_next_to_no_time_left_no_token_is_put_at_risk() {
    let stage = Stage::due();
    let lock = std::fs::File::create(stage.home.path().join("auth.lock")).unwrap();
    lock.lock().unwrap();
    let holder = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(57)).await;
        drop(lock);
    });
    let error = stage.home.session().bearer().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(stage.token_requests(), 0);
    holder.await.unwrap();
}

/// The Codex CLI may be writing while we ask; and it must never keep us from saving.
#[tokio::test]
async fn the_write_lock_is_free_during_the_request_and_waited_for_after_it() {
    let mut stage = Stage::due();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let notify = Notify::new(move |note| tell.send(note).unwrap());
    stage.home.options.store = stage.home.options.store.notifying(&notify);
    let (gate, mut asking) = asking(&stage).await;
    let path = stage.home.path().join("auth.json.lock");
    let lock = std::fs::File::create(&path).unwrap();
    lock.try_lock().unwrap();
    let before = stage.home.json();
    gate.release();
    let told = tokio::select! {
        told = told.recv() => told.unwrap(),
        _ = &mut asking => panic!("it did not wait"),
    };
    assert!(told.contains("auth.json.lock"), "{told}");
    assert_eq!(stage.home.json(), before);
    drop(lock);
    asking.await.unwrap().unwrap();
    assert!(stage.is_alive());
}
