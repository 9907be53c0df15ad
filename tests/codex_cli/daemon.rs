//! Codex leaves a daemon running, which keeps the session that it has read.

use std::process::Command;

use crate::machine::Machine;
use crate::patience::wait_until;
use crate::run::{Said, say};
use crate::screen::Screen;

/// A machine with an account that is used and one that is parked.
fn with_two_accounts() -> Machine {
    let machine = Machine::new();
    machine.configure("");
    machine.sign_in("ada");
    machine.park("bob");
    machine
}

/// Opens Codex's full screen, has it ask as this account, and quits it. Its daemon goes on.
#[track_caller]
fn visit(machine: &Machine, command: &Command, name: &str) {
    let mut screen = Screen::open(machine, command);
    screen.answers_as(name);
    screen.quit();
    assert!(!daemons(machine).is_empty());
}

/// The daemons that hold a session, and not what keeps them up to date.
fn daemons(machine: &Machine) -> Vec<i32> {
    let mut processes = machine.processes();
    processes.retain(|(_, words)| words.contains(" app-server --listen "));
    processes.into_iter().map(|(pid, _)| pid).collect()
}

/// The one daemon.
fn daemon(machine: &Machine) -> i32 {
    let found = daemons(machine);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]
}

/// Takes the command that ends the daemon from what was said, and runs it as a person would.
#[track_caller]
fn do_as_told(machine: &Machine, said: &Said) {
    let mut lines = said.stderr.lines();
    let line = lines.find(|line| line.contains("app-server daemon stop"));
    let line = line.unwrap_or_else(|| panic!("no command in {said:#?}"));
    // The codex home may be named before it.
    let start = line
        .find("CODEX_HOME=")
        .or_else(|| line.find("codex app-server"));
    let told = &line[start.unwrap()..];
    let end = "app-server daemon stop";
    let told = &told[..told.find(end).unwrap() + end.len()];
    say(machine.shell(told)).succeeded();
}

#[test]
#[ignore = "needs the Codex CLI"]
fn the_full_screen_runs_as_a_parked_account_beside_the_active_one() {
    let machine = with_two_accounts();
    let mut active = Screen::open(&machine, &machine.codex(&[]));
    active.answers_as("ada");
    let mut parked = Screen::open(&machine, &machine.codex_as("bob", &[]));
    parked.answers_as("bob");
    parked.quit();
    active.quit();
    // And again, when both have left their daemons.
    visit(&machine, &machine.codex_as("bob", &[]), "bob");
    visit(&machine, &machine.codex(&[]), "ada");
}

/// Codex has quit; its daemon may be ended.
#[track_caller]
fn can_be_used_again(codex_as_bob: fn(&Machine) -> Command) {
    let machine = with_two_accounts();
    visit(&machine, &codex_as_bob(&machine), "bob");
    let pid = daemon(&machine);
    let refused = say(machine.ours(&["accounts", "use", "bob"])).failed("app-server daemon stop");
    assert!(refused.stderr.contains(&pid.to_string()), "{refused:#?}");
    say(machine.ours(&["accounts", "use", "bob", "--yes"])).succeeded();
    assert!(daemons(&machine).is_empty());
    assert_eq!(machine.auth_json()["tokens"]["account_id"], "acct-bob");
    visit(&machine, &machine.codex(&[]), "bob");
}

#[test]
#[ignore = "needs the Codex CLI"]
fn an_account_can_be_used_after_codex_has_quit_when_its_daemon_may_be_ended() {
    can_be_used_again(|machine| machine.codex_as("bob", &[]));
}

#[test]
#[ignore = "needs the Codex CLI"]
fn an_account_can_be_used_after_a_codex_that_passes_the_lock_on_has_quit() {
    can_be_used_again(|machine| machine.bare_codex_as("bob"));
}

#[test]
#[ignore = "needs the Codex CLI"]
fn what_keeps_codex_up_to_date_does_not_keep_an_account_from_being_used() {
    let machine = with_two_accounts();
    visit(&machine, &machine.bare_codex_as("bob"), "bob");
    let refused = say(machine.ours(&["accounts", "use", "bob"])).failed("app-server daemon stop");
    do_as_told(&machine, &refused);
    let updater = |machine: &Machine| {
        let mut processes = machine.processes().into_iter();
        processes.any(|(_, words)| words.contains("pid-update-loop"))
    };
    assert!(updater(&machine));
    say(machine.ours(&["accounts", "use", "bob"])).succeeded();
    assert!(updater(&machine));
}

