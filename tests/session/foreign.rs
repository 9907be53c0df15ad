//! A refresh token goes to the issuer that its session names, and to nobody else.

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::{Issuer, IssuerUrl, Revocation, sign_out};
use codex_onboarding::demo::CLIENT_ID;
use serde_json::{Value, json};

use super::support::*;
use crate::issuer::Route;

const OPENAI: &str = "https://auth.openai.com/";

/// A session whose id token and access token name these issuers, and the issuer on loopback
/// that is asked.
fn session_of(id_iss: &Value, access_iss: &Value) -> Stage {
    let stage = Stage::due();
    stage.home.edit(|file| {
        for (name, iss) in [("id_token", id_iss), ("access_token", access_iss)] {
            let token = file["tokens"][name].as_str().unwrap();
            file["tokens"][name] = json!(with_claim(token, "iss", iss));
        }
    });
    stage
}

/// Refreshes and signs out at an issuer that must not see the token, and returns the errors.
async fn refused_by_both(stage: &Stage) -> [codex_onboarding::Error; 2] {
    let before = stage.home.json();
    let refresh = stage.home.session().refresh().await.unwrap_err();
    assert_eq!(stage.home.json(), before);
    let options = &stage.home.options;
    let left = sign_out(&options.store, Some(&options.issuer)).await;
    let Revocation::Failed(revocation) = left.unwrap().revocation else {
        panic!("it was told");
    };
    assert!(stage.home.files().is_empty(), "the file goes all the same");
    for route in [Route::Token, Route::Revoke] {
        assert_eq!(stage.issuer.count(route), 0);
    }
    [refresh, revocation]
}

#[tokio::test]
async fn a_refresh_token_goes_to_no_other_issuer_than_its_own_not_even_on_loopback() {
    let own = json!(null);
    for (id_iss, access_iss) in [
        (json!(OPENAI), own.clone()),
        // Without an id token that names one, the access token does.
        (own.clone(), json!(OPENAI)),
        // Where neither does, it is OpenAI's.
        (own.clone(), own),
    ] {
        let stage = session_of(&id_iss, &access_iss);
        for error in refused_by_both(&stage).await {
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert_eq!(error.session_issuer(), Some("https://auth.openai.com"));
            assert!(error.message().contains("https://auth.openai.com"));
            assert!(error.hint().unwrap().contains("sign in again"));
        }
    }
}

#[tokio::test]
async fn an_issuer_that_a_long_or_hostile_claim_only_resembles_sees_nothing() {
    let stage = Stage::due();
    let own = stage.issuer.url().to_owned();
    // Cut to a screen's width, or cleaned, these would be the issuer that is asked.
    let long = format!("{own}/{}", "x".repeat(200));
    for (iss, shown) in [
        (format!("{own}\u{200b}"), None),
        (long.clone(), Some(long)),
        ("\u{1b}[2J".to_owned(), None),
    ] {
        let mut stage = session_of(&json!(iss), &json!(null));
        let url = IssuerUrl::parse(&own).unwrap();
        stage.home.options.issuer = Issuer::new(url, "me", None);
        for error in refused_by_both(&stage).await {
            assert_eq!(error.session_issuer(), shown.as_deref(), "{error:?}");
            assert!(!error.message().contains('\u{1b}'), "{error:?}");
        }
    }
}

/// Writes Codex's note on where the tokens are from.
fn note_provenance(stage: &Stage, issuer: &Value, client_id: &Value) {
    stage.home.edit(|file| {
        file["tokens"]["oauth_provenance"] = json!({"issuer": issuer, "client_id": client_id});
    });
}

#[tokio::test]
async fn a_session_is_refreshed_and_revoked_as_the_client_that_codex_noted() {
    let mut stage = Stage::due();
    let own = json!(format!("{}/", stage.issuer.url()));
    note_provenance(&stage, &own, &json!(CLIENT_ID));
    let url = IssuerUrl::parse(stage.issuer.url()).unwrap();
    stage.home.options.issuer = Issuer::new(url, "another-client", None);
    stage.home.session().refresh().await.unwrap();
    let options = &stage.home.options;
    let left = sign_out(&options.store, Some(&options.issuer)).await;
    assert!(matches!(left.unwrap().revocation, Revocation::Revoked));
    let requests = stage.issuer.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        let client_id = ("client_id".to_owned(), CLIENT_ID.to_owned());
        assert!(request.params.pairs.contains(&client_id), "{request:?}");
    }
}

#[tokio::test]
async fn where_the_note_and_the_tokens_name_two_issuers_nothing_is_sent() {
    let stage = Stage::due();
    note_provenance(&stage, &json!(OPENAI), &json!(null));
    for error in refused_by_both(&stage).await {
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.message().contains("two issuers"), "{error}");
        assert!(error.message().contains("https://auth.openai.com"));
        assert!(error.message().contains(stage.issuer.url()));
        assert_eq!(error.hint(), Some("Sign in again"));
    }
}

#[tokio::test]
async fn tokens_that_name_no_issuer_go_to_the_one_that_was_noted() {
    let stage = session_of(&Value::Null, &Value::Null);
    note_provenance(&stage, &json!(stage.issuer.url()), &json!(""));
    stage.home.session().refresh().await.unwrap();
    assert_eq!(stage.token_requests(), 1);
    let stage = session_of(&Value::Null, &Value::Null);
    note_provenance(&stage, &json!("https://id.example"), &Value::Null);
    for error in refused_by_both(&stage).await {
        assert_eq!(error.session_issuer(), Some("https://id.example"));
    }
}

#[tokio::test]
async fn an_access_token_alone_may_name_the_issuer() {
    let stage = session_of(&Value::Null, &Value::Null);
    let own = json!(stage.issuer.url());
    stage.home.edit(|file| {
        file["tokens"]["id_token"] = json!("no JWT");
        let token = file["tokens"]["access_token"].as_str().unwrap();
        file["tokens"]["access_token"] = json!(with_claim(token, "iss", &own));
    });
    stage.home.session().refresh().await.unwrap();
    assert_eq!(stage.token_requests(), 1);
}
