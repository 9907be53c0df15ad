//! Whether the Codex CLI can use a session (spec, section 14).

use codex_onboarding::auth::{Check, Session, Workspace};
use codex_onboarding::demo;
use codex_onboarding::product::Product;
use serde_json::json;

use super::support::*;
use crate::issuer::{Fault, Route};

/// The stage's session, of a product whose service is the stage's issuer.
fn session(stage: &Stage) -> Session {
    // Of the stage's unknown fields, the Codex CLI reads this one.
    stage.home.edit(|file| {
        if let Some(tokens) = file["tokens"].as_object_mut() {
            tokens.remove("oauth_provenance");
        }
    });
    let mut options = stage.home.options.clone();
    let mut product = Product::codex();
    product.api.issuer = Some(stage.issuer.url().to_owned().into());
    product.api.check = Some(stage.issuer.check_url().into());
    options.issuer = options.issuer.with_product(product);
    Session::load(&options).unwrap().unwrap()
}

fn refused(check: Check) -> String {
    match check {
        Check::Refused(error) => error.in_full(),
        other => panic!("{other:?}"),
    }
}

fn unknown(check: Check) -> String {
    match check {
        Check::Unknown(error) => error.in_full(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_live_session_names_its_workspace_and_asks_as_codex_does() {
    let stage = Stage::fresh();
    let Check::Alive(Some(Workspace { id, name, .. })) = session(&stage).check().await else {
        panic!("not alive");
    };
    assert_eq!((id.as_str(), name.as_deref()), ("acct-demo", Some("Demo")));
    let [request] = &stage.issuer.requests_to(Route::AccountsCheck)[..] else {
        panic!("not one request");
    };
    let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
    let bearer = stage.home.json()["tokens"]["access_token"].clone();
    assert_eq!(
        header("authorization"),
        format!("Bearer {}", bearer.as_str().unwrap())
    );
    assert_eq!(header("chatgpt-account-id"), "acct-demo");
    assert!(!header("user-agent").is_empty());
    assert!(!request.headers.contains_key("originator"));
    assert_eq!(stage.issuer.count(Route::Token), 0);
}

#[tokio::test]
async fn another_issuers_session_is_not_shown_to_the_products_service() {
    let stage = Stage::fresh();
    let theirs = jwt(&json!({"iss": "https://issuer.example", "exp": 4_000_000_000_u32}));
    stage.home.edit(|file| {
        file["tokens"]["id_token"] = theirs.clone().into();
        file["tokens"]["access_token"] = theirs.into();
    });
    let why = unknown(session(&stage).check().await);
    assert!(why.contains("https://issuer.example"), "{why}");
    assert!(stage.issuer.requests().is_empty());
}

#[tokio::test]
async fn a_first_401_is_renewed_and_only_a_second_one_is_the_end() {
    let stage = Stage::fresh();
    let refusal = || Fault::Status(401, "{}".to_owned());
    stage.issuer.fault(Route::AccountsCheck, refusal());
    assert!(matches!(
        session(&stage).check().await,
        Check::Alive(Some(_))
    ));
    assert_eq!(stage.issuer.count(Route::Token), 1);
    stage.issuer.fault_times(Route::AccountsCheck, 2, refusal());
    assert!(refused(session(&stage).check().await).contains("ended elsewhere, sign in again"));
}

#[tokio::test]
async fn a_session_that_the_issuer_does_not_renew_is_over() {
    let stage = Stage::fresh();
    stage.issuer.invalidate_sessions();
    assert!(refused(session(&stage).check().await).contains("sign in again"));
}

#[tokio::test]
async fn nothing_but_the_issuers_own_word_ends_a_session() {
    let page = |status| Fault::Status(status, "<html>sign in to the network</html>".to_owned());
    for fault in [
        page(200),
        page(401),
        page(403),
        Fault::Status(500, "{}".to_owned()),
        Fault::Status(429, "{}".to_owned()),
        Fault::Status(200, "[]".to_owned()),
        Fault::CloseEarly,
    ] {
        let stage = Stage::fresh();
        let described = format!("{fault:?}");
        stage.issuer.fault_always(Route::AccountsCheck, fault);
        let why = unknown(session(&stage).check().await);
        assert!(!why.contains("sign in again"), "{described}: {why}");
    }
    // No renewal either: the issuer is away.
    let stage = Stage::due();
    stage
        .issuer
        .fault_always(Route::Token, Fault::Status(503, "{}".to_owned()));
    unknown(session(&stage).check().await);
}

#[tokio::test]
async fn a_workspace_that_is_missing_doubled_or_deactivated_is_what_codex_will_fail_with() {
    let account = |id: &str, off: bool| json!({"id": id, "name": "A", "is_deactivated": off});
    for (accounts, why) in [
        (vec![account("other", false)], "is not among the account's"),
        (vec![account("acct-demo", false); 2], "is there twice"),
        (vec![account("acct-demo", true)], "is deactivated"),
    ] {
        let stage = Stage::fresh();
        let body = json!({ "accounts": accounts }).to_string();
        stage
            .issuer
            .fault(Route::AccountsCheck, Fault::Status(200, body));
        let said = refused(session(&stage).check().await);
        assert!(said.contains(why), "{said}");
    }
    for status in [403, 404] {
        let stage = Stage::fresh();
        let body = r#"{"error":{"code":"no_codex","message":"No Codex here"}}"#.to_owned();
        stage
            .issuer
            .fault(Route::AccountsCheck, Fault::Status(status, body));
        assert!(refused(session(&stage).check().await).contains("No Codex here"));
    }
}

#[tokio::test]
async fn credentials_that_codex_cannot_load_are_mended_by_a_renewal_or_refused() {
    let stage = Stage::fresh();
    stage
        .home
        .edit(|file| file["last_refresh"] = json!("yesterday"));
    assert!(matches!(session(&stage).check().await, Check::Alive(_)));
    stage.home.edit(|file| {
        file["last_refresh"] = json!("yesterday");
        file["tokens"]["refresh_token"] = json!("");
    });
    assert!(refused(session(&stage).check().await).contains("cannot load"));
}

#[tokio::test]
async fn ten_seconds_without_an_answer_are_enough() {
    let stage = Stage::fresh();
    let gate = stage.issuer.hold(Route::AccountsCheck);
    let session = session(&stage);
    let checking = tokio::spawn(async move { session.check().await });
    gate.arrived().await;
    tokio::time::pause();
    let asked = tokio::time::Instant::now();
    let why = unknown(checking.await.unwrap());
    assert!(why.contains("no answer within 10 seconds"), "{why}");
    assert!(asked.elapsed() < std::time::Duration::from_secs(11));
}

#[tokio::test]
async fn a_lent_session_that_has_ended_is_what_codex_will_fail_with() {
    let stage = Stage::due();
    stage.home.edit(|file| {
        file["auth_mode"] = json!("chatgptAuthTokens");
        file["tokens"]["refresh_token"] = json!("");
    });
    let why = refused(session(&stage).check().await);
    assert!(why.contains("The lent session has ended"), "{why}");
    assert!(stage.issuer.requests().is_empty());
}

#[tokio::test]
async fn another_issuers_session_and_a_product_without_a_service_cannot_be_checked() {
    let stage = Stage::fresh();
    session(&stage);
    unknown(stage.home.session().check().await);
    assert!(stage.issuer.requests().is_empty());
}

#[tokio::test]
async fn a_personal_access_token_is_asked_for_its_owner() {
    let stage = Stage::fresh();
    stage
        .home
        .write(&json!({"personal_access_token": demo::PERSONAL_ACCESS_TOKEN}));
    let Check::Alive(Some(workspace)) = session(&stage).check().await else {
        panic!("not alive");
    };
    assert_eq!(workspace.id, "acct-demo");
    stage
        .home
        .write(&json!({"personal_access_token": "at-revoked"}));
    refused(session(&stage).check().await);
}

#[tokio::test]
async fn of_a_kind_that_only_codex_can_use_nobody_can_tell() {
    let stage = Stage::fresh();
    stage
        .home
        .write(&json!({"bedrock_api_key": {"api_key": "x", "region": "y"}}));
    let why = unknown(session(&stage).check().await);
    assert!(why.contains("Amazon Bedrock API key"), "{why}");
    assert!(stage.issuer.requests().is_empty());
}

#[tokio::test]
async fn an_api_key_is_tried_where_its_requests_go() {
    let mut stage = Stage::fresh();
    stage.home.options.endpoint.base_url = Some(format!("{}/v1", stage.issuer.url()));
    stage.home.write(&json!({"OPENAI_API_KEY": "sk-1"}));
    stage
        .issuer
        .fault(Route::Other, Fault::Status(200, "{}".to_owned()));
    assert!(matches!(session(&stage).check().await, Check::Alive(None)));
    assert_eq!(stage.issuer.requests()[0].path, "/v1/models");
    stage
        .issuer
        .fault(Route::Other, Fault::Status(401, "{}".to_owned()));
    let why = refused(session(&stage).check().await);
    assert!(why.starts_with("The API key is not valid"), "{why}");
}
