//! `exec` in a codex home that Codex has never used: what it makes stays in one place.

use std::fs;

use crate::machine::Machine;
use crate::screen::Screen;

/// Entries of a slot that are its own. What belongs to a running process is too.
fn is_its_own(name: &str) -> bool {
    name.starts_with("auth.") || name == "exec.lock" || name.starts_with("app-server-")
}

/// What lies in the slot and ought to lie in the codex home.
fn split_off(machine: &Machine, name: &str) -> Vec<String> {
    let entries = fs::read_dir(machine.slot(name)).unwrap().flatten();
    let real = entries.filter(|entry| !entry.file_type().unwrap().is_symlink());
    let names = real.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| !is_its_own(name)).collect()
}

fn holds_turn(machine: &Machine) -> bool {
    let history = machine.codex_home().join("sessions");
    let found = std::process::Command::new("grep")
        .args(["-rqs", "Say who I am."])
        .arg(history)
        .status();
    found.unwrap().success()
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_first_run_as_a_parked_account_leaves_history_and_state_in_the_codex_home() {
    let machine = Machine::new();
    machine.sign_in("ada");
    machine.park("bob");
    let said = machine.turn_as("bob").succeeded();
    assert!(said.stdout.contains("I answer acct-bob."), "{said:#?}");
    assert!(holds_turn(&machine));
    // What it made of its own is moved by the next run.
    machine.turn_as("bob").succeeded();
    machine.turn_as("bob").succeeded();
    let split = split_off(&machine, "bob");
    assert!(split.is_empty(), "{split:?}");
    for name in ["config.toml", "installation_id", "state_5.sqlite"] {
        assert!(machine.codex_home().join(name).is_file(), "{name}");
    }
    machine.turn().succeeded();
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_first_full_screen_as_a_parked_account_leaves_history_and_state_in_the_codex_home() {
    let machine = Machine::new();
    machine.configure("");
    machine.sign_in("ada");
    machine.park("bob");
    for _ in 0..2 {
        let mut screen = Screen::open(&machine, &machine.codex_as("bob", &[]));
        screen.answers_as("bob");
        screen.quit();
        machine.end_daemon(&machine.slot("bob"));
    }
    machine.turn_as("bob").succeeded();
    let split = split_off(&machine, "bob");
    assert!(split.is_empty(), "{split:?}");
    assert!(holds_turn(&machine));
}
