//! The embedded issuer keeps the rules it is there to check, and breaks them on request.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use codex_onboarding::demo::{
    CLIENT_ID, Endpoint, Fault, HOSTILE_TEXT, Issuer, Page, Person, Profile, TokenKind,
};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT_URI: &str = "http://localhost:1455/auth/callback";
const AUTH: &str = "https://api.openai.com/auth";

/// An issuer, a person and a client that has an HTTP stack and nothing else.
struct Stage {
    issuer: Issuer,
    person: Person,
    client: Client,
}

impl Stage {
    fn new() -> Self {
        Self::with(Profile::default())
    }

    fn with(profile: Profile) -> Self {
        let issuer = Issuer::start(profile).unwrap();
        let person = Person::at(issuer.url()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(tls)
            .build()
            .unwrap();
        Self {
            issuer,
            person,
            client,
        }
    }

    /// The authorization URL, with parameters changed, or left out where the value is empty.
    fn link(&self, changes: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            (
                "scope",
                "openid profile email offline_access api.connectors.read api.connectors.invoke",
            ),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "the-state"),
        ];
        for &(name, value) in changes {
            pairs.retain(|(n, _)| *n != name);
            pairs.push((name, value));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        format!("{}/oauth/authorize?{query}", self.issuer.url())
    }

    async fn approved_code(&self) -> String {
        let callback = self.person.approve(&self.link(&[])).await.unwrap();
        query(&callback, "code").unwrap()
    }

    async fn form(&self, pairs: &[(&str, &str)]) -> Answer {
        let url = format!("{}/oauth/token", self.issuer.url());
        Answer::of(self.client.post(url).form(pairs).send().await.unwrap()).await
    }

    async fn exchange(&self, code: &str, redirect_uri: &str, verifier: &str) -> Answer {
        self.form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("client_id", CLIENT_ID),
            ("code_verifier", verifier),
        ])
        .await
    }

    async fn json(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.try_json(path, body).await.unwrap()).await
    }

    async fn try_json(&self, path: &str, body: Value) -> reqwest::Result<Response> {
        let url = format!("{}{path}", self.issuer.url());
        self.client.post(url).json(&body).send().await
    }

    async fn refresh(&self, refresh_token: &str) -> Answer {
        self.json("/oauth/token", refresh_body(refresh_token)).await
    }

    async fn poll(&self, device: &Value) -> Answer {
        let body =
            json!({"device_auth_id": device["device_auth_id"], "user_code": device["user_code"]});
        self.json("/api/accounts/deviceauth/token", body).await
    }

    async fn device(&self) -> Value {
        let path = "/api/accounts/deviceauth/usercode";
        self.json(path, json!({"client_id": CLIENT_ID})).await.body
    }
}

struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    async fn of(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            body: response.json().await.unwrap(),
        }
    }

    fn error(&self) -> &str {
        let error = &self.body["error"];
        error.as_str().or(error["code"].as_str()).unwrap_or("none")
    }

    fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap()
    }
}

fn refresh_body(refresh_token: &str) -> Value {
    json!({
        "client_id": CLIENT_ID,
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "scope": "openid profile email",
    })
}

fn query(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs.find_map(|(n, value)| (n == name).then(|| value.into_owned()))
}

fn claims(token: &str) -> Value {
    use base64::Engine;
    let payload = token.split('.').nth(1).unwrap();
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    serde_json::from_slice(&engine.decode(payload).unwrap()).unwrap()
}

fn assert_is_page(page: &Page) {
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(!page.body.contains("{{"), "{}", page.body);
    assert!(!page.body.contains("<script"), "{}", page.body);
}

// ---- the authorization endpoint

#[tokio::test]
async fn approving_leads_back_with_a_code_and_the_state() {
    let stage = Stage::new();
    let callback = stage.person.approve(&stage.link(&[])).await.unwrap();
    assert!(callback.as_str().starts_with(REDIRECT_URI));
    assert_eq!(query(&callback, "state").unwrap(), "the-state");
    assert!(query(&callback, "code").unwrap().len() > 40);
    assert_eq!(query(&callback, "error"), None);
}

