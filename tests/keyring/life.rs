//! What works as it does with the file.

use chrono::{TimeDelta, Utc};
use codex_onboarding::demo::Profile;
use serde_json::{Value, json};

use crate::issuer::Route;
use crate::session_bus::Desktop;
use crate::stage::auth_json;

/// A session whose access token is due.
fn due(desktop: &Desktop) -> Value {
    let tokens = desktop.stage.issuer.issue_tokens();
    let long_ago = (Utc::now() - TimeDelta::days(30)).to_rfc3339();
    auth_json(&tokens, &long_ago)
}

#[test]
#[ignore = "needs gnome-keyring"]
fn from_login_to_logout_everything_is_in_one_entry() {
    let desktop = Desktop::new("keyring");
    for key in ["sk-first", "sk-second"] {
        let login = desktop.run(&["login", "--with-api-key"]);
        login.takes(format!("{key}\n").as_bytes()).succeeded();
        let expected = format!(r#"{{"auth_mode":"apikey","OPENAI_API_KEY":"{key}"}}"#);
        assert_eq!(desktop.entry(), expected, "updated, never a second one");
        assert!(!desktop.stage.auth_file().exists());
    }
    let entries = desktop.entries();
    for attribute in [
        "application = rust-keyring",
        "service = Codex Auth",
        "target = default",
    ] {
        assert!(
            entries.contains(&format!("attribute.{attribute}")),
            "{entries}"
        );
    }
    let status = desktop.run(&["status", "--json"]).ends().succeeded().json();
    assert_eq!(status["source"], "keyring");
    assert_eq!(status["path"], Value::Null);
    let said = desktop.run(&["status"]).ends().succeeded().stdout;
    assert!(said.contains("the system's keyring"), "{said}");
    let token = desktop.run(&["token"]).ends().succeeded();
    assert_eq!(token.stdout, "sk-second\n");
    desktop.run(&["logout"]).ends().succeeded();
    assert!(!desktop.entries().contains("secret"));
    desktop.run(&["status"]).ends().failed(1, "");
}

#[test]
#[ignore = "needs gnome-keyring"]
fn a_sign_in_with_chatgpt_and_its_refresh() {
    let desktop = Desktop::new("keyring");
    let mut login = desktop.run(&["login"]).listening().starts();
    let callback = desktop.stage.approve(&login.link());
    login.types(format!("{callback}\n"));
    login.ended().succeeded();
    assert!(!desktop.stage.auth_file().exists());
    let before: Value = serde_json::from_str(&desktop.entry()).unwrap();
    desktop
        .run(&["token", "--force-refresh"])
        .ends()
        .succeeded();
    let after: Value = serde_json::from_str(&desktop.entry()).unwrap();
    assert_ne!(
        before["tokens"]["refresh_token"],
        after["tokens"]["refresh_token"]
    );
    let token = after["tokens"]["refresh_token"].as_str().unwrap();
    assert!(desktop.stage.issuer.accepts_refresh_token(token));
    desktop.run(&["logout"]).ends().succeeded();
    assert!(!desktop.stage.issuer.accepts_refresh_token(token));
}

#[test]
#[ignore = "needs gnome-keyring"]
fn twenty_processes_make_one_refresh() {
    let desktop = Desktop::new("keyring");
    desktop.store(&due(&desktop));
    let running: Vec<_> = (0..20).map(|_| desktop.run(&["token"]).starts()).collect();
    let mut bearers: Vec<_> = running
        .into_iter()
        .map(|one| one.ended().succeeded().stdout)
        .collect();
    bearers.dedup();
    assert_eq!(bearers.len(), 1);
    assert_eq!(desktop.stage.issuer.count(Route::Token), 1);
}

#[test]
#[ignore = "needs gnome-keyring"]
fn moving_leaves_no_old_copy_behind() {
    let desktop = Desktop::new("file");
    let login = |key: &str| {
        let login = desktop.run(&["login", "--with-api-key"]);
        login.takes(format!("{key}\n").as_bytes()).succeeded()
    };
    login("sk-file");
    assert!(desktop.stage.auth_file().exists());
    desktop.set("keyring");
    login("sk-keyring");
    assert!(!desktop.stage.auth_file().exists());
    assert!(desktop.entry().contains("sk-keyring"));
    desktop.set("file");
    login("sk-file-again");
    assert!(desktop.stage.auth_file().exists());
    assert!(!desktop.entries().contains("secret"));
}

#[test]
#[ignore = "needs gnome-keyring"]
fn auto_takes_the_keyring_and_a_refresh_moves_a_file_into_it() {
    let desktop = Desktop::new("auto");
    desktop.stage.write_auth_file(&due(&desktop).to_string());
    let status = || desktop.run(&["status", "--json"]).ends().succeeded().json();
    assert_eq!(status()["source"], "file");
    desktop.run(&["token"]).ends().succeeded();
    assert_eq!(status()["source"], "keyring");
    assert!(!desktop.stage.auth_file().exists());
}

#[test]
#[ignore = "needs gnome-keyring"]
fn what_is_parked_is_not_said_to_be_dropped() {
    let desktop = Desktop::new("auto");
    desktop
        .stage
        .write_auth_file(r#"{"OPENAI_API_KEY":"sk-old"}"#);
    let login = || desktop.run(&["login", "--with-api-key"]);
    let first = login().takes(b"sk-new\n").succeeded();
    assert!(!first.stderr.contains("drops"), "{first:?}");
    assert!(first.stderr.contains("which is parked now"), "{first:?}");
    let second = login().takes(b"sk-newer\n").succeeded();
    let drops = "drops the API key stored in the system's keyring";
    assert!(second.stderr.contains(drops), "{second:?}");
}

#[test]
#[ignore = "needs gnome-keyring"]
fn logout_empties_both_whatever_the_setting() {
    for setting in ["file", "keyring", "auto"] {
        let desktop = Desktop::new(setting);
        let key = json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1"});
        desktop.store(&key);
        desktop.stage.write_auth_file(&key.to_string());
        let ended = desktop.run(&["logout"]).ends().succeeded();
        assert!(
            ended.stderr.contains("Successfully logged out"),
            "{ended:?}"
        );
        assert!(!desktop.entries().contains("secret"), "{setting}");
        assert!(!desktop.stage.auth_file().exists(), "{setting}");
    }
}

/// The accounts by email: the place, and the file's path.
fn accounts(desktop: &Desktop) -> Vec<(String, Value)> {
    let listed = desktop.run(&["accounts", "--json"]).ends().succeeded();
    let accounts = listed.json()["accounts"].as_array().unwrap().clone();
    let row = |it: &Value| (it["email"].as_str().unwrap().to_owned(), it["path"].clone());
    accounts.iter().map(row).collect()
}

fn sign_in(desktop: &Desktop, words: &[&str], name: &str) {
    let profile = Profile::default()
        .email(format!("{name}@example.com"))
        .account_id(format!("acct-{name}"));
    desktop.stage.issuer.set_profile(profile);
    let mut login = desktop.run(words).listening().starts();
    let callback = desktop.stage.approve(&login.link());
    login.types(format!("{callback}\n"));
    login.ended().succeeded();
}

#[test]
#[ignore = "needs gnome-keyring"]
fn accounts_change_places_between_the_keyring_and_files() {
    let desktop = Desktop::new("keyring");
    sign_in(&desktop, &["login"], "ada");
    sign_in(&desktop, &["accounts", "add"], "bob");
    assert!(desktop.entry().contains("acct-ada"));
    let [(active, nowhere), (parked, path)] = &accounts(&desktop)[..] else {
        panic!("{:?}", accounts(&desktop));
    };
    assert_eq!(
        (active.as_str(), parked.as_str()),
        ("ada@example.com", "bob@example.com")
    );
    assert!(nowhere.is_null() && path.is_string());
    for (name, other) in [("bob", "ada"), ("ada", "bob")] {
        let used = desktop
            .run(&["accounts", "use", name, "--yes"])
            .ends()
            .succeeded();
        assert!(
            used.stderr
                .contains("only the active one is in the keyring"),
            "{used:?}"
        );
        let entry: Value = serde_json::from_str(&desktop.entry()).unwrap();
        assert_eq!(entry["tokens"]["account_id"], format!("acct-{name}"));
        let listed = accounts(&desktop);
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0].0, format!("{name}@example.com"));
        assert_eq!(listed[1].0, format!("{other}@example.com"));
        assert!(!desktop.stage.auth_file().exists());
        // Each grant is alive, and in one place.
        for account in [name, other] {
            let words = &["token", "--force-refresh", "--account", account];
            desktop.run(words).ends().succeeded();
        }
    }
    let parked = desktop.exec(&["--account", "bob", "true"]).ends();
    parked.failed(1, "cli_auth_credentials_store");
    desktop
        .exec(&["--account", "ada", "true"])
        .ends()
        .succeeded();
}

#[test]
#[ignore = "needs gnome-keyring"]
fn a_grant_that_a_crash_left_in_two_places_is_in_one_after_the_next_command() {
    let desktop = Desktop::new("keyring");
    sign_in(&desktop, &["login"], "ada");
    sign_in(&desktop, &["accounts", "add"], "bob");
    // A crash after the active one was parked, before the other one took its place.
    let slot = desktop.stage.codex_home().join("accounts/half");
    std::fs::create_dir(&slot).unwrap();
    std::fs::write(slot.join("auth.json"), desktop.entry()).unwrap();
    assert_eq!(accounts(&desktop).len(), 2);
    desktop
        .run(&["accounts", "rename", "bob", "robert"])
        .ends()
        .succeeded();
    assert!(!slot.exists(), "the slot's goes");
    assert!(desktop.entry().contains("acct-ada"));
    desktop
        .run(&["accounts", "use", "robert", "--yes"])
        .ends()
        .succeeded();
    assert!(desktop.entry().contains("acct-bob"));
    assert_eq!(accounts(&desktop).len(), 2);
}
