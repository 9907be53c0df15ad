//! What Codex itself sends, which this program has to send or to expect too.

use axum::http::HeaderName;

use crate::account::account_id;
use crate::backend::{ACCOUNTS_CHECK, RESPONSES};
use crate::machine::Machine;
use crate::run::say;

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

#[test]
#[ignore = "needs the Codex CLI"]
fn status_asks_whether_codex_can_use_a_session_as_codex_itself_asks() {
    let (by_codex, by_us) = (Machine::new(), Machine::new());
    by_codex.sign_in("ada");
    by_us.sign_in("ada");
    by_codex.turn().succeeded();
    say(by_us.ours(&["status", "--check"])).succeeded();
    let asked = [by_codex, by_us].map(|machine| {
        let check = machine.openai.asked_for(ACCOUNTS_CHECK).remove(0);
        let has = |name| check.headers.contains_key(name);
        assert_eq!(check.account(), Some("acct-ada"));
        let token = &machine.auth_json()["tokens"]["access_token"];
        assert_eq!(check.bearer(), token.as_str());
        (
            format!("{} {} {}", check.method, check.host, check.query),
            has("user-agent"),
            has("originator"),
        )
    });
    assert_eq!(asked[0], asked[1]);
    assert!(asked[0].1 && !asked[0].2);
}

#[test]
#[ignore = "needs the Codex CLI"]
fn status_says_that_codex_cannot_use_a_session_that_codex_cannot_use() {
    let machine = Machine::new();
    let first = machine.sign_in("ada");
    machine.openai.refuse(&first.access_token);
    machine.openai.issuer.invalidate_sessions();
    let said = say(machine.ours(&["status", "--check", "--json"]));
    assert_eq!(said.code, Some(1), "{said:#?}");
    let status: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(status["alive"], false, "{status}");
    machine.turn().failed("sign in again");
}
