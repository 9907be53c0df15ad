//! The same races with the session in the system's keyring.

use chrono::TimeDelta;

use crate::account::profile;
use crate::machine::Machine;
use crate::refresh::{TOKEN, is_refused, is_renewed};
use crate::run::{say, start};
use crate::session_bus::Desktop;

/// A session in the keyring that both programs renew before they use it, and the desktop.
fn expired() -> (Machine, Desktop) {
    let desktop = Desktop::new("keyring");
    let machine = Machine::new().with("DBUS_SESSION_BUS_ADDRESS", &desktop.address);
    machine.configure("cli_auth_credentials_store = \"keyring\"");
    let expired = profile("ada").access_token_lifetime(TimeDelta::hours(-1));
    machine.signs_in_as(&["login"], expired).succeeded();
    let issuer = &machine.openai.issuer;
    issuer.edit_profile(|profile| profile.access_token_lifetime(TimeDelta::days(10)));
    machine.openai.forget();
    assert!(!machine.codex_home().join("auth.json").exists());
    (machine, desktop)
}

#[test]
#[ignore = "needs gnome-keyring and the Codex CLI"]
fn a_renewal_that_codex_began_first_is_taken_over_from_the_keyring() {
    let (machine, _desktop) = expired();
    let held = machine.openai.hold(is_renewed);
    let mut codex = machine.turning();
    machine.openai.waits_for("Codex to renew", is_renewed);
    let ours = start(machine.ours(&["token"]));
    machine.openai.waits_for("a second request", is_refused);
    drop(held);
    let ours = ours.ends().succeeded();
    assert!(codex.wait().unwrap().success());
    let stored = say(machine.ours(&["token"])).succeeded();
    assert_eq!(ours.stdout, stored.stdout);
    assert_eq!(machine.openai.asked_for(TOKEN).len(), 2);
}

#[test]
#[ignore = "needs gnome-keyring and the Codex CLI"]
fn a_renewal_that_this_program_began_first_is_taken_over_by_codex_from_the_keyring() {
    let (machine, _desktop) = expired();
    let held = machine.openai.hold(is_renewed);
    let ours = start(machine.ours(&["token"]));
    machine.openai.waits_for("our renewal", is_renewed);
    let mut codex = machine.turning();
    machine.openai.waits_for("a second request", is_refused);
    drop(held);
    let ours = ours.ends().succeeded();
    assert!(codex.wait().unwrap().success());
    let stored = say(machine.ours(&["token"])).succeeded();
    assert_eq!(ours.stdout, stored.stdout);
}
