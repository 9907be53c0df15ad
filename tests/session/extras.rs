//! After a sign-in: an API key for the organization, and a subscriber's credits.

use chrono::{TimeDelta, Utc};
use codex_onboarding::auth::Clock;
use codex_onboarding::demo::{Person, Profile, TokenKind};
use codex_onboarding::sign_in::{Cancellation, Port, SignIn, SignInOptions, Status};
use serde_json::{Value, json};

use super::support::*;
use crate::issuer::{Fault, Gate, Route};

const KEY: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// An issuer, an empty codex home, and what is asked for.
struct Trip {
    stage: Stage,
    exchange_api_key: bool,
    redeem_credits: bool,
}

impl Trip {
    fn new(profile: Profile) -> Self {
        let stage = Stage::with(profile);
        std::fs::remove_file(stage.home.file()).unwrap();
        Self {
            stage,
            exchange_api_key: false,
            redeem_credits: false,
        }
    }

    fn api_key(profile: Profile) -> Self {
        Self {
            exchange_api_key: true,
            ..Self::new(profile)
        }
    }

    fn credits(profile: Profile) -> Self {
        Self {
            redeem_credits: true,
            ..Self::new(profile)
        }
    }

    async fn approved(&self) -> SignIn {
        let session = &self.stage.home.options;
        let mut options = SignInOptions::new(session.issuer.clone(), session.store.clone());
        options.port = Port::Exactly(0);
        options.exchange_api_key = self.exchange_api_key;
        options.redeem_credits = self.redeem_credits;
        let sign_in = SignIn::start(options).unwrap();
        let person = Person::at(self.stage.issuer.url()).unwrap();
        let link = &sign_in.link().authorization_url;
        let callback = person.approve(link).await.unwrap();
        sign_in.submit(callback.as_str()).unwrap();
        sign_in
    }

    /// Signs in and returns the notices before `Completed`.
    async fn notices(&self) -> Vec<String> {
        let mut sign_in = self.approved().await;
        let notices = until_completed(&mut sign_in).await;
        assert_eq!(self.stage.home.mode(), 0o600);
        assert_eq!(self.stage.home.json()["auth_mode"], "chatgpt");
        notices
    }

    fn stored_key(&self) -> Value {
        self.stage.home.json()["OPENAI_API_KEY"].clone()
    }
}

