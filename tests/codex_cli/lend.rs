//! Sessions that can be used and not be renewed: what `lend` gives away, in Codex's hands.

use std::path::PathBuf;
use std::process::Command;

use chrono::TimeDelta;
use serde_json::json;

use crate::account::{auth_json, profile, read, write};
use crate::backend::RESPONSES;
use crate::machine::{Machine, TURN};
use crate::patience::wait_until;
use crate::refresh::TOKEN;
use crate::run::{say, start};
use crate::screen::Screen;

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
    assert!(machine.openai.asked_for(TOKEN).is_empty());
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
    assert!(machine.openai.asked_for(TOKEN).is_empty());
    screen.quit();
}

/// The codex home of a container.
fn container(machine: &Machine) -> PathBuf {
    machine.home().join("container")
}

/// Codex with these words, in the container.
fn codex_there(machine: &Machine, words: &[&str]) -> Command {
    let mut command = machine.codex(words);
    command.env("CODEX_HOME", container(machine));
    command
}

/// Waits until the container is lent another session than this, and returns that.
fn next_session(machine: &Machine, last: &str) -> String {
    let lent = || {
        let file = read(&container(machine));
        file["tokens"]["access_token"].as_str().unwrap().to_owned()
    };
    wait_until("the next session", || lent() != last);
    lent()
}

#[test]
#[ignore = "needs the Codex CLI"]
fn codex_uses_what_is_lent_while_the_owner_renews() {
    let machine = Machine::new();
    let first = machine.sign_in("ada").access_token;
    let folder = container(&machine).display().to_string();
    say(machine.ours(&["lend", "--to", &folder])).succeeded();
    say(machine.ours(&["token", "--force-refresh"])).succeeded();
    let said = say(codex_there(&machine, &TURN)).succeeded();
    assert!(said.stdout.contains("I answer acct-ada."), "{said:#?}");
    let turns = machine.openai.asked_for(RESPONSES);
    assert!(turns.iter().all(|one| one.bearer() == Some(&first)));
    assert_eq!(machine.openai.asked_for(TOKEN).len(), 1);
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_running_codex_goes_on_when_the_watcher_has_lent_it_the_next_session() {
    let machine = Machine::new();
    machine.configure("");
    let first = machine.sign_in("ada").access_token;
    let folder = container(&machine).display().to_string();
    let watcher = start(machine.ours(&["lend", "--to", &folder, "--watch"]));
    wait_until("a session", || {
        container(&machine).join("auth.json").exists()
    });
    let config = machine.codex_home().join("config.toml");
    std::fs::copy(config, container(&machine).join("config.toml")).unwrap();
    let mut screen = Screen::open(&machine, &codex_there(&machine, &[]));
    screen.answers_as("ada");
    machine.openai.refuse(&first);
    say(machine.ours(&["token", "--force-refresh"])).succeeded();
    let second = next_session(&machine, &first);
    screen.answers_as("ada");
    let turns = machine.openai.asked_for(RESPONSES);
    assert_eq!(turns.last().unwrap().bearer(), Some(second.as_str()));
    screen.quit();
    watcher.interrupt();
    watcher.ends();
}
