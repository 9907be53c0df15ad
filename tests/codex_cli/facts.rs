//! What Codex itself sends, which this program has to send or to expect too.

use axum::http::HeaderName;

use crate::account::account_id;
use crate::backend::{ACCOUNTS_CHECK, RESPONSES};
use crate::machine::Machine;

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
