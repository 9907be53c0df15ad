//! A file that was fine when it was loaded, and is damaged when the refresh saves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use codex_onboarding::{ErrorKind, demo};
use serde_json::json;

use super::support::*;

fn assert_kept(stage: &Stage, damaged: &str) {
    let path = stage.home.path().join("auth.json.damaged");
    assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(stage.home.files(), ["auth.json", "auth.json.damaged"]);
    assert_eq!(stage.home.mode(), 0o600);
    assert_eq!(stage.home.json()["from_the_future"], json!("kept"));
    assert!(stage.is_alive());
}

/// A file whose end is missing, from within the access token on.
fn torn(tokens: &demo::IssuedTokens, access_token: &str) -> String {
    format!(
        r#"{{"tokens": {{"id_token": "{}", "refresh_token": "{}", "access_token": "{access_token}"#,
        tokens.id_token, tokens.refresh_token
    )
}

#[tokio::test]
async fn the_tokens_that_can_still_be_read_are_used() {
    let stage = Stage::due();
    let session = stage.home.session();
    // Another program had renewed the session and died while writing: what we hold is spent.
    let newer = stage.issuer.issue_tokens();
    stage.issuer.invalidate_sessions();
    let newest = stage.issuer.issue_tokens();
    let torn = torn(&newest, &newer.access_token);
    stage.home.write_text(&torn);
    session.bearer().await.unwrap();
    assert_kept(&stage, &torn);
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn tokens_that_are_still_good_do_not_leave_a_file_damaged() {
    let stage = Stage::due();
    let session = stage.home.session();
    let newest = stage.issuer.issue_tokens();
    let torn = torn(&newest, &newest.access_token) + "\"";
    stage.home.write_text(&torn);
    session.bearer().await.unwrap();
    assert_kept(&stage, &torn);
}

#[tokio::test]
async fn where_nothing_can_be_read_the_tokens_in_hand_are_used() {
    for garbage in ["\u{0}\u{0}\u{0}", "{\"tokens\": {\"refresh_token\": \"cut"] {
        let stage = Stage::due();
        let session = stage.home.session();
        stage.home.write_text(garbage);
        session.bearer().await.unwrap();
        assert_kept(&stage, garbage);
    }
}

#[tokio::test]
async fn damage_during_the_request_is_repaired_with_the_answer() {
    let stage = Stage::due();
    let (gate, asking) = asking(&stage).await;
    stage.home.write_text("{\"tokens\"");
    gate.release();
    asking.await.unwrap().unwrap();
    assert_kept(&stage, "{\"tokens\"");
}

#[tokio::test]
async fn an_answer_is_saved_even_where_the_file_cannot_be_read_any_more() {
    let stage = Stage::due();
    let (gate, asking) = asking(&stage).await;
    // More than is read of any file.
    stage.home.write_text(&" ".repeat(2 * 1024 * 1024));
    gate.release();
    asking.await.unwrap().unwrap();
    assert!(stage.is_alive());
}

#[tokio::test]
async fn somebody_elses_damaged_file_is_left_alone() {
    let stage = Stage::due();
    let session = stage.home.session();
    let theirs = r#"{"tokens": {"account_id": "acct-other", "refresh_token": "theirs", "#;
    stage.home.write_text(theirs);
    let error = session.bearer().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("line 1, column"), "{error}");
    assert_eq!(fs::read_to_string(stage.home.file()).unwrap(), theirs);
    assert_eq!(stage.home.files(), ["auth.json"]);
    assert_eq!(stage.token_requests(), 0);
}
