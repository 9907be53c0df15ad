//! The settings of a whole machine, in `/etc/codex`: a sign-in saves nothing that Codex then
//! does not use, or deletes.

use crate::machine::Machine;
use crate::run::{Said, say, start};

const FORCED: [&str; 5] = [
    "forced_login_method = \"api\"",
    "forced_login_method = \"chatgpt\"",
    "forced_chatgpt_workspace_id = \"acct-else\"",
    "forced_chatgpt_workspace_id = [\"acct-else\", \"acct-ada\"]",
    "cli_auth_credentials_store = \"ephemeral\"",
];
const REQUIRED: [&str; 8] = [
    "allowed_login_methods = [\"api\"]",
    "allowed_login_methods = [\"chatgpt\"]",
    "allowed_login_methods = [\"api\", \"chatgpt\"]",
    "allowed_chatgpt_workspaces = [\"acct-else\"]",
    "allowed_chatgpt_workspaces = [\"acct-else\", \"acct-ada\"]",
    "allowed_chatgpt_workspaces = []",
    "cli_auth_credentials_store = \"file\"",
    "cli_auth_credentials_store = \"ephemeral\"",
];

fn key(machine: &Machine) -> Said {
    let mut login = start(machine.ours(&["login", "--with-api-key"]));
    login.types("sk-ada-1234567890\n");
    login.ends()
}

fn chatgpt(machine: &Machine) -> Said {
    machine.signs_in(&["login"], "ada")
}

/// Whether Codex uses what was stored by [`key`] or [`chatgpt`] on a machine without settings.
fn codex_takes(machine: &Machine, stored: &str) -> bool {
    let file = machine.codex_home().join("auth.json");
    std::fs::write(&file, stored).unwrap();
    let taken = say(machine.codex(&["login", "status"])).code == Some(0);
    let _ = std::fs::remove_file(file);
    taken
}

/// Compares for this file of the machine.
fn agrees(file: &str, settings: &[&str]) {
    let mut wrong = Vec::new();
    for sign_in in [key, chatgpt] {
        let free = Machine::new();
        sign_in(&free).succeeded();
        let stored = free.auth_json().to_string();
        for setting in settings {
            let machine = Machine::new().with_machine_wide(file, setting);
            let taken = codex_takes(&machine, &stored);
            let said = sign_in(&machine);
            let saved = said.code == Some(0);
            // The issuer is asked for the workspace that is left; it gave another one.
            let named = said.stderr.contains(&format!("/etc/codex/{file}"))
                || said.stderr.contains("&allowed_workspace_id=");
            if saved != taken || !(taken || named) {
                wrong.push(format!("{setting}: Codex takes it: {taken}; {said:#?}"));
            }
            let codex = say(machine.codex(&["login", "status"]));
            if saved && codex.code != Some(0) {
                wrong.push(format!("{setting}: saved, and then {}", codex.stderr));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_sign_in_that_the_machines_config_forbids_is_refused_and_every_other_is_taken() {
    agrees("config.toml", &FORCED);
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_sign_in_that_the_managed_config_forbids_is_refused_and_every_other_is_taken() {
    agrees("managed_config.toml", &FORCED);
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_sign_in_that_the_requirements_forbid_is_refused_and_every_other_is_taken() {
    agrees("requirements.toml", &REQUIRED);
}

/// A person's own setting, the machine's, and whether the machine's wins.
#[test]
#[ignore = "needs the Codex CLI"]
fn a_persons_own_config_outranks_the_machines_and_the_managed_one_outranks_both() {
    for file in ["config.toml", "managed_config.toml"] {
        let machine = Machine::new().with_machine_wide(file, FORCED[0]);
        machine.configure(FORCED[1]);
        let taken = codex_takes(&machine, "{\"OPENAI_API_KEY\": \"sk-ada-1234567890\"}");
        assert_eq!(taken, file == "managed_config.toml");
        assert_eq!(key(&machine).code == Some(0), taken, "{file}");
    }
}

#[test]
#[ignore = "needs the Codex CLI"]
fn the_link_asks_for_the_workspaces_that_the_machine_allows() {
    for (file, setting) in [
        ("config.toml", "forced_chatgpt_workspace_id = \"acct-ada\""),
        (
            "managed_config.toml",
            "forced_chatgpt_workspace_id = \"acct-ada\"",
        ),
        (
            "requirements.toml",
            "allowed_chatgpt_workspaces = [\"acct-ada\"]",
        ),
    ] {
        let machine = Machine::new().with_machine_wide(file, setting);
        let said = chatgpt(&machine).succeeded();
        let asked = said.stderr.contains("&allowed_workspace_id=acct-ada\n");
        assert!(asked, "{file}: {said:#?}");
    }
}