async fn until_completed(sign_in: &mut SignIn) -> Vec<String> {
    let mut notices = Vec::new();
    loop {
        match sign_in.next().await.unwrap() {
            Status::Notice(notice) => notices.push(notice),
            Status::Completed(_) => return notices,
            Status::Failed(error) => panic!("{error:?}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn nothing_is_asked_for_unless_it_is_wanted() {
    let trip = Trip::new(Profile::default());
    assert!(trip.notices().await.is_empty());
    assert_eq!(trip.stage.token_requests(), 1);
    assert_eq!(trip.stage.issuer.count(Route::RedeemCredits), 0);
}

#[tokio::test]
async fn the_key_is_had_for_the_id_token_and_saved_beside_the_tokens() {
    let trip = Trip::api_key(Profile::default());
    let notices = trip.notices().await;
    assert!(
        notices.len() == 1 && notices[0].contains("API key"),
        "{notices:?}"
    );
    assert!(trip.stored_key().as_str().unwrap().starts_with("sk-demo-"));
    assert!(trip.stage.is_alive());
    let file = trip.stage.home.json();
    let requests = trip.stage.issuer.requests_to(Route::Token);
    let request = &requests[1];
    assert_eq!(request.content_type(), "application/x-www-form-urlencoded");
    assert_eq!(request.param("grant_type"), Some(KEY));
    assert_eq!(request.param("requested_token"), Some("openai-api-key"));
    assert_eq!(
        request.param("subject_token"),
        file["tokens"]["id_token"].as_str()
    );
    let name = request.param("name").unwrap();
    let today = Utc::now().format("%Y-%m-%d");
    let start = format!("Codex CLI [auto-generated] ({today}) [");
    let hex = name
        .strip_prefix(&start)
        .unwrap()
        .strip_suffix(']')
        .unwrap();
    assert!(
        hex.len() == 12 && hex.bytes().all(|b| b.is_ascii_hexdigit()),
        "{name}"
    );
}

#[tokio::test]
async fn without_organization_or_project_the_key_is_skipped_with_a_note() {
    for profile in [
        Profile::default().without_organization(),
        Profile::default().auth_claim(TokenKind::Id, "project_id", Value::Null),
    ] {
        let trip = Trip::api_key(profile);
        let notices = trip.notices().await;
        assert!(notices[0].contains("organization"), "{notices:?}");
        assert_eq!(trip.stage.token_requests(), 1);
        assert_eq!(trip.stored_key(), Value::Null);
    }
}

#[tokio::test]
async fn credits_are_reported_with_their_worth() {
    for (plan, worth) in [("plus", "$5 "), ("pro", "$50 ")] {
        let trip = Trip::credits(Profile::default().plan(plan));
        let notices = trip.notices().await;
        assert!(
            notices.len() == 1 && notices[0].contains(worth),
            "{notices:?}"
        );
        let request = &trip.stage.issuer.requests_to(Route::RedeemCredits)[0];
        assert_eq!(request.content_type(), "application/json");
        let id_token = trip.stage.home.json()["tokens"]["id_token"].clone();
        assert_eq!(
            request.params.pairs,
            [("id_token".to_owned(), id_token.as_str().unwrap().to_owned())]
        );
        // A second sign-in finds nothing left.
        let notices = trip.notices().await;
        assert!(notices[0].contains("already redeemed"), "{notices:?}");
    }
}

#[tokio::test]
async fn credits_are_for_subscribers_of_more_than_a_week_who_are_set_up() {
    let week = TimeDelta::days(7);
    for (profile, eligible) in [
        (Profile::default().plan("free"), false),
        (Profile::default().plan("team"), false),
        (Profile::default().needs_setup(), false),
        (
            Profile::default().subscribed_for(week - TimeDelta::minutes(1)),
            false,
        ),
        (
            Profile::default().subscribed_for(week + TimeDelta::minutes(1)),
            true,
        ),
        (Profile::default().subscribed_for(None), true),
    ] {
        let trip = Trip::credits(profile);
        let notices = trip.notices().await;
        assert_eq!(notices.len(), 1, "{notices:?}");
        let asked = trip.stage.issuer.count(Route::RedeemCredits) == 1;
        assert_eq!(asked, eligible, "{notices:?}");
    }
}

#[tokio::test]
async fn an_expired_id_token_is_refreshed_before_the_credits() {
    // Expired, and yet within the skew that a sign-in allows.
    let profile = Profile::default().id_token_lifetime(TimeDelta::minutes(-2));
    let mut trip = Trip::credits(profile);
    trip.stage.home.options.clock = Clock::new(Utc::now);
    let gate = trip.stage.issuer.hold(Route::Token);
    let mut sign_in = trip.approved().await;
    gate.arrived().await;
    gate.release();
    let notices = until_completed(&mut sign_in).await;
    // The issuer's new id token has expired as well, so it is a warning in the end.
    assert!(notices[0].contains("Could not redeem"), "{notices:?}");
    let requests = trip.stage.issuer.requests_to(Route::Token);
    assert_eq!(requests[1].param("grant_type"), Some("refresh_token"));
    assert!(trip.stage.is_alive());
}

#[tokio::test]
async fn a_failure_is_a_warning_and_the_sign_in_is_complete() {
    let mut trip = Trip::credits(Profile::default());
    trip.exchange_api_key = true;
    let refusal = || Fault::Status(500, "{}".to_owned());
    trip.stage.issuer.fault(Route::RedeemCredits, refusal());
    let gate = trip.stage.issuer.hold(Route::Token);
    let mut sign_in = trip.approved().await;
    gate.arrived().await;
    trip.stage
        .issuer
        .fault(Route::Token, Fault::rewrite(|_| {}));
    trip.stage.issuer.fault(Route::Token, refusal());
    gate.release();
    let notices = until_completed(&mut sign_in).await;
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(
        notices[0].starts_with("Could not create an API key"),
        "{notices:?}"
    );
    assert!(notices[1].contains("Could not redeem"), "{notices:?}");
    assert_eq!(trip.stored_key(), Value::Null);
    assert!(trip.stage.is_alive());
}

#[tokio::test]
async fn a_key_is_not_put_into_somebody_elses_file() {
    key_meets(|stage| {
        let mut theirs = auth_json(&stage.issuer.issue_tokens());
        theirs["tokens"]["account_id"] = json!("acct-other");
        theirs
    })
    .await;
}

#[tokio::test]
async fn a_key_is_not_put_into_the_file_of_somebody_in_the_same_workspace() {
    key_meets(|stage| {
        stage.issuer.set_profile(colleague());
        auth_json(&stage.issuer.issue_tokens())
    })
    .await;
}

/// Somebody else signs in while a key is being exchanged: it goes nowhere.
async fn key_meets(theirs: impl FnOnce(&Stage) -> Value) {
    let trip = Trip::api_key(Profile::default());
    let first = trip.stage.issuer.hold(Route::Token);
    let mut sign_in = trip.approved().await;
    first.arrived().await;
    let second = trip.stage.issuer.hold(Route::Token);
    first.release();
    second.arrived().await;
    let theirs = theirs(&trip.stage);
    trip.stage.home.write(&theirs);
    second.release();
    let notices = until_completed(&mut sign_in).await;
    assert!(
        notices[0].starts_with("Could not create an API key"),
        "{notices:?}"
    );
    assert_eq!(trip.stage.home.json(), theirs);
}

/// The credits are being asked for, and will be until the gate opens.
async fn at_the_gate(trip: &Trip) -> (SignIn, Gate) {
    let gate = trip.stage.issuer.hold(Route::RedeemCredits);
    let sign_in = trip.approved().await;
    gate.arrived().await;
    (sign_in, gate)
}

#[tokio::test]
async fn a_cancel_during_the_extras_comes_too_late_and_does_not_wait_for_them() {
    let trip = Trip::credits(Profile::default());
    let (mut sign_in, _gate) = at_the_gate(&trip).await;
    assert_eq!(sign_in.cancel().await, Cancellation::AlreadySaved);
    assert!(until_completed(&mut sign_in).await.is_empty());
    assert!(trip.stage.is_alive());
    sign_in.finish().await;
}

#[tokio::test]
async fn dropping_the_handle_abandons_the_extras_and_keeps_the_tokens() {
    let trip = Trip::credits(Profile::default());
    let (sign_in, gate) = at_the_gate(&trip).await;
    let cancel = sign_in.cancel_handle();
    drop(sign_in);
    assert_eq!(cancel.cancel().await, Cancellation::AlreadySaved);
    drop(gate);
    assert!(trip.stage.is_alive());
    assert_eq!(trip.stage.home.json()["auth_mode"], json!("chatgpt"));
}
