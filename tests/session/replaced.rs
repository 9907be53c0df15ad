//! A new sign-in takes the place of an old one: the old session ends at the issuer, too.

use codex_onboarding::auth::{ApiKeySave, SavedApiKey, revoke_replaced};
use codex_onboarding::demo::{Fault, Person, Route};
use codex_onboarding::sign_in::{Port, SignIn, SignInOptions, Status};
use secrecy::ExposeSecret as _;

use super::support::*;

async fn save_key(stage: &Stage) -> SavedApiKey {
    let options = &stage.home.options;
    let save = ApiKeySave::prepare(
        &options.store,
        &options.issuer,
        "sk-new".into(),
        &mut |_| {},
    )
    .await;
    save.unwrap().commit().await.unwrap()
}

fn stored_refresh_token(stage: &Stage) -> String {
    let file = stage.home.json();
    file["tokens"]["refresh_token"].as_str().unwrap().to_owned()
}

/// Signs in and waits until everything that belongs to it has ended.
async fn sign_in(stage: &Stage) {
    let session = &stage.home.options;
    let mut options = SignInOptions::new(session.issuer.clone(), session.store.clone());
    options.port = Port::Exactly(0);
    let mut sign_in = SignIn::start(options).unwrap();
    let person = Person::at(stage.issuer.url()).unwrap();
    let callback = person.approve(&sign_in.link().authorization_url).await;
    sign_in.submit(callback.unwrap().as_str()).unwrap();
    while let Some(status) = sign_in.next().await {
        assert!(!matches!(status, Status::Failed(_)), "{status:?}");
        if matches!(status, Status::Completed(_)) {
            break;
        }
    }
    sign_in.finish().await;
}

#[tokio::test]
async fn a_chatgpt_sign_in_ends_the_session_that_was_there() {
    let stage = Stage::fresh();
    let old = stored_refresh_token(&stage);
    sign_in(&stage).await;
    assert!(!stage.issuer.accepts_refresh_token(&old));
    assert!(stage.is_alive());
}

#[tokio::test]
async fn a_token_in_a_damaged_file_is_ended_too() {
    let stage = Stage::fresh();
    let old = stored_refresh_token(&stage);
    let text = std::fs::read_to_string(stage.home.file()).unwrap();
    stage.home.write_text(&text[..text.len() - 2]);
    sign_in(&stage).await;
    assert!(!stage.issuer.accepts_refresh_token(&old));
    assert!(stage.is_alive());
}

#[tokio::test]
async fn an_api_key_hands_over_the_refresh_token_that_it_replaced() {
    let stage = Stage::fresh();
    let old = stored_refresh_token(&stage);
    let saved = save_key(&stage).await;
    let replaced = saved.replaced.unwrap();
    assert_eq!(replaced.expose_secret(), old);
    revoke_replaced(stage.home.options.issuer.clone(), replaced).await;
    assert!(!stage.issuer.accepts_refresh_token(&old));
    let saved = save_key(&stage).await;
    assert!(saved.replaced.is_none(), "a key replaced a key");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_does_not_answer_costs_two_seconds_at_most() {
    let stage = Stage::fresh();
    stage.issuer.fault(Route::Revoke, Fault::Hang);
    let token = save_key(&stage).await.replaced.unwrap();
    let started = tokio::time::Instant::now();
    revoke_replaced(stage.home.options.issuer.clone(), token).await;
    assert!(started.elapsed().as_secs() <= 2);
}