#[tokio::test]
async fn denying_leads_back_with_access_denied_and_the_state() {
    let stage = Stage::new();
    let callback = stage.person.deny(&stage.link(&[])).await.unwrap();
    assert_eq!(query(&callback, "error").unwrap(), "access_denied");
    assert!(query(&callback, "error_description").is_some());
    assert_eq!(query(&callback, "state").unwrap(), "the-state");
    assert_eq!(query(&callback, "code"), None);
}

#[tokio::test]
async fn the_consent_page_says_who_what_and_that_it_is_a_demo() {
    let stage = Stage::with(Profile::default().email("<b>ada@example.com"));
    let page = stage.person.open(&stage.link(&[])).await.unwrap();
    assert_eq!(page.status, 200);
    assert_is_page(&page);
    for words in [
        "&lt;b&gt;ada@example.com",
        "Plus plan",
        "acct-demo",
        "stay signed in",
        "Approve",
        "Deny",
        "This is a demo",
        "http://localhost:1455",
    ] {
        assert!(page.body.contains(words), "{words}");
    }
    // Without its target there, Chrome blocks the redirect that answers the form.
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' http://localhost:1455;"));
}

#[tokio::test]
async fn a_wrong_client_or_redirect_uri_is_told_to_the_person_and_redirects_nowhere() {
    let stage = Stage::new();
    for change in [
        ("client_id", "app_other"),
        ("client_id", ""),
        ("redirect_uri", "http://localhost:1455/other"),
        ("redirect_uri", "https://evil.example/auth/callback"),
        ("redirect_uri", "http://127.0.0.1:1455/auth/callback"),
        ("redirect_uri", ""),
    ] {
        let page = stage.person.open(&stage.link(&[change])).await.unwrap();
        assert_eq!(page.status, 400, "{change:?}");
        assert_eq!(page.location(), None);
        assert_is_page(&page);
    }
    let doubled = format!("{}&state=other", stage.link(&[]));
    assert_eq!(stage.person.open(&doubled).await.unwrap().status, 400);
}

#[tokio::test]
async fn every_other_mistake_goes_back_to_the_client() {
    let stage = Stage::new();
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("state", ""), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("scope", ""), "invalid_scope"),
        (("scope", "openid admin"), "invalid_scope"),
    ] {
        let callback = stage.person.approve(&stage.link(&[change])).await.unwrap();
        assert_eq!(
            query(&callback, "error").as_deref(),
            Some(error),
            "{change:?}"
        );
        assert_eq!(query(&callback, "code"), None);
    }
    assert_eq!(stage.issuer.count(Endpoint::Decision), 0);
}

#[tokio::test]
async fn an_account_outside_the_allowed_workspaces_is_refused() {
    let stage = Stage::new();
    let link = stage.link(&[("allowed_workspace_id", "acct-other,acct-third")]);
    let callback = stage.person.approve(&link).await.unwrap();
    assert_eq!(query(&callback, "error").unwrap(), "access_denied");

    let link = stage.link(&[("allowed_workspace_id", "acct-other,acct-demo")]);
    let callback = stage.person.approve(&link).await.unwrap();
    assert!(query(&callback, "code").is_some());
}

#[tokio::test]
async fn a_profile_can_refuse_by_itself_and_mark_the_state() {
    let profile = Profile::default()
        .refusal("access_denied", "missing_codex_entitlement")
        .state_suffix(".onboarding_entrypoint=life_sciences");
    let stage = Stage::with(profile);
    let callback = stage.person.approve(&stage.link(&[])).await.unwrap();
    assert_eq!(
        query(&callback, "error_description").unwrap(),
        "missing_codex_entitlement"
    );
    assert_eq!(
        query(&callback, "state").unwrap(),
        "the-state.onboarding_entrypoint=life_sciences"
    );
}

