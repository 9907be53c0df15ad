//! A session belongs to the issuer that its id token names: nobody else sees its tokens.

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::{Issuer, IssuerUrl, Notify, Revocation, sign_out};
use serde_json::{Value, json};

use super::support::*;

/// A session of OpenAI's, and an issuer that is another one, of which nobody answers.
fn at_another_issuer(iss: &Value) -> Home {
    let stage = Stage::due();
    let mut file = stage.home.json();
    let id_token = file["tokens"]["id_token"].as_str().unwrap().to_owned();
    file["tokens"]["id_token"] = json!(with_claim(&id_token, "iss", iss));
    let mut home = Home::new();
    home.write(&file);
    let url = IssuerUrl::parse("https://issuer.invalid").unwrap();
    home.options.issuer = Issuer::new(url, "me", None);
    home
}

const OPENAI: &str = "https://auth.openai.com/";

#[tokio::test]
async fn a_refresh_token_is_not_shown_to_another_issuer() {
    let home = at_another_issuer(&json!(OPENAI));
    let before = home.json();
    let error = home.session().refresh().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(error.hint(), Some("Use --issuer https://auth.openai.com"));
    assert_eq!(home.json(), before);
}

#[tokio::test]
async fn a_session_that_ends_is_not_told_to_another_issuer() {
    let home = at_another_issuer(&json!(OPENAI));
    let options = &home.options;
    let left = sign_out(&options.store, &options.issuer, &Notify::default()).await;
    let Revocation::Failed(error) = left.unwrap().revocation else {
        panic!("it was told");
    };
    assert!(error.hint().unwrap().contains("--issuer"), "{error:?}");
    assert!(home.files().is_empty(), "the file goes all the same");
}

#[tokio::test]
async fn where_the_id_token_names_nobody_the_issuer_is_asked() {
    let home = at_another_issuer(&Value::Null);
    let error = home.session().refresh().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error:?}");
}
