//! Id tokens that are not for us, and claims that are none.

use chrono::TimeDelta;
use codex_onboarding::demo::{Profile, TokenKind};
use serde_json::{Value, json};

use super::issuer_faults::{assert_clean, words};
use super::support::*;
use crate::issuer::{HOSTILE_TEXT, Route};

#[tokio::test]
async fn an_id_token_that_is_not_for_us_or_not_of_today_is_refused_and_the_clock_is_named() {
    let id = |name, value: Value| Profile::default().claim(TokenKind::Id, name, value);
    let day = TimeDelta::days(1);
    for (what, profile, says) in [
        (
            "past",
            Profile::default().id_token_lifetime(-day),
            "expired",
        ),
        (
            "their clock",
            Profile::default().clock_offset(-day),
            "clock",
        ),
        (
            "issuer",
            id("iss", json!("https://evil.example")),
            "evil.example",
        ),
        (
            "audience",
            id("aud", json!("somebody-else")),
            "another program",
        ),
        (
            "audiences",
            id("aud", json!(["somebody", "else"])),
            "another program",
        ),
    ] {
        let stage = Stage::with(profile);
        let mut running = stage.start();
        let callback = running.approve().await;
        running
            .get(&callback)
            .await
            .assert_says(500, "Token exchange failed");
        let error = running.end().await.unwrap_err();
        assert_eq!(error.message(), "Token exchange failed", "{what}");
        assert!(words(&error).contains(says), "{what}: {}", words(&error));
        assert!(error.hint().is_some(), "{what}");
        assert_clean(&words(&error), &[], what);
        stage.assert_untouched();
        // The session that nobody holds is ended.
        running.rest().await;
        assert_eq!(stage.issuer.count(Route::Revoke), 1, "{what}");
    }
}

#[tokio::test]
async fn claims_of_the_wrong_type_are_absent_and_hostile_ones_come_out_clean() {
    let auth = |profile: Profile, name, value| profile.auth_claim(TokenKind::Id, name, value);
    let profile = auth(Profile::default(), "chatgpt_account_id", json!(42));
    let profile = auth(profile, "completed_platform_onboarding", json!("no"));
    let profile = auth(profile, "organization_id", json!(HOSTILE_TEXT));
    let stage = Stage::with(profile.email(HOSTILE_TEXT));
    let mut running = stage.start();
    let reply = running.get(&running.approve().await).await;
    assert_eq!(reply.status, 302);
    let account = running.end().await.unwrap();
    assert_eq!(account.account_id, None);
    let location = reply.header("location");
    assert!(location.starts_with("/success?"), "{location}");
    assert!(location.is_ascii() && !location.contains(['<', '\r', '\n', ' ']));
    assert_eq!(running.get(location).await.status, 200);
}
