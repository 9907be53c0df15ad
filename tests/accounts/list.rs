//! What is listed, under which names, and which account a word means.

use std::fs;

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::Store;
use codex_onboarding::auth::accounts::Accounts;
use serde_json::json;

use super::support::*;

#[test]
fn nobody_is_listed_where_there_is_nobody_and_nothing_is_made() {
    let home = Home::new();
    assert!(home.accounts.list().unwrap().is_empty());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn the_active_account_comes_first_and_the_others_by_name() {
    let home = Home::with(&["cid", "bob", "ada"]);
    assert_eq!(home.names(), ["cid*", "ada", "bob"]);
    let cid = home.find("cid");
    let details = cid.details.clone().unwrap();
    assert_eq!(details.email.as_deref(), Some("cid@example.com"));
    assert_eq!(cid.expires_at().unwrap().timestamp(), 4_000_000_000);
    assert!(cid.last_refresh().is_some());
    assert_eq!(cid.path(), home.active_file());
    assert_eq!(home.find("ada").path(), home.slot("ada").join("auth.json"));
}

#[tokio::test]
async fn names_stay_with_their_accounts_wherever_these_are() {
    let home = Home::with(&["ada", "bob"]);
    let ada = home.find("ada");
    home.accounts.rename(&ada, "work").await.unwrap();
    home.use_account("bob").await.unwrap();
    assert_eq!(home.names(), ["bob*", "work"]);
    assert_eq!(mode(&home.path().join("accounts/names.json")), 0o600);
    home.use_account("work").await.unwrap();
    assert_eq!(home.names(), ["work*", "bob"]);
}

#[tokio::test]
async fn names_that_are_lost_or_damaged_are_made_anew() {
    let home = Home::with(&["ada", "bob"]);
    let names = home.path().join("accounts/names.json");
    for text in ["", "{", "[]", r#"{"version":1,"names":{"x":"../y"}}"#] {
        fs::write(&names, text).unwrap();
        assert_eq!(home.names(), ["ada*", "bob"], "{text}");
    }
    fs::remove_file(&names).unwrap();
    fs::create_dir(&names).unwrap();
    assert_eq!(home.names(), ["ada*", "bob"]);
}

#[tokio::test]
async fn names_are_not_read_through_a_link() {
    let home = Home::with(&["ada", "bob"]);
    let ada = home.find("ada");
    home.accounts.rename(&ada, "work").await.unwrap();
    let names = home.path().join("accounts/names.json");
    let elsewhere = home.path().join("elsewhere.json");
    fs::rename(&names, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &names).unwrap();
    assert_eq!(home.names()[..2], ["ada*", "bob"]);
    let before = fs::read(&elsewhere).unwrap();
    let bob = home.find("bob");
    home.accounts.rename(&bob, "home").await.unwrap();
    assert_eq!(fs::read(&elsewhere).unwrap(), before);
    assert_eq!(home.names(), ["ada*", "home"]);
}

#[test]
fn two_with_one_address_get_two_names_and_keep_them_when_they_change_places() {
    let home = Home::new();
    let mut file = auth_json("ada", 1);
    fs::write(home.active_file(), file.to_string()).unwrap();
    file["tokens"]["id_token"] = json!(jwt(&json!({
        "email": "ada@example.com",
        "https://api.openai.com/auth": {"chatgpt_account_id": "acct-team"},
    })));
    file["tokens"]["account_id"] = json!("acct-team");
    home.park_text("x", &file.to_string());
    let name_of = |id: &str| home.find(id).name;
    let before = ["acct-ada", "acct-team"].map(name_of);
    assert_ne!(before[0], before[1]);
    let parked = home.slot("x").join("auth.json");
    let active = fs::read(home.active_file()).unwrap();
    fs::rename(&parked, home.active_file()).unwrap();
    fs::write(&parked, active).unwrap();
    assert_eq!(["acct-ada", "acct-team"].map(name_of), before);
}

#[test]
fn an_address_becomes_a_name_without_anything_odd_in_it() {
    for (email, name) in [
        ("Ada.Lovelace+x@example.com", "ada.lovelace-x"),
        ("..@example.com", "account"),
        ("\u{1b}[2J/../é@example.com", "2j-..--"),
        ("", "account"),
    ] {
        let home = Home::new();
        let mut file = auth_json("ada", 1);
        file["tokens"]["id_token"] = json!(jwt(&json!({
            "email": email,
            "https://api.openai.com/auth": {"chatgpt_account_id": "acct-1"},
        })));
        fs::write(home.active_file(), file.to_string()).unwrap();
        let made = home.accounts.list().unwrap().remove(0).name;
        assert_eq!(made, name.trim_end_matches('-'), "{email}");
    }
}

#[test]
fn an_api_key_is_an_account_too() {
    let home = Home::with(&["ada"]);
    for (slot, key) in [("x", "sk-1"), ("y", "sk-2")] {
        let file = json!({"auth_mode": "apikey", "OPENAI_API_KEY": key});
        home.park_text(slot, &file.to_string());
    }
    assert_eq!(home.names(), ["ada*", "api-key", "api-key-2"]);
}

#[test]
fn two_sign_ins_to_one_account_are_one_and_the_newer_counts() {
    let home = Home::with(&["ada"]);
    home.park("x", "ada", 2);
    let listed = home.accounts.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].path(), home.slot("x").join("auth.json"));
    home.activate("ada", 3);
    assert_eq!(home.names(), ["ada*"]);
}

