//! When a refresh is made, and what it does to the file.

use serde_json::json;

use super::support::*;

#[tokio::test]
async fn a_due_session_is_refreshed_once_and_everything_else_in_the_file_stays() {
    let stage = Stage::due();
    let before = stage.home.json();
    let session = stage.home.session();
    let bearer = text(&session.bearer().await.unwrap());
    assert_eq!(stage.token_requests(), 1);

    let after = stage.home.json();
    assert_eq!(after["tokens"]["access_token"], json!(bearer));
    assert!(stage.is_alive());
    assert_eq!(after["from_the_future"], before["from_the_future"]);
    assert_eq!(
        after["tokens"]["oauth_provenance"],
        before["tokens"]["oauth_provenance"]
    );
    assert_eq!(stage.home.mode(), 0o600);
    assert_eq!(stage.home.files(), ["auth.json"]);

    // Nothing is due any more, here or in the next process.
    assert_eq!(text(&session.bearer().await.unwrap()), bearer);
    assert_eq!(text(&stage.home.session().bearer().await.unwrap()), bearer);
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn the_request_is_the_one_of_the_codex_cli() {
    let stage = Stage::due();
    let spent = stage.home.json()["tokens"]["refresh_token"].clone();
    stage.home.session().bearer().await.unwrap();
    let requests = stage.issuer.requests();
    let request = &requests[0];
    assert_eq!(
        request.params.encoding,
        codex_onboarding::demo::Encoding::Json
    );
    let mut pairs = request.params.pairs.clone();
    pairs.sort();
    let expected = [
        ("client_id", codex_onboarding::demo::CLIENT_ID),
        ("grant_type", "refresh_token"),
        ("refresh_token", spent.as_str().unwrap()),
        ("scope", "openid profile email"),
    ];
    assert_eq!(pairs, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
}
