//! The token endpoint's grants, revocation, and what tokens bring.

use std::time::Duration;

use chrono::TimeDelta;
use codex_onboarding::demo::{CLIENT_ID, Profile, TokenKind};
use serde_json::{Value, json};

use crate::issuer::{Route, TestIssuer};
use crate::support::{AUTH, Answer, Client, REDIRECT_URI, VERIFIER};
use crate::tokens::claims;

#[tokio::test]
async fn a_code_and_its_verifier_bring_tokens_with_the_accounts_claims() {
    let client = Client::with(Profile::default().plan("pro").needs_setup());
    let code = client.approved_code().await;
    let answer = client.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert_eq!(answer.status, 200);

    let id = claims(answer.text("id_token"));
    assert_eq!(id["iss"], client.issuer.url());
    assert_eq!(id["aud"], json!([CLIENT_ID]));
    assert_eq!(id["email"], "demo@example.com");
    assert_eq!(
        id["exp"].as_i64().unwrap() - id["iat"].as_i64().unwrap(),
        3600
    );
    let auth = &id[AUTH];
    assert_eq!(auth["chatgpt_account_id"], "acct-demo");
    assert_eq!(auth["chatgpt_plan_type"], "pro");
    assert_eq!(auth["organization_id"], "org-demo");
    assert_eq!(auth["project_id"], "proj-demo");
    assert_eq!(auth["completed_platform_onboarding"], false);
    assert_eq!(auth["is_org_owner"], true);
    assert_eq!(auth["chatgpt_user_id"], auth["user_id"]);
    assert!(auth["chatgpt_subscription_active_start"].is_string());
    let access = claims(answer.text("access_token"));
    assert_eq!(access[AUTH]["chatgpt_plan_type"], "pro");
}

#[tokio::test]
async fn a_wrong_verifier_is_refused_and_uses_the_code_up() {
    let client = Client::new();
    let code = client.approved_code().await;
    let wrong = client.exchange(&code, REDIRECT_URI, &"a".repeat(43)).await;
    assert_eq!((wrong.status, wrong.error()), (400, "invalid_grant"));
    let late = client.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert_eq!((late.status, late.error()), (400, "invalid_grant"));
}

#[tokio::test]
async fn a_code_is_bound_to_its_redirect_uri_and_client() {
    let client = Client::new();
    let code = client.approved_code().await;
    let elsewhere = "http://localhost:1457/auth/callback";
    let answer = client.exchange(&code, elsewhere, VERIFIER).await;
    assert_eq!(answer.error(), "invalid_grant");

    let code = client.approved_code().await;
    client
        .issuer
        .set_profile(Profile::default().client_id("app_other"));
    let answer = client.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert_eq!(answer.error(), "invalid_client");
}

#[tokio::test]
async fn a_code_works_once_and_its_second_use_ends_the_session() {
    let client = Client::new();
    let code = client.approved_code().await;
    let first = client.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert!(
        client
            .issuer
            .accepts_refresh_token(first.text("refresh_token"))
    );
    let second = client.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert_eq!((second.status, second.error()), (400, "invalid_grant"));
    assert!(
        !client
            .issuer
            .accepts_refresh_token(first.text("refresh_token"))
    );
}

#[tokio::test]
async fn a_code_expires() {
    let client = Client::with(Profile::default().code_lifetime(Duration::ZERO));
    let code = client.approved_code().await;
    let answer = client.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert_eq!(answer.error(), "invalid_grant");
}

#[tokio::test]
async fn a_code_is_exchanged_by_a_form_without_anything_missing_or_doubled() {
    let client = Client::new();
    let body = json!({"grant_type": "authorization_code", "client_id": CLIENT_ID, "code": "x"});
    assert_eq!(
        client.json("/oauth/token", body).await.error(),
        "invalid_request"
    );
    let doubled = [
        ("grant_type", "authorization_code"),
        ("code", "a"),
        ("code", "b"),
    ];
    assert_eq!(client.form(&doubled).await.error(), "invalid_request");
    let without = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_ID),
    ];
    assert_eq!(client.form(&without).await.error(), "invalid_request");
    let other = [("grant_type", "password"), ("client_id", CLIENT_ID)];
    assert_eq!(client.form(&other).await.error(), "unsupported_grant_type");
}