#[test]
fn another_person_in_the_same_workspace_is_another_account() {
    let home = Home::with(&["ada"]);
    let mut file = auth_json("bob", 1);
    file["tokens"]["id_token"] = json!(jwt(&json!({
        "email": "bob@example.com",
        "https://api.openai.com/auth":
            {"chatgpt_account_id": "acct-ada", "chatgpt_user_id": "user-bob"},
    })));
    file["tokens"]["account_id"] = json!("acct-ada");
    home.park_text("x", &file.to_string());
    assert_eq!(home.names(), ["ada*", "bob"]);
}

#[test]
fn a_word_means_a_name_an_address_an_id_or_the_beginning_of_one() {
    let home = Home::with(&["ada", "adam", "bob"]);
    for (word, name) in [
        ("ada", "ada"),
        ("ada@example.com", "ada"),
        ("ADAM@example.com", "adam"),
        ("acct-bob", "bob"),
        ("b", "bob"),
        ("adam@", "adam"),
        ("acct-ad", ""),
        ("ad", ""),
        ("", ""),
        ("zoe", ""),
    ] {
        match home.accounts.find(word) {
            Ok(account) => assert_eq!(account.name, name, "{word}"),
            Err(error) => {
                assert_eq!(name, "", "{word}: {error}");
                assert_eq!(error.kind(), ErrorKind::Usage);
                assert!(
                    error.hint().unwrap().contains("adam@example.com"),
                    "{error}"
                );
            }
        }
    }
    let ambiguous = home.accounts.find("acct-a").err().unwrap();
    assert!(!ambiguous.hint().unwrap().contains("bob"), "{ambiguous}");
}

#[test]
fn a_word_with_control_characters_is_shown_without_them() {
    let home = Home::with(&["ada"]);
    let long = "x".repeat(200);
    for word in ["a/b", "..", "\u{1b}[2J", "a\nb", &long] {
        let error = home.accounts.find(word).err().unwrap();
        assert!(!error.message().contains(['\u{1b}', '\n']), "{error}");
        assert!(error.message().len() < 100, "{error}");
    }
}

#[test]
fn a_damaged_file_is_listed_as_that_under_its_owners_name_when_it_still_says_it() {
    let home = Home::with(&["ada", "bob"]);
    let text = auth_json("cid", 1).to_string();
    home.park_text("x", &text[..text.len() - 4]);
    home.park_text("y", "{");
    let listed = home.accounts.list().unwrap();
    let damaged: Vec<_> = listed.iter().filter(|it| it.details.is_err()).collect();
    let names: Vec<_> = damaged.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["account", "y"]);
    let error = damaged[1].details.as_ref().unwrap_err();
    assert!(error.message().contains("line 1, column 1"), "{error}");
}

#[test]
fn the_accounts_of_one_accounts_folder_are_those_of_its_codex_home() {
    let home = Home::with(&["ada", "bob"]);
    let slot = Accounts::new(Store::new(home.slot("bob")));
    let listed = slot.list().unwrap();
    let names: Vec<_> = listed.iter().map(|it| (&*it.name, it.active)).collect();
    assert_eq!(names, [("ada", true), ("bob", false)]);
    let new = slot.new_slot().unwrap();
    assert_eq!(new.store().home().parent(), home.slot("bob").parent());
}