#[tokio::test]
async fn a_consent_page_works_once_and_cannot_be_guessed() {
    let stage = Stage::new();
    let page = stage.person.open(&stage.link(&[])).await.unwrap();
    let (_, rest) = page.body.split_once(r#"name="form" value=""#).unwrap();
    let (form, _) = rest.split_once('"').unwrap();
    let url = format!("{}/oauth/authorize/decision", stage.issuer.url());
    let mut statuses = Vec::new();
    for form in ["guess", "", form, form] {
        let pairs = [("form", form), ("decision", "approve")];
        let answer = stage.client.post(&url).form(&pairs).send().await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [400, 400, 303, 400]);
}

#[tokio::test]
async fn a_foreign_host_name_gets_nothing() {
    let stage = Stage::new();
    let request = stage
        .client
        .get(stage.link(&[]))
        .header("host", "evil.example");
    assert_eq!(request.send().await.unwrap().status(), 421);
}

// ---- the token endpoint

#[tokio::test]
async fn a_code_and_its_verifier_bring_tokens_with_the_accounts_claims() {
    let stage = Stage::with(Profile::default().plan("pro").needs_setup());
    let code = stage.approved_code().await;
    let answer = stage.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert_eq!(answer.status, 200);

    let id = claims(answer.text("id_token"));
    assert_eq!(id["iss"], stage.issuer.url());
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
    let stage = Stage::new();
    let code = stage.approved_code().await;
    let wrong = stage.exchange(&code, REDIRECT_URI, &"a".repeat(43)).await;
    assert_eq!((wrong.status, wrong.error()), (400, "invalid_grant"));
    let late = stage.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert_eq!((late.status, late.error()), (400, "invalid_grant"));
}

#[tokio::test]
async fn a_code_is_bound_to_its_redirect_uri_and_client() {
    let stage = Stage::new();
    let code = stage.approved_code().await;
    let elsewhere = "http://localhost:1457/auth/callback";
    let answer = stage.exchange(&code, elsewhere, VERIFIER).await;
    assert_eq!(answer.error(), "invalid_grant");

    let code = stage.approved_code().await;
    stage
        .issuer
        .set_profile(Profile::default().client_id("app_other"));
    let answer = stage.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert_eq!(answer.error(), "invalid_client");
}

#[tokio::test]
async fn a_code_works_once_and_its_second_use_ends_the_session() {
    let stage = Stage::new();
    let code = stage.approved_code().await;
    let first = stage.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert!(
        stage
            .issuer
            .accepts_refresh_token(first.text("refresh_token"))
    );
    let second = stage.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert_eq!((second.status, second.error()), (400, "invalid_grant"));
    assert!(
        !stage
            .issuer
            .accepts_refresh_token(first.text("refresh_token"))
    );
}

#[tokio::test]
async fn a_code_expires() {
    let stage = Stage::with(Profile::default().code_lifetime(Duration::ZERO));
    let code = stage.approved_code().await;
    let answer = stage.exchange(&code, REDIRECT_URI, VERIFIER).await;
    assert_eq!(answer.error(), "invalid_grant");
}

#[tokio::test]
async fn a_code_is_exchanged_by_a_form_without_anything_missing_or_doubled() {
    let stage = Stage::new();
    let body = json!({"grant_type": "authorization_code", "client_id": CLIENT_ID, "code": "x"});
    assert_eq!(
        stage.json("/oauth/token", body).await.error(),
        "invalid_request"
    );
    let doubled = [
        ("grant_type", "authorization_code"),
        ("code", "a"),
        ("code", "b"),
    ];
    assert_eq!(stage.form(&doubled).await.error(), "invalid_request");
    let without = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_ID),
    ];
    assert_eq!(stage.form(&without).await.error(), "invalid_request");
    let other = [("grant_type", "password"), ("client_id", CLIENT_ID)];
    assert_eq!(stage.form(&other).await.error(), "unsupported_grant_type");
}

