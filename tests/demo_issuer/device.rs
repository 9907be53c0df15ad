//! Signing in on another device, and the pages that only say something.

use std::time::Duration;

use codex_onboarding::demo::Profile;
use serde_json::{Value, json};

use crate::issuer::Route;
use crate::support::{Client, assert_is_page};

#[tokio::test]
async fn a_device_gets_a_code_after_the_person_approved() {
    let client = Client::new();
    let device = client.device().await;
    assert_eq!(device["interval"], "1");
    assert_eq!(client.poll(&device).await.status, 403);

    // As people type it.
    let typed = device["user_code"]
        .as_str()
        .unwrap()
        .to_lowercase()
        .replace('-', " ");
    let page = client.person.approve_device(&typed).await.unwrap();
    assert_is_page(&page);
    let answer = client.poll(&device).await;
    assert_eq!(answer.status, 200);
    let redirect_uri = format!("{}/deviceauth/callback", client.issuer.url());
    let tokens = client
        .exchange(
            answer.text("authorization_code"),
            &redirect_uri,
            answer.text("code_verifier"),
        )
        .await;
    assert_eq!(tokens.status, 200);
    // Once.
    assert_eq!(client.poll(&device).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_denied_an_expired_and_an_unknown_device_get_no_code() {
    let client = Client::new();
    let device = client.device().await;
    let code = device["user_code"].as_str().unwrap();
    client.person.deny_device(code).await.unwrap();
    assert_eq!(client.poll(&device).await.error(), "access_denied");

    let mut other = client.device().await;
    other["user_code"] = json!("AAAA-AAAAA");
    assert_eq!(client.poll(&other).await.error(), "invalid_grant");

    let expired = Profile::default().device_code_lifetime(Duration::ZERO);
    client.issuer.set_profile(expired);
    let device = client.device().await;
    let code = device["user_code"].as_str().unwrap();
    assert!(client.person.approve_device(code).await.is_err());
    assert_eq!(client.poll(&device).await.error(), "expired_token");
}

#[tokio::test]
async fn a_wrong_user_code_can_be_typed_again() {
    let client = Client::new();
    let page = client.person.approve_device("<wrong>").await;
    let message = page.unwrap_err().to_string();
    assert!(
        message.contains("400") && message.contains("Connect a device"),
        "{message}"
    );
}

#[tokio::test]
async fn the_polling_interval_comes_in_any_type_or_not_at_all() {
    for interval in [json!(0), json!("7"), json!(1e9), Value::Null] {
        let client = Client::with(Profile::default().device_interval(interval.clone()));
        assert_eq!(client.device().await["interval"], interval);
    }
}

#[tokio::test]
async fn the_organization_page_and_unknown_pages_are_pages() {
    let client = Client::new();
    for (path, status) in [("/org-setup?p=plus&t=x", 200), ("/nowhere", 404)] {
        let page = client
            .person
            .browse(&format!("{}{path}", client.issuer.url()))
            .await
            .unwrap();
        assert_eq!(page.status, status);
        assert_is_page(&page);
    }
    assert_eq!(client.issuer.count(Route::OrgSetup), 1);
    assert_eq!(client.issuer.count(Route::Other), 1);
}
