//! Both programs renew one session, and neither undoes what the other one did.

use chrono::TimeDelta;
use codex_onboarding::demo::TokenKind;
use serde_json::{Value, json};

use crate::account::{account_id, auth_json, profile, write};
use crate::machine::Machine;
use crate::openai::Asked;
use crate::run::{say, start};

pub const TOKEN: &str = "/oauth/token";

/// A session that both renew before they use it.
fn expired() -> Machine {
    let machine = Machine::new();
    let issuer = &machine.openai.issuer;
    issuer.set_profile(profile("ada").access_token_lifetime(TimeDelta::hours(-1)));
    let tokens = issuer.issue_tokens();
    issuer.edit_profile(|profile| profile.access_token_lifetime(TimeDelta::days(10)));
    write(&machine.codex_home(), &auth_json(&tokens, "ada"));
    machine
}

pub fn is_renewed(asked: &Asked) -> bool {
    asked.is(TOKEN) && asked.status == 200
}

pub fn is_refused(asked: &Asked) -> bool {
    asked.is(TOKEN) && asked.status != 200 && asked.status != 0
}

/// The access token in the file, which the issuer gave last.
fn stored(machine: &Machine) -> String {
    let token = &machine.auth_json()["tokens"]["access_token"];
    token.as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_renewal_that_codex_began_first_is_taken_over_however_late_its_answer_comes() {
    let machine = expired();
    let held = machine.openai.hold(is_renewed);
    let mut codex = machine.turning();
    machine.openai.waits_for("Codex to renew", is_renewed);
    let ours = start(machine.ours(&["token"]));
    machine.openai.waits_for("a second request", is_refused);
    drop(held);
    let ours = ours.ends().succeeded();
    assert!(codex.wait().unwrap().success());
    assert_eq!(ours.stdout.trim(), stored(&machine));
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_renewal_that_this_program_began_first_is_taken_over_by_codex() {
    let machine = expired();
    let held = machine.openai.hold(is_renewed);
    let ours = start(machine.ours(&["token"]));
    machine.openai.waits_for("our renewal", is_renewed);
    let mut codex = machine.turning();
    machine.openai.waits_for("a second request", is_refused);
    drop(held);
    let ours = ours.ends().succeeded();
    assert!(codex.wait().unwrap().success());
    assert_eq!(ours.stdout.trim(), stored(&machine));
}

/// A session whose person has switched to another workspace in Codex, which leaves the id token.
fn switched() -> Machine {
    let machine = expired();
    let mut file = machine.auth_json();
    let elsewhere = account_id("elsewhere");
    machine.openai.issuer.edit_profile(|profile| {
        profile.auth_claim(TokenKind::Access, "chatgpt_account_id", "acct-elsewhere")
    });
    file["tokens"]["account_id"] = json!(elsewhere);
    write(&machine.codex_home(), &file);
    machine
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_renewal_keeps_the_workspace_that_the_person_has_switched_to_as_codex_does() {
    let (by_codex, by_us) = (switched(), switched());
    by_codex.turn().succeeded();
    say(by_us.ours(&["token", "--force-refresh"])).succeeded();
    by_us.turn().succeeded();
    for machine in [by_codex, by_us] {
        assert_eq!(machine.openai.asked_for(TOKEN).len(), 1);
        assert_eq!(
            machine.auth_json()["tokens"]["account_id"],
            "acct-elsewhere"
        );
        let turns = machine.openai.asked_for(crate::backend::RESPONSES);
        assert!(
            turns
                .iter()
                .all(|one| one.account() == Some("acct-elsewhere"))
        );
    }
}

/// The parameters of the one token request.
fn request(machine: &Machine) -> (String, Value) {
    let asked = machine.openai.asked_for(TOKEN);
    assert_eq!(asked.len(), 1, "{asked:#?}");
    (asked[0].host.clone(), asked[0].json())
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_session_is_renewed_where_and_as_whom_its_provenance_says_as_codex_does() {
    let with_provenance = || {
        let machine = expired();
        let edit = |profile: codex_onboarding::demo::Profile| profile.client_id("app_other");
        machine.openai.issuer.edit_profile(edit);
        let mut file = machine.auth_json();
        file["tokens"]["oauth_provenance"] =
            json!({"issuer": "https://auth.openai.com", "client_id": "app_other"});
        write(&machine.codex_home(), &file);
        machine
    };
    let (by_codex, by_us) = (with_provenance(), with_provenance());
    by_codex.turn().succeeded();
    say(by_us.ours(&["token"])).succeeded();
    for machine in [&by_codex, &by_us] {
        let (host, body) = request(machine);
        println!("{host} {body}");
        assert_eq!(host, "auth.openai.com");
        assert_eq!(body["client_id"], "app_other");
        let kept = &machine.auth_json()["tokens"]["oauth_provenance"];
        assert_eq!(kept["client_id"], "app_other");
    }
}

#[test]
#[ignore = "needs the Codex CLI"]
fn programs_of_one_account_that_start_at_once_use_its_refresh_token_once() {
    let machine = expired();
    let slot = machine.slot("bob");
    machine
        .openai
        .issuer
        .set_profile(profile("bob").access_token_lifetime(TimeDelta::minutes(8)));
    let tokens = machine.openai.issuer.issue_tokens();
    machine
        .openai
        .issuer
        .edit_profile(|profile| profile.access_token_lifetime(TimeDelta::days(10)));
    write(&slot, &auth_json(&tokens, "bob"));
    machine.sign_in("ada");
    let started: Vec<_> = (0..4).map(|_| machine.turning_as("bob")).collect();
    for mut codex in started {
        assert!(codex.wait().unwrap().success());
    }
    assert_eq!(machine.openai.asked_for(TOKEN).len(), 1);
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_storm_of_both_programs_leaves_one_session_that_all_of_them_use() {
    for _ in 0..3 {
        let machine = expired();
        let codex: Vec<_> = (0..4).map(|_| machine.turning()).collect();
        let ours: Vec<_> = (0..4).map(|_| start(machine.ours(&["token"]))).collect();
        for run in ours {
            let said = run.ends().succeeded();
            assert_eq!(said.stdout.trim(), stored(&machine));
        }
        for mut run in codex {
            assert!(run.wait().unwrap().success());
        }
    }
}
