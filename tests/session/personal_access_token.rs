//! Sessions and sign-ins with a personal access token (spec, section 9).

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::{Issuer, IssuerUrl, Mode, Save};
use codex_onboarding::demo::PERSONAL_ACCESS_TOKEN;
use serde_json::json;

use super::support::*;
use crate::issuer::Route;

#[tokio::test]
async fn a_valid_token_is_saved_as_codex_saves_it() {
    let stage = Stage::fresh();
    let options = &stage.home.options;
    let store = &options.store;
    let token = PERSONAL_ACCESS_TOKEN.into();
    let save = Save::access_token(store, &options.issuer, &[], &token);
    let saved = save.await.unwrap().commit().await.unwrap();
    assert_eq!(saved.account.mode, Mode::PersonalAccessToken);
    assert_eq!(saved.account.email.as_deref(), Some("demo@example.com"));
    assert_eq!(saved.account.account_id.as_deref(), Some("acct-demo"));
    assert_eq!(saved.warning, None);
    let expected = json!({"OPENAI_API_KEY": null, "personal_access_token": "at-demo"});
    assert_eq!(stage.home.json(), expected);
    assert_eq!(stage.home.mode(), 0o600);
}

#[tokio::test]
async fn a_token_that_is_refused_or_of_another_workspace_saves_nothing() {
    let stage = Stage::fresh();
    let before = stage.home.json();
    let options = &stage.home.options;
    let store = &options.store;
    for (token, workspaces, why) in [
        ("at-unknown", vec![], "not valid"),
        (
            PERSONAL_ACCESS_TOKEN,
            vec!["acct-x".to_owned()],
            "restricted to acct-x",
        ),
    ] {
        let token = token.into();
        let save = Save::access_token(store, &options.issuer, &workspaces, &token);
        let error = save.await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(stage.home.json(), before);
}

#[tokio::test]
async fn the_token_is_the_bearer_and_never_renewed() {
    let mut stage = Stage::fresh();
    stage
        .home
        .write(&json!({"personal_access_token": PERSONAL_ACCESS_TOKEN}));
    let session = stage.home.session();
    assert_eq!(session.mode(), Mode::PersonalAccessToken);
    assert_eq!(
        text(&session.bearer().await.unwrap()),
        PERSONAL_ACCESS_TOKEN
    );
    session.refresh().await.unwrap();
    let refused = session.bearer().await.unwrap();
    assert_eq!(
        text(&session.replace(&refused).await.unwrap()),
        PERSONAL_ACCESS_TOKEN
    );
    assert_eq!(stage.issuer.requests().len(), 0);
    // It names no issuer, so nobody but OpenAI gets it unasked.
    let error = session.endpoint().await.unwrap_err();
    assert!(error.message().contains("another issuer"), "{error}");
    assert_eq!(stage.issuer.requests().len(), 0);
    let accounts = IssuerUrl::parse(&format!("{}/api/accounts", stage.issuer.url())).unwrap();
    stage.home.options.issuer = Issuer::openai().with_accounts_api(accounts);
    let session = stage.home.session();
    for _ in 0..2 {
        let endpoint = session.endpoint().await.unwrap();
        assert_eq!(endpoint.base_url, "https://chatgpt.com/backend-api/codex");
        assert_eq!(endpoint.headers["chatgpt-account-id"], "acct-demo");
    }
    assert_eq!(stage.issuer.count(Route::WhoAmI), 1, "asked once");
}
