//! Several accounts through the real binary (spec, section 8).

mod races;
mod signing;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::Utc;
use serde_json::{Value, json};

use crate::executable;
pub use crate::issuer::profile_of as profile;
use crate::program::{Run, run};
use crate::stage::{self, Stage};

/// `auth.json` of a new session of this person.
pub fn auth_json(stage: &Stage, name: &str) -> Value {
    stage.issuer.set_profile(profile(name));
    let tokens = stage.issuer.issue_tokens();
    let mut file = stage::auth_json(&tokens, &Utc::now().to_rfc3339());
    file["tokens"]["account_id"] = json!(format!("acct-{name}"));
    file
}

/// The first one active, the others parked in slots of their names.
pub fn with_accounts(names: &[&str]) -> Stage {
    let stage = Stage::new();
    for (number, name) in names.iter().enumerate() {
        let file = auth_json(&stage, name).to_string();
        if number == 0 {
            stage.write_auth_file(&file);
        } else {
            park(&stage, name, &file);
        }
    }
    stage
}

pub fn park(stage: &Stage, slot: &str, text: &str) -> PathBuf {
    let file = parked_file(stage, slot);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

pub fn parked_file(stage: &Stage, slot: &str) -> PathBuf {
    let slot = stage.codex_home().join("accounts").join(slot);
    slot.join("auth.json")
}

/// The names in `accounts --json`, the active one with a star.
pub fn names(stage: &Stage) -> Vec<String> {
    let listed = run(stage, &["accounts", "--json"]).succeeded().json();
    let accounts = listed["accounts"].as_array().unwrap();
    let name = |account: &Value| {
        let mark = if account["active"] == true { "*" } else { "" };
        format!("{}{mark}", account["name"].as_str().unwrap())
    };
    accounts.iter().map(name).collect()
}

pub fn refresh_token(file: &Path) -> String {
    let file: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    file["tokens"]["refresh_token"].as_str().unwrap().to_owned()
}

#[test]
fn the_list_asks_no_issuer_and_makes_no_folder() {
    let stage = Stage::new();
    run(&stage, &["accounts"]).succeeded();
    assert!(!stage.codex_home().exists());
    let stage = with_accounts(&["bob", "ada"]);
    park(&stage, "x", "{");
    assert_eq!(names(&stage), ["bob*", "ada", "x"]);
    assert!(stage.issuer.requests().is_empty());
}

#[test]
fn a_damaged_active_account_is_set_aside_under_the_name_that_it_has_then() {
    let stage = with_accounts(&["ada"]);
    park(&stage, "bob", &auth_json(&stage, "bob").to_string());
    stage.write_auth_file("{");
    let ended = run(&stage, &["accounts", "use", "bob"]).succeeded();
    ended.says("damaged sign-in was set aside: bob-2");
    assert_eq!(names(&stage), ["bob*", "bob-2"]);
    run(&stage, &["accounts", "remove", "bob-2"]).succeeded();
}

#[test]
fn where_nobody_is_active_the_parked_ones_are_named() {
    let stage = with_accounts(&["ada", "bob"]);
    run(&stage, &["logout"]).succeeded();
    for words in [["status"], ["token"]] {
        let ended = run(&stage, &words).failed(1, "Parked: bob (bob@example.com)");
        ended.says("accounts use bob");
    }
}

#[test]
fn the_json_has_the_keys_that_scripts_rely_on() {
    let stage = with_accounts(&["ada"]);
    let damaged = park(&stage, "x", "{");
    let listed = run(&stage, &["accounts", "--json"]).succeeded().json();
    assert_eq!(listed["version"], 1);
    let ada = &listed["accounts"][0];
    let keys: Vec<_> = ada
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "account_id",
        "active",
        "email",
        "expires_at",
        "last_refresh",
        "mode",
        "name",
        "path",
        "plan",
    ];
    assert_eq!(keys, expected);
    assert_eq!(
        json!([
            ada["name"],
            ada["active"],
            ada["mode"],
            ada["email"],
            ada["plan"],
            ada["account_id"]
        ]),
        json!([
            "ada",
            true,
            "chatgpt",
            "ada@example.com",
            "plus",
            "acct-ada"
        ])
    );
    assert_eq!(ada["path"], json!(stage.auth_file()));
    let broken = &listed["accounts"][1];
    assert_eq!(broken["error"]["kind"], "storage");
    assert_eq!(
        json!([broken["name"], broken["active"], broken["path"]]),
        json!(["x", false, damaged])
    );
}

#[test]
fn use_makes_an_account_the_active_one_and_says_which_one_is_parked() {
    let stage = with_accounts(&["ada", "bob"]);
    let ended = run(&stage, &["accounts", "use", "bob"]).succeeded();
    assert_eq!(ended.stdout, "");
    ended.says("bob (bob@example.com) is now the active account");
    ended.says("Parked: ada (ada@example.com)");
    assert_eq!(names(&stage), ["bob*", "ada"]);
    let again = run(&stage, &["accounts", "use", "acct-bob"]).succeeded();
    again.says("already");
    let status = run(&stage, &["status"]).succeeded();
    status.prints("bob@example.com");
}