#[tokio::test]
async fn a_refresh_token_rotates() {
    let client = Client::new();
    let tokens = client.issuer.issue_tokens();
    let first = client.refresh(&tokens.refresh_token).await;
    assert_eq!(first.status, 200);
    assert_ne!(first.text("refresh_token"), tokens.refresh_token);
    assert_ne!(first.text("access_token"), tokens.access_token);
    let second = client.refresh(first.text("refresh_token")).await;
    assert_eq!(second.status, 200);
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_the_whole_session() {
    let client = Client::new();
    let tokens = client.issuer.issue_tokens();
    let first = client.refresh(&tokens.refresh_token).await;
    let reused = client.refresh(&tokens.refresh_token).await;
    assert_eq!(
        (reused.status, reused.error()),
        (401, "refresh_token_reused")
    );
    let successor = client.refresh(first.text("refresh_token")).await;
    assert_eq!(successor.status, 401);
    assert_eq!(successor.error(), "refresh_token_invalidated");
}

#[tokio::test]
async fn sessions_can_expire_and_be_invalidated_and_others_begin_anew() {
    let client = Client::new();
    let old = client.issuer.issue_tokens();
    client.issuer.expire_sessions();
    let answer = client.refresh(&old.refresh_token).await;
    assert_eq!(
        (answer.status, answer.error()),
        (401, "refresh_token_expired")
    );

    let newer = client.issuer.issue_tokens();
    client.issuer.invalidate_sessions();
    let answer = client.refresh(&newer.refresh_token).await;
    assert_eq!(answer.error(), "refresh_token_invalidated");
    assert!(
        client
            .issuer
            .accepts_refresh_token(&client.issuer.issue_tokens().refresh_token)
    );
    assert_eq!(client.refresh("made up").await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_session_keeps_its_account_when_another_one_signs_in() {
    let client = Client::new();
    let ada = client.issuer.issue_tokens();
    client
        .issuer
        .set_profile(Profile::default().account_id("acct-bob"));
    let bob = client.issuer.issue_tokens();
    assert_eq!(
        claims(&bob.id_token)[AUTH]["chatgpt_account_id"],
        "acct-bob"
    );
    let answer = client.refresh(&ada.refresh_token).await;
    assert_eq!(
        claims(answer.text("id_token"))[AUTH]["chatgpt_account_id"],
        "acct-demo"
    );

    client.issuer.edit_profile(|profile| profile.plan("edu"));
    let answer = client.refresh(answer.text("refresh_token")).await;
    let id = claims(answer.text("id_token"));
    assert_eq!(id[AUTH]["chatgpt_account_id"], "acct-demo");
    assert_eq!(id[AUTH]["chatgpt_plan_type"], "edu");
}

#[tokio::test]
async fn revoking_ends_the_session_and_an_unknown_token_is_no_error() {
    let client = Client::new();
    let tokens = client.issuer.issue_tokens();
    let body = |token: &str| json!({"token": token, "token_type_hint": "refresh_token", "client_id": CLIENT_ID});
    assert_eq!(
        client.json("/oauth/revoke", body("unknown")).await.status,
        200
    );
    let answer = client
        .json("/oauth/revoke", body(&tokens.refresh_token))
        .await;
    assert_eq!(answer.status, 200);
    let answer = client.refresh(&tokens.refresh_token).await;
    assert_eq!(answer.error(), "refresh_token_invalidated");
    let received = client.issuer.requests_to(Route::Revoke);
    assert_eq!(received[1].param("token_type_hint"), Some("refresh_token"));
}

async fn exchange_api_key(client: &Client, id_token: &str) -> Answer {
    client
        .form(&[
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("client_id", CLIENT_ID),
            ("requested_token", "openai-api-key"),
            ("subject_token", id_token),
            (
                "subject_token_type",
                "urn:ietf:params:oauth:token-type:id_token",
            ),
            (
                "name",
                "Codex CLI [auto-generated] (2025-01-01) [0123456789ab]",
            ),
        ])
        .await
}

#[tokio::test]
async fn an_id_token_with_an_organization_is_exchanged_for_an_api_key() {
    let client = Client::new();
    let tokens = client.issuer.issue_tokens();
    let answer = exchange_api_key(&client, &tokens.id_token).await;
    assert!(answer.text("access_token").starts_with("sk-demo-"));

    let forged = tokens.id_token.replacen('e', "f", 1);
    assert_eq!(
        exchange_api_key(&client, &forged).await.error(),
        "invalid_request"
    );
    client
        .issuer
        .set_profile(Profile::default().without_organization());
    let tokens = client.issuer.issue_tokens();
    let answer = exchange_api_key(&client, &tokens.id_token).await;
    assert_eq!(answer.error(), "invalid_request");
}

#[tokio::test]
async fn credits_are_granted_once_for_an_account_and_not_for_an_expired_token() {
    let client = Client::with(Profile::default().plan("pro"));
    let redeem = async |client: &Client| {
        let body = json!({"id_token": client.issuer.issue_tokens().id_token});
        client.json("/v1/billing/redeem_credits", body).await
    };
    let granted = "granted_chatgpt_subscriber_api_credits";
    assert_eq!(redeem(&client).await.body[granted], 50);
    assert_eq!(redeem(&client).await.body[granted], 0);
    let expired = Profile::default().id_token_lifetime(TimeDelta::hours(-1));
    client.issuer.set_profile(expired);
    assert_eq!(redeem(&client).await.status, 401);
}

#[test]
fn tokens_say_what_the_profile_makes_them_say() {
    let profile = Profile::default()
        .clock_offset(TimeDelta::days(365))
        .access_token_lifetime(TimeDelta::hours(-1))
        .claim(TokenKind::Id, "aud", CLIENT_ID)
        .claim(TokenKind::Id, "exp", Value::Null)
        .auth_claim(TokenKind::Access, "organization_id", "org-access");
    let tokens = TestIssuer::start(profile).issue_tokens();
    let (id, access) = (claims(&tokens.id_token), claims(&tokens.access_token));
    assert_eq!(id["aud"], CLIENT_ID);
    assert!(id.get("exp").is_none());
    assert!(access["exp"].as_i64() < access["iat"].as_i64());
    assert!(access["exp"].as_i64().unwrap() > chrono::Utc::now().timestamp());
    assert_eq!(access[AUTH]["organization_id"], "org-access");
}
