//! Base URL, headers and `store` by mode.

use chrono::TimeDelta;
use codex_onboarding::ErrorKind;
use codex_onboarding::auth::{ApiEndpoint, Session, SessionOptions};
use codex_onboarding::environment::Environment;
use codex_onboarding::onboarding::Options;
use codex_onboarding::sign_in::SignInOptions;
use serde_json::{Value, json};

use super::support::*;

fn home_with(file: &Value) -> Home {
    let home = Home::of_openai();
    home.write(file);
    home
}

fn chatgpt() -> Home {
    let mut file = json!({"tokens": {"access_token": "at", "account_id": "acct-1"}});
    file["last_refresh"] = json!(ago(TimeDelta::zero()));
    home_with(&file)
}

fn api_key() -> Home {
    home_with(&json!({"OPENAI_API_KEY": "sk-1"}))
}

async fn endpoint(home: &Home) -> ApiEndpoint {
    home.session().endpoint().await.unwrap()
}

fn header<'a>(endpoint: &'a ApiEndpoint, name: &str) -> Option<&'a str> {
    endpoint
        .headers
        .get(name)
        .map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn chatgpt_goes_to_the_subscriptions_endpoint_and_stores_nothing() {
    let mut home = chatgpt();
    home.options.endpoint.organization = Some("org".to_owned());
    let endpoint = endpoint(&home).await;
    assert_eq!(endpoint.base_url, "https://chatgpt.com/backend-api/codex");
    assert_eq!(header(&endpoint, "authorization"), Some("Bearer at"));
    assert_eq!(header(&endpoint, "chatgpt-account-id"), Some("acct-1"));
    assert_eq!(header(&endpoint, "originator"), Some("codex_cli_rs"));
    assert_eq!(
        header(&endpoint, "version"),
        Some(env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(header(&endpoint, "openai-organization"), None);
    assert!(!endpoint.store);
}

#[tokio::test]
async fn an_api_key_goes_to_the_api_with_organization_and_project() {
    let mut home = api_key();
    home.options.endpoint.organization = Some("org".to_owned());
    home.options.endpoint.project = Some(" ".to_owned());
    let endpoint = endpoint(&home).await;
    assert_eq!(endpoint.base_url, "https://api.openai.com/v1");
    assert_eq!(header(&endpoint, "authorization"), Some("Bearer sk-1"));
    assert_eq!(header(&endpoint, "openai-organization"), Some("org"));
    assert_eq!(header(&endpoint, "openai-project"), None);
    assert_eq!(header(&endpoint, "chatgpt-account-id"), None);
    assert!(endpoint.store);
}

#[tokio::test]
async fn the_environments_base_url_wins_in_both_modes_unless_it_is_blank() {
    for mut home in [chatgpt(), api_key()] {
        let usual = endpoint(&home).await.base_url;
        home.options.endpoint.base_url = Some("  ".to_owned());
        assert_eq!(endpoint(&home).await.base_url, usual);
        home.options.endpoint.base_url = Some("https://proxy.example/v1/".to_owned());
        assert_eq!(endpoint(&home).await.base_url, "https://proxy.example/v1");
    }
}

#[tokio::test]
async fn another_issuers_bearer_goes_to_no_api_of_openais() {
    let mut home = Home::new();
    home.write(&json!({"OPENAI_API_KEY": "sk-1"}));
    let error = home.session().endpoint().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.message().contains("http://127.0.0.1:9"), "{error}");
    home.options.endpoint.base_url = Some("https://api.example/v1".to_owned());
    assert_eq!(endpoint(&home).await.base_url, "https://api.example/v1");
}

#[tokio::test]
async fn without_an_account_id_there_is_no_chatgpt_endpoint() {
    let home = home_with(
        &json!({"tokens": {"access_token": "at"}, "last_refresh": ago(TimeDelta::zero())}),
    );
    let error = home.session().endpoint().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSignedIn);
    assert_eq!(
        error.message(),
        "ChatGPT account ID not available, sign in again"
    );
}

#[tokio::test]
async fn a_secret_that_fits_no_header_is_not_quoted() {
    let home = home_with(&json!({"OPENAI_API_KEY": "sk-canary\n"}));
    let error = home.session().endpoint().await.unwrap_err();
    assert!(!format!("{error:?}").contains("canary"));
}

#[tokio::test]
async fn a_host_of_the_onboarding_gets_the_endpoint_of_its_environment() {
    let home = api_key();
    let SessionOptions { store, issuer, .. } = home.options.clone();
    let environment = Environment::from([
        ("OPENAI_BASE_URL", "https://api.example/v1/"),
        ("OPENAI_PROJECT", "proj-1"),
    ]);
    let options = Options::new(SignInOptions::new(issuer, store), environment);
    let session = Session::load(&options.session()).unwrap().unwrap();
    let endpoint = session.endpoint().await.unwrap();
    assert_eq!(endpoint.base_url, "https://api.example/v1");
    assert_eq!(header(&endpoint, "openai-project"), Some("proj-1"));
}

#[tokio::test]
async fn the_environment_counts_for_the_products_own_issuer_alone() {
    let home = Home::new();
    home.write(&json!({"OPENAI_API_KEY": "sk-1"}));
    let environment = Environment::from([
        ("OPENAI_BASE_URL", "https://api.example/v1/"),
        ("OPENAI_ORGANIZATION", "org"),
        ("OPENAI_PROJECT", "proj-1"),
    ]);
    let SessionOptions { store, issuer, .. } = home.options.clone();
    let options = Options::new(SignInOptions::new(issuer, store), environment);
    let mut options = options.session();
    let load = |options: &SessionOptions| Session::load(options).unwrap().unwrap();
    let error = load(&options).endpoint().await.unwrap_err();
    assert!(error.message().contains("http://127.0.0.1:9"), "{error}");
    // The host's own word holds, and the environment adds nothing to it.
    options.endpoint.base_url = Some("https://own.example".to_owned());
    let endpoint = load(&options).endpoint().await.unwrap();
    assert_eq!(endpoint.base_url, "https://own.example");
    for name in ["openai-organization", "openai-project"] {
        assert_eq!(header(&endpoint, name), None);
    }
}