#[test]
fn unknown_and_ambiguous_names_are_a_usage_error_with_the_candidates() {
    let stage = with_accounts(&["ada", "adam", "bob"]);
    let long = "x".repeat(200);
    for words in [
        &["accounts", "use", "ad"][..],
        &["accounts", "use", "zoe"],
        &["accounts", "remove", "a/../b"],
        &["accounts", "rename", "..", "x"],
        &["status", "--account", "acct-a"],
        &["token", "--account", "\u{1b}[2J"],
        &["logout", "--account", &long],
        &["logout", "--account", ""],
        &["status", "--account", "a\nb"],
    ] {
        let ended = run(&stage, words).failed(2, "adam (adam@example.com)");
        assert!(!ended.stderr.contains('\u{1b}'), "{ended:?}");
    }
    let json = run(&stage, &["status", "--json", "--account", "ad"]);
    assert_eq!(json.code(), 2);
    assert_eq!(json.json()["error"]["kind"], "usage");
    assert_eq!(names(&stage), ["ada*", "adam", "bob"]);
}

#[test]
fn rename_takes_good_names_alone() {
    let stage = with_accounts(&["ada", "bob"]);
    for bad in [
        "",
        ".x",
        "a/b",
        "A",
        "a b",
        "\u{1b}",
        &"x".repeat(33),
        "bob",
    ] {
        run(&stage, &["accounts", "rename", "ada", bad]).failed(2, "error: ");
    }
    let ended = run(&stage, &["accounts", "rename", "ada", "work"]).succeeded();
    ended.says("Renamed ada to work");
    assert_eq!(names(&stage), ["work*", "bob"]);
}

#[test]
fn an_accounts_folder_that_is_a_link_is_refused_and_nothing_else_is_the_worse_for_it() {
    let stage = with_accounts(&["ada"]);
    std::os::unix::fs::symlink("/tmp", stage.codex_home().join("accounts")).unwrap();
    for words in [
        &["accounts"][..],
        &["accounts", "--json"],
        &["accounts", "use", "ada"],
        &["accounts", "add"],
    ] {
        run(&stage, words).failed(1, "is a link");
    }
    run(&stage, &["status"]).succeeded();
    run(&stage, &["token"]).succeeded();
    run(&stage, &["logout"]).succeeded();
}

#[test]
fn status_and_token_are_about_the_account_that_is_named() {
    let stage = with_accounts(&["ada", "bob"]);
    let file = |name| parked_file(&stage, name);
    let read =
        |path: PathBuf| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let bob = read(file("bob"));
    let status = run(&stage, &["status", "--account", "bob"]).succeeded();
    status.prints("bob@example.com");
    status.prints(&file("bob").display().to_string());
    let token = run(&stage, &["token", "--account", "bob@"]).succeeded();
    assert_eq!(
        json!(token.stdout.trim_end()),
        bob["tokens"]["access_token"]
    );

    // The variable is a default, and an empty one is none.
    let with = |words: &[&str], value: &str| {
        let run = Run::new(&stage, words).variable("CODEX_ONBOARDING_ACCOUNT", value);
        run.ends()
    };
    let by_variable = with(&["status", "--json"], "bob").succeeded().json();
    assert_eq!(by_variable["email"], "bob@example.com");
    let outweighed = with(&["status", "--json", "--account", "ada"], "bob")
        .succeeded()
        .json();
    assert_eq!(outweighed["email"], "ada@example.com");
    let empty = with(&["status", "--json"], "").succeeded().json();
    assert_eq!(empty["email"], "ada@example.com");
    let unknown = with(&["status"], "zoe").failed(2, "There is no account \"zoe\"");
    unknown.says("CODEX_ONBOARDING_ACCOUNT");
    for dressed in ["bob\r", " bob ", "\"bob\"", "'bob'\r\n"] {
        let found = with(&["status", "--json"], dressed).succeeded().json();
        assert_eq!(found["email"], "bob@example.com", "{dressed:?}");
    }

    let forced = run(&stage, &["token", "--force-refresh", "--account", "bob"]).succeeded();
    assert_ne!(forced.stdout, token.stdout);
    assert!(
        stage
            .issuer
            .accepts_refresh_token(&refresh_token(&file("bob")))
    );
    // The environment's key is not this account's.
    let key = Run::new(&stage, &["token", "--account", "bob"]).variable("OPENAI_API_KEY", "sk-1");
    assert_eq!(key.ends().succeeded().stdout, forced.stdout);
}

#[test]
fn programs_that_hold_the_active_account_are_named_and_without_a_terminal_it_goes_on() {
    let stage = with_accounts(&["ada", "bob"]);
    // The Codex CLI, as far as the system can tell.
    let codex = stage.home().join("codex-bin").join("codex");
    std::fs::create_dir(codex.parent().unwrap()).unwrap();
    executable::write(&codex, std::fs::read("/bin/cat").unwrap());
    let start = |home: &Path| {
        Command::new(&codex)
            .env_clear()
            .env("CODEX_HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let (mut here, mut elsewhere) = (start(&stage.codex_home()), start(stage.home()));
    let ended = run(&stage, &["accounts", "use", "bob"]).succeeded();
    let named = format!("a running Codex (pid {}) still uses ada", here.id());
    ended.says(&named);
    ended.never_says(&elsewhere.id().to_string());
    assert_eq!(names(&stage), ["bob*", "ada"]);
    for child in [&mut here, &mut elsewhere] {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    let quiet = run(&stage, &["accounts", "use", "ada"]).succeeded();
    quiet.never_says("pid");
}
