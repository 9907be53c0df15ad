//! Many processes at once: no grant is lost, none is there twice, none is used twice.

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::TimeDelta;
use serde_json::Value;

use super::{auth_json, names, profile, refresh_token, with_accounts};
use crate::issuer::Route;
use crate::program::{Run, run};
use crate::stage::Stage;

const PEOPLE: [&str; 4] = ["ada", "bob", "cid", "dan"];

fn files(stage: &Stage) -> Vec<PathBuf> {
    let slots = std::fs::read_dir(stage.codex_home().join("accounts")).unwrap();
    let slots = slots.map(|entry| entry.unwrap().path().join("auth.json"));
    let files = std::iter::once(stage.auth_file()).chain(slots);
    files.filter(|file| file.exists()).collect()
}

/// Every grant is in one file, and is the one that the issuer takes next.
fn assert_all_alive(stage: &Stage, count: usize) {
    let tokens: Vec<_> = files(stage).iter().map(|it| refresh_token(it)).collect();
    assert_eq!(tokens.len(), count);
    assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), count);
    for token in tokens {
        assert!(stage.issuer.accepts_refresh_token(&token));
    }
    assert_eq!(names(stage).len(), count);
}

#[test]
fn twenty_that_switch_at_random_beside_twenty_tokens_lose_nothing() {
    let stage = with_accounts(&PEOPLE);
    std::thread::scope(|scope| {
        for number in 0..20_usize {
            let stage = &stage;
            scope.spawn(move || {
                for round in 0..3 {
                    // Any order will do, as long as no two have the same.
                    let name = PEOPLE[(number * 7 + round * 5 + number / 4) % PEOPLE.len()];
                    let words = ["accounts", "use", name];
                    Run::new(stage, &words).ends().succeeded();
                }
            });
            scope.spawn(move || {
                let name = PEOPLE[number % PEOPLE.len()];
                let words = ["token", "--force-refresh", "--account", name];
                Run::new(stage, &words).ends().succeeded();
            });
        }
    });
    assert!(stage.issuer.count(Route::Token) >= PEOPLE.len());
    assert_all_alive(&stage, PEOPLE.len());
}

#[test]
fn from_one_to_the_other_and_back_twenty_times_with_refreshes_in_between() {
    let stage = with_accounts(&["ada", "bob"]);
    for round in 0..20 {
        for name in ["bob", "ada"] {
            run(&stage, &["accounts", "use", name]).succeeded();
            let token = run(&stage, &["token", "--force-refresh"]).succeeded();
            assert!(!token.stdout.is_empty(), "{round}");
        }
    }
    assert_eq!(stage.issuer.count(Route::Token), 40);
    assert_all_alive(&stage, 2);
}

#[test]
fn a_token_is_of_the_account_that_was_asked_for_wherever_that_is_meanwhile() {
    let stage = with_accounts(&["ada", "bob"]);
    // Bob's is due, and the issuer takes its time.
    stage
        .issuer
        .set_profile(profile("bob").access_token_lifetime(-TimeDelta::hours(1)));
    let file = stage.codex_home().join("accounts/bob/auth.json");
    std::fs::write(&file, due(&stage).to_string()).unwrap();
    stage
        .issuer
        .edit_profile(|profile| profile.access_token_lifetime(TimeDelta::days(1)));
    let gate = stage.issuer.hold(Route::Token);
    let asking = Run::new(&stage, &["token", "--account", "bob"]).starts();
    crate::stage::await_request(&gate);
    let switching = Run::new(&stage, &["accounts", "use", "bob"]).starts();
    switching.stderr.hears("accounts/bob/auth.lock");
    gate.release();
    let token = asking.ended().succeeded().stdout;
    switching.ended().succeeded();
    assert_eq!(
        stage.auth_json()["tokens"]["access_token"],
        token.trim_end()
    );
    assert_all_alive(&stage, 2);
}

/// The issuer's profile as it is now.
fn due(stage: &Stage) -> Value {
    let tokens = stage.issuer.issue_tokens();
    let mut file = auth_json(stage, "bob");
    for (name, token) in [
        ("id_token", tokens.id_token),
        ("access_token", tokens.access_token),
        ("refresh_token", tokens.refresh_token),
    ] {
        file["tokens"][name] = token.into();
    }
    file
}
