//! Signing out: the issuer is told, and the file goes, whatever the issuer says.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Mutex;

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::{Notify, Revocation, SignedOut, sign_out};
use codex_onboarding::demo::CLIENT_ID;
use serde_json::json;

use super::support::*;
use crate::issuer::{Fault, Route};

async fn leave(home: &Home) -> SignedOut {
    let options = &home.options;
    sign_out(&options.store, Some(&options.issuer))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_refresh_token_is_revoked_and_everything_goes() {
    let stage = Stage::due();
    let token = stage.home.json()["tokens"]["refresh_token"].clone();
    fs::write(stage.home.path().join("auth.json.damaged"), "old").unwrap();
    fs::write(stage.home.path().join(".auth.json.x.tmp"), "tokens").unwrap();
    let outcome = leave(&stage.home).await;
    assert!(outcome.removed && outcome.damaged.is_none());
    assert!(matches!(outcome.revocation, Revocation::Revoked));
    assert!(stage.home.files().is_empty());
    assert!(!stage.issuer.accepts_refresh_token(token.as_str().unwrap()));

    let requests = stage.issuer.requests_to(Route::Revoke);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].content_type(), "application/json");
    let mut pairs = requests[0].params.pairs.clone();
    pairs.sort();
    let expected = [
        ("client_id", CLIENT_ID),
        ("token", token.as_str().unwrap()),
        ("token_type_hint", "refresh_token"),
    ];
    assert_eq!(pairs, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    assert!(stage.home.load().unwrap().is_none());
}

#[tokio::test]
async fn the_file_goes_whatever_the_issuer_answers() {
    for fault in [
        Fault::Status(500, "{}".to_owned()),
        Fault::Status(400, r#"{"error":"invalid_request"}"#.to_owned()),
        Fault::Reset,
        Fault::Garbage,
    ] {
        let stage = Stage::due();
        let is_an_answer = matches!(fault, Fault::Garbage);
        stage.issuer.fault(Route::Revoke, fault);
        let outcome = leave(&stage.home).await;
        assert!(outcome.removed);
        let failed = matches!(outcome.revocation, Revocation::Failed(_));
        assert_ne!(failed, is_an_answer, "200 is enough (RFC 7009)");
        assert!(stage.home.files().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_does_not_answer_costs_ten_seconds_at_most() {
    let stage = Stage::due();
    stage.issuer.fault(Route::Revoke, Fault::Hang);
    let started = tokio::time::Instant::now();
    let outcome = leave(&stage.home).await;
    assert!(started.elapsed().as_secs() <= 10);
    let Revocation::Failed(error) = outcome.revocation else {
        panic!("{outcome:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(stage.home.files().is_empty());
}

#[tokio::test(start_paused = true)]
async fn another_program_is_waited_for_ten_seconds() {
    let home = Home::new();
    home.write(&json!({"OPENAI_API_KEY": "sk-test"}));
    let lock = std::fs::File::create(home.path().join("auth.lock")).unwrap();
    lock.lock().unwrap();
    let begun = tokio::time::Instant::now();
    let store = &home.options.store;
    let left = sign_out(store, None).await;
    assert!(left.is_err() && home.file().exists());
    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn an_api_key_goes_without_a_word_to_the_issuer() {
    let stage = Stage::due();
    let key = json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1"});
    stage.home.write(&key);
    let outcome = leave(&stage.home).await;
    assert!(outcome.removed);
    assert!(matches!(outcome.revocation, Revocation::NotNeeded));
    assert!(stage.home.files().is_empty());
    assert_eq!(stage.issuer.requests().len(), 0);
}

#[tokio::test]
async fn without_an_issuer_the_file_goes_and_the_session_lives_on() {
    let stage = Stage::due();
    let token = stage.home.json()["tokens"]["refresh_token"].clone();
    let left = sign_out(&stage.home.options.store, None).await;
    let left = left.unwrap();
    assert!(left.removed && matches!(left.revocation, Revocation::LeftAlive));
    assert!(stage.home.files().is_empty());
    assert_eq!(stage.issuer.requests().len(), 0);
    assert!(stage.issuer.accepts_refresh_token(token.as_str().unwrap()));
}

#[tokio::test]
async fn a_mode_that_only_the_codex_cli_knows_can_be_left_too() {
    let stage = Stage::due();
    stage
        .home
        .edit(|file| file["auth_mode"] = json!("agentIdentity"));
    let outcome = leave(&stage.home).await;
    assert!(outcome.removed && matches!(outcome.revocation, Revocation::Revoked));
}

#[tokio::test]
async fn a_malformed_file_goes_is_said_to_and_its_token_is_revoked() {
    let stage = Stage::due();
    let tokens = stage.home.json()["tokens"].take();
    let (token, id_token) = (&tokens["refresh_token"], &tokens["id_token"]);
    let torn = format!(r#"{{"tokens": {{"id_token": {id_token}, "refresh_token": {token}, "#);
    stage.home.write_text(&torn);
    let outcome = leave(&stage.home).await;
    assert!(outcome.removed);
    let damaged = outcome.damaged.unwrap();
    assert!(damaged.message().contains("line 1, column"), "{damaged}");
    assert!(matches!(outcome.revocation, Revocation::Revoked));
    assert!(!stage.issuer.accepts_refresh_token(token.as_str().unwrap()));
    assert!(stage.home.files().is_empty());
}

#[tokio::test]
async fn a_link_goes_with_its_target() {
    let token = json!({"OPENAI_API_KEY": null, "personal_access_token": "at-1"});
    for file in [Stage::due().home.json(), token] {
        let stage = Stage::due();
        let dotfiles = tempfile::tempdir().unwrap();
        let target = dotfiles.path().join("codex-auth");
        fs::write(&target, file.to_string()).unwrap();
        fs::remove_file(stage.home.file()).unwrap();
        symlink(&target, stage.home.file()).unwrap();
        assert!(leave(&stage.home).await.removed);
        assert!(stage.home.files().is_empty() && names(dotfiles.path()).is_empty());
    }
}

#[tokio::test]
async fn where_nobody_is_signed_in_nothing_is_touched() {
    let mut home = Home::new();
    let missing = home.path().join("not-there");
    home.options = options(
        &missing,
        "http://127.0.0.1:9",
        std::sync::Arc::new(codex_onboarding::auth::internals::RealDisk),
    );
    let outcome = leave(&home).await;
    assert!(!outcome.removed && outcome.damaged.is_none());
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_refresh_under_way_is_waited_for_and_its_new_token_is_revoked() {
    let stage = Stage::due();
    let (gate, asking) = asking(&stage).await;
    let (options, (tell, told)) = (stage.home.options.clone(), tokio::sync::oneshot::channel());
    let leaving = tokio::spawn(async move {
        let tell = Mutex::new(Some(tell));
        let notify =
            Notify::new(move |note| tell.lock().unwrap().take().unwrap().send(note).unwrap());
        sign_out(&options.store.notifying(&notify), Some(&options.issuer)).await
    });
    assert!(told.await.unwrap().contains("auth.lock"));
    gate.release();
    asking.await.unwrap().unwrap();
    let outcome = leaving.await.unwrap().unwrap();
    assert!(outcome.removed && matches!(outcome.revocation, Revocation::Revoked));
    assert!(stage.home.files().is_empty());
}