#[tokio::test]
async fn a_refresh_token_rotates() {
    let stage = Stage::new();
    let tokens = stage.issuer.issue_tokens();
    let first = stage.refresh(&tokens.refresh_token).await;
    assert_eq!(first.status, 200);
    assert_ne!(first.text("refresh_token"), tokens.refresh_token);
    assert_ne!(first.text("access_token"), tokens.access_token);
    let second = stage.refresh(first.text("refresh_token")).await;
    assert_eq!(second.status, 200);
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_the_whole_session() {
    let stage = Stage::new();
    let tokens = stage.issuer.issue_tokens();
    let first = stage.refresh(&tokens.refresh_token).await;
    let reused = stage.refresh(&tokens.refresh_token).await;
    assert_eq!(
        (reused.status, reused.error()),
        (401, "refresh_token_reused")
    );
    let successor = stage.refresh(first.text("refresh_token")).await;
    assert_eq!(successor.status, 401);
    assert_eq!(successor.error(), "refresh_token_invalidated");
}

#[tokio::test]
async fn sessions_can_expire_and_be_invalidated_and_others_begin_anew() {
    let stage = Stage::new();
    let old = stage.issuer.issue_tokens();
    stage.issuer.expire_sessions();
    let answer = stage.refresh(&old.refresh_token).await;
    assert_eq!(
        (answer.status, answer.error()),
        (401, "refresh_token_expired")
    );

    let newer = stage.issuer.issue_tokens();
    stage.issuer.invalidate_sessions();
    let answer = stage.refresh(&newer.refresh_token).await;
    assert_eq!(answer.error(), "refresh_token_invalidated");
    assert!(
        stage
            .issuer
            .accepts_refresh_token(&stage.issuer.issue_tokens().refresh_token)
    );
    assert_eq!(stage.refresh("made up").await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_session_keeps_its_account_when_another_one_signs_in() {
    let stage = Stage::new();
    let ada = stage.issuer.issue_tokens();
    stage
        .issuer
        .set_profile(Profile::default().account_id("acct-bob"));
    let bob = stage.issuer.issue_tokens();
    assert_eq!(
        claims(&bob.id_token)[AUTH]["chatgpt_account_id"],
        "acct-bob"
    );
    let answer = stage.refresh(&ada.refresh_token).await;
    assert_eq!(
        claims(answer.text("id_token"))[AUTH]["chatgpt_account_id"],
        "acct-demo"
    );

    stage.issuer.edit_profile(|profile| profile.plan("edu"));
    let answer = stage.refresh(answer.text("refresh_token")).await;
    let id = claims(answer.text("id_token"));
    assert_eq!(id[AUTH]["chatgpt_account_id"], "acct-demo");
    assert_eq!(id[AUTH]["chatgpt_plan_type"], "edu");
}

#[tokio::test]
async fn revoking_ends_the_session_and_an_unknown_token_is_no_error() {
    let stage = Stage::new();
    let tokens = stage.issuer.issue_tokens();
    let body = |token: &str| json!({"token": token, "token_type_hint": "refresh_token", "client_id": CLIENT_ID});
    assert_eq!(
        stage.json("/oauth/revoke", body("unknown")).await.status,
        200
    );
    let answer = stage
        .json("/oauth/revoke", body(&tokens.refresh_token))
        .await;
    assert_eq!(answer.status, 200);
    let answer = stage.refresh(&tokens.refresh_token).await;
    assert_eq!(answer.error(), "refresh_token_invalidated");
    let received = stage.issuer.requests_to(Endpoint::Revoke);
    assert_eq!(received[1].param("token_type_hint"), Some("refresh_token"));
}

async fn exchange_api_key(stage: &Stage, id_token: &str) -> Answer {
    stage
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
    let stage = Stage::new();
    let tokens = stage.issuer.issue_tokens();
    let answer = exchange_api_key(&stage, &tokens.id_token).await;
    assert!(answer.text("access_token").starts_with("sk-demo-"));

    let forged = tokens.id_token.replacen('e', "f", 1);
    assert_eq!(
        exchange_api_key(&stage, &forged).await.error(),
        "invalid_request"
    );
    stage
        .issuer
        .set_profile(Profile::default().without_organization());
    let tokens = stage.issuer.issue_tokens();
    let answer = exchange_api_key(&stage, &tokens.id_token).await;
    assert_eq!(answer.error(), "invalid_request");
}

#[tokio::test]
async fn credits_are_granted_once_for_an_account_and_not_for_an_expired_token() {
    let stage = Stage::with(Profile::default().plan("pro"));
    let redeem = async |stage: &Stage| {
        let body = json!({"id_token": stage.issuer.issue_tokens().id_token});
        stage.json("/v1/billing/redeem_credits", body).await
    };
    let granted = "granted_chatgpt_subscriber_api_credits";
    assert_eq!(redeem(&stage).await.body[granted], 50);
    assert_eq!(redeem(&stage).await.body[granted], 0);
    let expired = Profile::default().id_token_lifetime(TimeDelta::hours(-1));
    stage.issuer.set_profile(expired);
    assert_eq!(redeem(&stage).await.status, 401);
}

#[test]
fn tokens_say_what_the_profile_makes_them_say() {
    let profile = Profile::default()
        .clock_offset(TimeDelta::days(365))
        .access_token_lifetime(TimeDelta::hours(-1))
        .claim(TokenKind::Id, "aud", CLIENT_ID)
        .claim(TokenKind::Id, "exp", Value::Null)
        .auth_claim(TokenKind::Access, "organization_id", "org-access");
    let tokens = Issuer::start(profile).unwrap().issue_tokens();
    let (id, access) = (claims(&tokens.id_token), claims(&tokens.access_token));
    assert_eq!(id["aud"], CLIENT_ID);
    assert!(id.get("exp").is_none());
    assert!(access["exp"].as_i64() < access["iat"].as_i64());
    assert!(access["exp"].as_i64().unwrap() > chrono::Utc::now().timestamp());
    assert_eq!(access[AUTH]["organization_id"], "org-access");
}

// ---- the device pages

#[tokio::test]
async fn a_device_gets_a_code_after_the_person_approved() {
    let stage = Stage::new();
    let device = stage.device().await;
    assert_eq!(device["interval"], "1");
    assert_eq!(stage.poll(&device).await.status, 403);

    // As people type it.
    let typed = device["user_code"]
        .as_str()
        .unwrap()
        .to_lowercase()
        .replace('-', " ");
    let page = stage.person.approve_device(&typed).await.unwrap();
    assert_is_page(&page);
    let answer = stage.poll(&device).await;
    assert_eq!(answer.status, 200);
    let redirect_uri = format!("{}/deviceauth/callback", stage.issuer.url());
    let tokens = stage
        .exchange(
            answer.text("authorization_code"),
            &redirect_uri,
            answer.text("code_verifier"),
        )
        .await;
    assert_eq!(tokens.status, 200);
    // Once.
    assert_eq!(stage.poll(&device).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_denied_an_expired_and_an_unknown_device_get_no_code() {
    let stage = Stage::new();
    let device = stage.device().await;
    let code = device["user_code"].as_str().unwrap();
    stage.person.deny_device(code).await.unwrap();
    assert_eq!(stage.poll(&device).await.error(), "access_denied");

    let mut other = stage.device().await;
    other["user_code"] = json!("AAAA-AAAAA");
    assert_eq!(stage.poll(&other).await.error(), "invalid_grant");

    let expired = Profile::default().device_code_lifetime(Duration::ZERO);
    stage.issuer.set_profile(expired);
    let device = stage.device().await;
    let code = device["user_code"].as_str().unwrap();
    assert!(stage.person.approve_device(code).await.is_err());
    assert_eq!(stage.poll(&device).await.error(), "expired_token");
}

#[tokio::test]
async fn a_wrong_user_code_can_be_typed_again() {
    let stage = Stage::new();
    let page = stage.person.approve_device("<wrong>").await;
    let message = page.unwrap_err().to_string();
    assert!(
        message.contains("400") && message.contains("Connect a device"),
        "{message}"
    );
}

#[tokio::test]
async fn the_polling_interval_comes_in_any_type_or_not_at_all() {
    for interval in [json!(0), json!("7"), json!(1e9), Value::Null] {
        let stage = Stage::with(Profile::default().device_interval(interval.clone()));
        assert_eq!(stage.device().await["interval"], interval);
    }
}

#[tokio::test]
async fn the_organization_page_and_unknown_pages_are_pages() {
    let stage = Stage::new();
    for (path, status) in [("/org-setup?p=plus&t=x", 200), ("/nowhere", 404)] {
        let page = stage
            .person
            .browse(&format!("{}{path}", stage.issuer.url()))
            .await
            .unwrap();
        assert_eq!(page.status, status);
        assert_is_page(&page);
    }
    assert_eq!(stage.issuer.count(Endpoint::OrgSetup), 1);
    assert_eq!(stage.issuer.count(Endpoint::Other), 1);
}

// ---- the log, the gate and the faults

#[tokio::test]
async fn the_log_holds_every_request_with_its_parameters_in_order() {
    let stage = Stage::new();
    assert!(stage.issuer.requests().is_empty());
    let code = stage.approved_code().await;
    stage.exchange(&code, REDIRECT_URI, VERIFIER).await;
    let endpoints: Vec<_> = stage.issuer.requests().iter().map(|r| r.endpoint).collect();
    assert_eq!(
        endpoints,
        [Endpoint::Authorize, Endpoint::Decision, Endpoint::Token]
    );
    let token = &stage.issuer.requests_to(Endpoint::Token)[0];
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
    let stage = Stage::new();
    let tokens = stage.issuer.issue_tokens();
    let gate = stage.issuer.hold(Endpoint::Token);
    let mut refresh = std::pin::pin!(stage.refresh(&tokens.refresh_token));
    tokio::select! {
        _ = &mut refresh => panic!("it was not held"),
        () = gate.arrived() => {}
    }
    assert_eq!(stage.issuer.count(Endpoint::Token), 1);
    assert!(stage.issuer.accepts_refresh_token(&tokens.refresh_token));
    gate.release();
    assert_eq!(refresh.await.status, 200);
    // It stays open, and a dropped gate is an open one.
    drop(stage.issuer.hold(Endpoint::Token));
    assert_eq!(stage.refresh("made up").await.status, 400);
}

#[tokio::test]
async fn faults_queue_up_in_order_and_then_the_issuer_behaves() {
    let stage = Stage::new();
    stage
        .issuer
        .fault(Endpoint::Token, Fault::Status(503, "{}".to_owned()));
    stage
        .issuer
        .fault_times(Endpoint::Token, 2, Fault::SlowDown);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(
            stage
                .refresh(&stage.issuer.issue_tokens().refresh_token)
                .await
                .status,
        );
    }
    assert_eq!(statuses, [503, 400, 400, 200]);

    stage.issuer.fault_always(Endpoint::Token, Fault::SlowDown);
    assert_eq!(stage.refresh("x").await.error(), "slow_down");
    assert_eq!(stage.refresh("x").await.error(), "slow_down");
    stage.issuer.clear_faults();
    assert_eq!(stage.refresh("x").await.error(), "invalid_grant");
}

/// Plays one fault at the refresh and returns what the client saw, and whether the
/// issuer took the request for done.
async fn with_fault(fault: Fault) -> (reqwest::Result<Response>, bool, Stage) {
    let stage = Stage::new();
    let token = stage.issuer.issue_tokens().refresh_token;
    stage.issuer.fault(Endpoint::Token, fault);
    let answer = stage.try_json("/oauth/token", refresh_body(&token)).await;
    let done = !stage.issuer.accepts_refresh_token(&token);
    (answer, done, stage)
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
    let stage = Stage::new();
    stage.issuer.fault(Endpoint::Token, Fault::Hang);
    let gate = stage.issuer.hold(Endpoint::Token);
    let request = stage
        .client
        .post(format!("{}/oauth/token", stage.issuer.url()))
        .send();
    let request = tokio::spawn(request);
    gate.arrived().await;
    gate.release();
    drop(stage.issuer);
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
    let (answer, _, _stage) = with_fault(Fault::CompressedBomb).await;
    let answer = answer.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let body = answer.bytes().await.unwrap();
    assert!(body.starts_with(&[0x1f, 0x8b, 8]));
    assert_eq!(body.len(), 1024 * 1024);
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
    let stage = Stage::new();
    let device = stage.device().await;
    stage
        .person
        .approve_device(device["user_code"].as_str().unwrap())
        .await
        .unwrap();
    stage
        .issuer
        .fault_times(Endpoint::DeviceToken, 2, Fault::Pending);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(stage.poll(&device).await.status);
    }
    assert_eq!(statuses, [403, 403, 200]);
}

// ---- coming and going

#[test]
fn it_needs_no_runtime_and_frees_its_port_when_dropped() {
    let issuer = Issuer::start(Profile::default()).unwrap();
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
