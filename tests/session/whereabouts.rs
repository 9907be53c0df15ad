//! A session belongs to an account, not to a folder: it follows it, and is never another one's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::Session;
use codex_onboarding::auth::accounts::{Accounts, StoredAccount};
use serde_json::{Value, json};

use super::support::*;
use crate::issuer::profile_of;

/// A new session of this person, whose access token has expired where it is due.
fn auth_json_of(stage: &Stage, name: &str, is_due: bool) -> Value {
    stage.issuer.set_profile(profile_of(name));
    let mut tokens = stage.issuer.issue_tokens();
    if is_due {
        tokens.access_token = expired(&tokens.access_token);
    }
    let mut file = auth_json(&tokens);
    file["tokens"]["account_id"] = json!(format!("acct-{name}"));
    file
}

/// Ada is active and bob parked; the issuer knows bob last.
fn ada_and_bob(is_due: bool) -> (Stage, Accounts) {
    let stage = Stage::fresh();
    stage.home.write(&auth_json_of(&stage, "ada", is_due));
    let slot = stage.home.path().join("accounts/bob");
    std::fs::create_dir_all(&slot).unwrap();
    let bob = auth_json_of(&stage, "bob", is_due);
    std::fs::write(slot.join("auth.json"), bob.to_string()).unwrap();
    let accounts = Accounts::new(stage.home.options.store.clone());
    (stage, accounts)
}

async fn activate(accounts: &Accounts, name: &str) {
    let account = accounts.find(name).unwrap();
    let done = accounts.activate(&account).await;
    done.unwrap();
}

async fn sign_out(accounts: &Accounts, account: &StoredAccount) {
    let never = std::future::pending();
    accounts.remove(account, None, never).await.unwrap();
}

fn email(session: &Session) -> String {
    session.account().email.unwrap()
}

#[tokio::test]
async fn an_account_that_was_found_and_then_moved_is_loaded_from_where_it_is() {
    let (stage, accounts) = ada_and_bob(false);
    let [ada, bob] = ["ada", "bob"].map(|name| accounts.find(name).unwrap());
    activate(&accounts, "bob").await;
    for (account, address) in [(&ada, "ada@example.com"), (&bob, "bob@example.com")] {
        let session = Session::load_account(&stage.home.options, account).unwrap();
        assert_eq!(email(&session), address);
    }
    let bob = Session::load_account(&stage.home.options, &bob).unwrap();
    assert_eq!(bob.path(), Some(stage.home.file()));
}

#[tokio::test]
async fn an_account_that_was_found_and_then_signed_out_is_nobody_elses_session() {
    let (stage, accounts) = ada_and_bob(false);
    let ada = accounts.find("ada").unwrap();
    activate(&accounts, "bob").await;
    sign_out(&accounts, &ada).await;
    let error = Session::load_account(&stage.home.options, &ada).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSignedIn);
    assert!(error.message().contains("ada"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_accounts_change_places_each_name_gives_its_own_session() {
    let (stage, accounts) = ada_and_bob(false);
    let done = Arc::new(AtomicBool::new(false));
    let switching = tokio::spawn({
        let (accounts, done) = (accounts.clone(), Arc::clone(&done));
        async move {
            let mut switches = 0;
            while !done.load(Ordering::SeqCst) || switches < 20 {
                activate(&accounts, ["bob", "ada"][switches % 2]).await;
                switches += 1;
            }
        }
    });
    for _ in 0..300 {
        for name in ["ada", "bob"] {
            let account = accounts.find(name).unwrap();
            let session = Session::load_account(&stage.home.options, &account).unwrap();
            assert_eq!(email(&session), format!("{name}@example.com"));
        }
    }
    done.store(true, Ordering::SeqCst);
    switching.await.unwrap();
}

#[tokio::test]
async fn a_session_whose_account_is_parked_meanwhile_is_refreshed_in_its_new_place() {
    let (stage, accounts) = ada_and_bob(true);
    let ada = stage.home.session();
    activate(&accounts, "bob").await;
    let bobs = stage.home.json();
    let bearer = text(&ada.bearer().await.unwrap());
    assert_eq!(stage.home.json(), bobs);
    let slot = accounts.find("ada").unwrap().path();
    assert_eq!(ada.path().as_ref(), Some(&slot));
    let file: Value = serde_json::from_slice(&std::fs::read(slot).unwrap()).unwrap();
    assert_eq!(file["tokens"]["access_token"], json!(bearer));
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn a_session_whose_account_is_signed_out_meanwhile_is_not_the_next_ones() {
    let (stage, accounts) = ada_and_bob(true);
    let ada = stage.home.session();
    let found = accounts.find("ada").unwrap();
    activate(&accounts, "bob").await;
    sign_out(&accounts, &found).await;
    let error = ada.bearer().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSignedIn);
    assert_eq!(stage.token_requests(), 0);
}
