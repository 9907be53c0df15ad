//! `token`: a bearer that is valid now, alone on standard output.

use chrono::TimeDelta;
use codex_onboarding::demo::Profile;

use rustix::process::Signal;

use crate::issuer::{Fault, Route};
use crate::program::{Exited, Run, run};
use crate::stage::{Stage, await_request};

#[test]
fn a_valid_token_is_printed_without_a_request() {
    let stage = Stage::new();
    let tokens = stage.sign_in();
    let ended = run(&stage, &["token"]).succeeded();
    assert_eq!(ended.stdout, format!("{}\n", tokens.access_token));
    assert_eq!(ended.stderr, "");
    assert!(stage.issuer.requests().is_empty());
}

#[test]
fn a_token_that_expires_soon_is_refreshed_first_and_saved() {
    let stage = Stage::with(Profile::default().access_token_lifetime(TimeDelta::minutes(4)));
    let old = stage.sign_in();
    stage
        .issuer
        .edit_profile(|profile| profile.access_token_lifetime(TimeDelta::days(10)));
    let ended = run(&stage, &["token"]).succeeded();
    let file = stage.auth_json();
    assert_eq!(ended.stdout.trim_end(), file["tokens"]["access_token"]);
    assert_ne!(ended.stdout.trim_end(), old.access_token);
    assert_eq!(stage.issuer.count(Route::Token), 1);
    // It is good for a while now.
    assert_eq!(run(&stage, &["token"]).succeeded().stdout, ended.stdout);
    assert_eq!(stage.issuer.count(Route::Token), 1);
}

#[test]
fn force_refresh_replaces_a_token_that_looks_valid() {
    let stage = Stage::new();
    let old = stage.sign_in();
    let ended = run(&stage, &["token", "--force-refresh"]).succeeded();
    assert_ne!(ended.stdout.trim_end(), old.access_token);
    assert_eq!(
        ended.stdout.trim_end(),
        stage.auth_json()["tokens"]["access_token"]
    );
    assert!(!stage.issuer.accepts_refresh_token(&old.refresh_token));
}

#[test]
fn an_api_key_is_its_own_bearer() {
    let stage = Stage::new();
    // The default issuer's: no other one is told of the environment's key.
    let with_key = |words: &[&str]| {
        let run = Run::bare(words).variable("CODEX_HOME", stage.codex_home());
        run.variable("OPENAI_API_KEY", " sk-environment ")
    };
    assert_eq!(
        with_key(&["token"]).ends().succeeded().stdout,
        "sk-environment\n"
    );
    stage.write_auth_file(r#"{"OPENAI_API_KEY":"sk-file"}"#);
    for words in [&["token"][..], &["token", "--force-refresh"]] {
        assert_eq!(with_key(words).ends().succeeded().stdout, "sk-file\n");
    }
    assert!(stage.issuer.requests().is_empty());
}

#[test]
fn signed_out_there_is_nothing_to_print() {
    let stage = Stage::new();
    for words in [&["token"][..], &["token", "--force-refresh"]] {
        let ended = run(&stage, words).failed(1, "Not logged in");
        ended.says("codex-onboarding login");
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn another_issuers_session_is_refreshed_with_its_own_issuer() {
    let (stage, other) = (Stage::new(), Stage::new());
    stage.sign_in();
    let home = stage.codex_home().display().to_string();
    let words = ["token", "--force-refresh", "--codex-home", &home];
    let issuer = ["--issuer", other.issuer.url()];
    let ended = Run::bare(&[&words[..], &issuer].concat()).ends();
    let ended = ended.failed(2, "belongs to another issuer");
    let next = format!(
        "next: Use --issuer {}, or sign in again: codex-onboarding login --issuer {} --codex-home \
         {home}\n",
        stage.issuer.url(),
        other.issuer.url()
    );
    ended.says(&next);
    assert!(other.issuer.requests().is_empty());
}

#[test]
fn a_session_that_has_ended_says_to_sign_in_again_and_keeps_the_file() {
    let endings: [fn(&Stage); 3] = [
        |stage| stage.issuer.expire_sessions(),
        |stage| stage.issuer.invalidate_sessions(),
        |stage| {
            let body = r#"{"error":{"code":"refresh_token_reused","message":"x"}}"#;
            stage
                .issuer
                .fault(Route::Token, Fault::Status(401, body.to_owned()));
        },
    ];
    for end in endings {
        let stage = Stage::new();
        stage.sign_in();
        let before = stage.auth_json();
        end(&stage);
        let ended = run(&stage, &["token", "--force-refresh"]).failed(1, "sign in again");
        assert_eq!(ended.stdout, "");
        assert_eq!(stage.auth_json(), before);
        // The next command says the same, and does not send the dead token again.
        let again = run(&stage, &["token", "--force-refresh"]).failed(1, "sign in again");
        let sentence = |ended: &Exited| ended.stderr.lines().next().unwrap().to_owned();
        assert_eq!(sentence(&again), sentence(&ended));
        assert_eq!(stage.issuer.count(Route::Token), 1);
        stage.sign_in();
        run(&stage, &["token", "--force-refresh"]).succeeded();
    }
}

#[test]
fn an_issuer_that_cannot_be_reached_costs_nothing_while_the_token_is_valid() {
    let stage = Stage::with(Profile::default().access_token_lifetime(TimeDelta::minutes(4)));
    let tokens = stage.sign_in();
    stage.issuer.fault_always(Route::Token, Fault::Reset);
    let ended = run(&stage, &["token"]).succeeded();
    assert_eq!(ended.stdout.trim_end(), tokens.access_token);
    let ended = run(&stage, &["token", "--force-refresh"]).failed(1, "because: ");
    assert_eq!(ended.stdout, "");
    assert_eq!(
        stage.auth_json()["tokens"]["refresh_token"],
        tokens.refresh_token
    );
}

#[test]
fn a_signal_waits_for_the_token_that_is_just_arriving() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let stage = Stage::new();
        stage.sign_in();
        let gate = stage.issuer.hold(Route::Token);
        let token = Run::new(&stage, &["token", "--force-refresh"]).starts();
        await_request(&gate);
        token.signal(signal);
        gate.release();
        assert_eq!(token.ended().code(), code);
        let file = stage.auth_json();
        let refresh_token = file["tokens"]["refresh_token"].as_str().unwrap();
        assert!(stage.issuer.accepts_refresh_token(refresh_token));
    }
}