#[test]
#[ignore = "needs the Codex CLI"]
fn an_account_whose_daemon_may_be_ended_can_be_removed() {
    let machine = with_two_accounts();
    visit(&machine, &machine.codex_as("bob", &[]), "bob");
    say(machine.ours(&["accounts", "remove", "bob"])).failed("app-server daemon stop");
    say(machine.ours(&["accounts", "remove", "bob", "--yes"])).succeeded();
    assert!(daemons(&machine).is_empty());
    assert!(!machine.slot("bob").join("auth.json").exists());
}

#[test]
#[ignore = "needs the Codex CLI"]
fn who_does_what_is_said_after_a_change_of_accounts_sees_the_new_one_in_the_next_codex() {
    let machine = with_two_accounts();
    visit(&machine, &machine.codex(&[]), "ada");
    let pid = daemon(&machine).to_string();
    let said = say(machine.ours(&["accounts", "use", "bob"])).succeeded();
    assert!(said.stderr.contains(&pid), "{said:#?}");
    do_as_told(&machine, &said);
    visit(&machine, &machine.codex(&[]), "bob");
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_change_of_accounts_reaches_the_next_codex_when_the_daemon_may_be_ended() {
    let machine = with_two_accounts();
    visit(&machine, &machine.codex(&[]), "ada");
    say(machine.ours(&["accounts", "use", "bob", "--yes"])).succeeded();
    assert!(daemons(&machine).is_empty());
    visit(&machine, &machine.codex(&[]), "bob");
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_change_of_accounts_ends_the_daemons_of_both() {
    let machine = with_two_accounts();
    visit(&machine, &machine.codex(&[]), "ada");
    visit(&machine, &machine.codex_as("bob", &[]), "bob");
    assert_eq!(daemons(&machine).len(), 2);
    say(machine.ours(&["accounts", "use", "bob", "--yes"])).succeeded();
    assert!(daemons(&machine).is_empty());
    visit(&machine, &machine.codex(&[]), "bob");
    visit(&machine, &machine.codex_as("ada", &[]), "ada");
    say(machine.ours(&["logout", "--all", "--yes"])).succeeded();
    assert!(daemons(&machine).is_empty());
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_sign_in_names_the_running_codex_and_reaches_the_next_one() {
    let machine = with_two_accounts();
    visit(&machine, &machine.codex(&[]), "ada");
    let pid = daemon(&machine);
    let said = machine.signs_in(&["login", "--json"], "cid").succeeded();
    assert_eq!(running_codex(&said), [pid]);
    do_as_told(&machine, &said);
    visit(&machine, &machine.codex(&[]), "cid");
    let said = machine.signs_in(&["login", "--json", "--yes"], "dan");
    said.succeeded();
    visit(&machine, &machine.codex(&[]), "dan");
}

/// The programs that the last event names.
fn running_codex(said: &Said) -> Vec<i32> {
    let last = said.stdout.lines().last().unwrap();
    let event: serde_json::Value = serde_json::from_str(last).unwrap();
    let pids = event["running_codex"].as_array();
    let pids = pids.unwrap_or_else(|| panic!("{event}")).iter();
    pids.map(|pid| i32::try_from(pid.as_i64().unwrap()).unwrap())
        .collect()
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_sign_out_names_the_running_codex_and_reaches_the_next_one() {
    let machine = with_two_accounts();
    visit(&machine, &machine.codex(&[]), "ada");
    let pid = daemon(&machine).to_string();
    let said = say(machine.ours(&["logout"])).succeeded();
    assert!(said.stderr.contains(&pid), "{said:#?}");
    do_as_told(&machine, &said);
    let next = machine.in_terminal(&machine.codex(&[]));
    next.sees("Sign in with ChatGPT");
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_sign_out_ends_the_daemon_when_it_may() {
    let machine = with_two_accounts();
    visit(&machine, &machine.codex(&[]), "ada");
    say(machine.ours(&["logout", "--yes"])).succeeded();
    wait_until("the daemon's end", || daemons(&machine).is_empty());
    let next = machine.in_terminal(&machine.codex(&[]));
    next.sees("Sign in with ChatGPT");
}
