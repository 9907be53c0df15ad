//! A new sign-in replaces the stored credentials. The old session stays alive: only signing
//! out revokes (spec, section 4).

use codex_onboarding::auth::Save;
use codex_onboarding::auth::internals::revoke_unused;
use codex_onboarding::demo::Person;
use codex_onboarding::sign_in::{Port, SignIn, SignInOptions, Status};

use super::support::*;
use crate::issuer::{Fault, Route};

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
async fn a_new_sign_in_leaves_the_session_that_it_replaces_alive() {
    let stage = Stage::fresh();
    let old = stored_refresh_token(&stage);
    sign_in(&stage).await;
    assert_ne!(stored_refresh_token(&stage), old);
    assert!(stage.issuer.accepts_refresh_token(&old));
    assert!(stage.is_alive());
}

#[tokio::test]
async fn an_api_key_leaves_the_session_that_it_replaces_alive() {
    let stage = Stage::fresh();
    let old = stored_refresh_token(&stage);
    let store = &stage.home.options.store;
    let save = Save::api_key(store, &"sk-new".into()).await;
    save.unwrap().commit().await.unwrap();
    assert!(stage.home.json()["tokens"].is_null());
    assert!(stage.issuer.accepts_refresh_token(&old));
    assert_eq!(stage.issuer.count(Route::Revoke), 0);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_does_not_answer_to_the_end_of_an_unused_session_costs_two_seconds() {
    let stage = Stage::fresh();
    stage.issuer.fault(Route::Revoke, Fault::Hang);
    let started = tokio::time::Instant::now();
    revoke_unused(&stage.home.options.issuer, &"unused".into()).await;
    assert!(started.elapsed().as_secs() <= 2);
}
