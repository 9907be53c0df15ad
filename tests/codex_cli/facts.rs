//! What Codex itself sends, which this program has to send or to expect too.

use axum::http::HeaderName;
use chrono::TimeDelta;
use serde_json::json;

use crate::account::{account_id, auth_json, profile, write};
use crate::backend::{ACCOUNTS_CHECK, RESPONSES};
use crate::machine::Machine;
use crate::run::say;
use crate::screen::Screen;

#[test]
#[ignore = "needs the Codex CLI"]
fn codex_asks_for_the_workspaces_before_anything_else_of_a_turn() {
    let machine = Machine::new();
    let tokens = machine.sign_in("ada");
    machine.turn().succeeded();
    let asked = machine.openai.asked();
    let turn = asked.iter().position(|one| one.is(RESPONSES)).unwrap();
    let check = asked.iter().position(|one| one.is(ACCOUNTS_CHECK));
    let check = &asked[check.unwrap()];
    assert!(asked[..turn].iter().any(|one| one.is(ACCOUNTS_CHECK)));
    assert_eq!(
        (check.host.as_str(), check.method.as_str()),
        ("chatgpt.com", "GET")
    );
    assert_eq!(check.query, "");
    assert_eq!(check.bearer(), Some(tokens.access_token.as_str()));
    assert_eq!(check.account(), Some(account_id("ada").as_str()));
    // No originator, unlike all others. Codex 0.169 names no accept-encoding.
    let names = check.headers.keys().map(HeaderName::as_str);
    let names: Vec<&str> = names.filter(|name| *name != "accept-encoding").collect();
    let expected = [
        "user-agent",
        "authorization",
        "chatgpt-account-id",
        "accept",
        "host",
    ];
    assert_eq!(names, expected);
    let agent = check.header("user-agent").unwrap();
    assert!(agent.starts_with("codex_exec/"), "{agent}");
}

/// A session that can be used and not be renewed: what one program may give to another.
fn lend(machine: &Machine) -> String {
    lend_for(machine, TimeDelta::days(10))
}

fn lend_for(machine: &Machine, time: TimeDelta) -> String {
    let profile = profile("ada").access_token_lifetime(time);
    machine.openai.issuer.set_profile(profile);
    let tokens = machine.openai.issuer.issue_tokens();
    let mut file = auth_json(&tokens, "ada");
    file["auth_mode"] = json!("chatgptAuthTokens");
    file["tokens"]["refresh_token"] = json!("");
    write(&machine.codex_home(), &file);
    tokens.access_token
}

#[test]
#[ignore = "needs the Codex CLI"]
fn codex_uses_a_lent_session_and_renews_it_nowhere_even_when_it_has_expired() {
    for time in [TimeDelta::days(10), TimeDelta::hours(-1)] {
        let machine = Machine::new();
        let token = lend_for(&machine, time);
        let before = machine.auth_json();
        let said = machine.turn().succeeded();
        assert!(said.stdout.contains("I answer acct-ada."), "{said:#?}");
        let asked = machine.openai.asked();
        assert!(asked.iter().all(|one| one.bearer() == Some(&token)));
        assert_eq!(machine.auth_json(), before);
        let status = say(machine.codex(&["login", "status"])).succeeded();
        assert!(status.all().contains("Logged in using ChatGPT"));
    }
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_running_codex_whose_lent_session_is_refused_reads_the_file_again() {
    let machine = Machine::new();
    let first = lend(&machine);
    machine.openai.refuse(&first);
    let held = machine.openai.hold(|asked| asked.status == 401);
    let mut turn = machine.turning();
    machine
        .openai
        .waits_for("a refused request", |asked| asked.status == 401);
    let second = lend(&machine);
    drop(held);
    assert!(turn.wait().unwrap().success());
    let asked = machine.openai.asked_for(RESPONSES);
    assert!(asked.iter().all(|one| one.bearer() == Some(&second)));
    assert!(machine.openai.asked_for("/oauth/token").is_empty());
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_running_full_screen_goes_on_with_the_next_session_that_it_is_lent() {
    let machine = Machine::new();
    machine.configure("");
    let first = lend(&machine);
    let mut screen = Screen::open(&machine, &machine.codex(&[]));
    screen.answers_as("ada");
    machine.openai.refuse(&first);
    let second = lend(&machine);
    screen.answers_as("ada");
    let turns = machine.openai.asked_for(RESPONSES);
    let answered = turns.iter().filter(|one| one.status == 200);
    let mut bearers: Vec<_> = answered.map(|one| one.bearer().unwrap()).collect();
    // A turn may be more than one request.
    bearers.dedup();
    assert!(bearers == [first, second], "{} sessions", bearers.len());
    assert!(machine.openai.asked_for("/oauth/token").is_empty());
    screen.quit();
}
