//! An issuer or a proxy that repeats the request in its refusal.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use super::token_endpoint::CodeGrant;
use super::*;
use crate::demo::{CLIENT_ID, DemoIssuer, Profile};

const SECRET: &str = "canary/of+all-secrets";
const ECHO: &str = r#"{"error": {"code": "canary/of+all-secrets",
    "message": "grant=canary%2Fof%2Ball-secrets and canary/of+all-secrets"}}"#;

fn assert_hidden<T>(answer: Result<T>) {
    let Err(error) = answer else {
        panic!("it was not refused");
    };
    let shown = format!("{error:?} {:?} {:?}", error.hint(), error.issuer_code());
    assert!(shown.contains("[hidden]"), "{shown}");
    assert!(
        !shown.contains("of+all") && !shown.contains("of%2Ball"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_secret_that_a_refusal_repeats_is_kept_nowhere() {
    let demo = DemoIssuer::start_with(Profile::default(), |_, _| {
        Box::pin(async { (StatusCode::BAD_REQUEST, ECHO).into_response() })
    });
    let demo = demo.unwrap();
    let issuer = Issuer::new(IssuerUrl::parse(demo.url()).unwrap(), CLIENT_ID, None);
    let secret = || SecretString::from(SECRET);
    for (code, code_verifier) in [(secret(), "verifier".into()), ("code".into(), secret())] {
        let redirect_uri = "http://localhost:1/auth/callback".to_owned();
        let grant = CodeGrant {
            code,
            code_verifier,
            redirect_uri,
        };
        assert_hidden(issuer.exchange_code(&grant).await);
    }
    let refusal = issuer.refresh(&secret()).await.unwrap().unwrap_err();
    assert_hidden::<()>(Err(refusal.into_error("refused")));
    assert_hidden(issuer.revoke(&secret()).await);
    let now = chrono::Utc::now();
    assert_hidden(issuer.exchange_for_api_key(&secret(), now).await);
    assert_hidden(issuer.redeem_credits(&secret()).await);
}
