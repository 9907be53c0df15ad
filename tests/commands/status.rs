//! `status`: who is signed in, in words and as JSON, and never over the network.

use std::os::unix::ffi::OsStrExt as _;

use chrono::TimeDelta;
use codex_onboarding::demo::{Profile, TokenKind};
use serde_json::{Value, json};

use crate::issuer::{Fault, HOSTILE_TEXT, Route};
use crate::program::{Run, run};
use crate::stage::Stage;

const API_KEY_FILE: &str = r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-file"}"#;

#[test]
fn asking_makes_no_folder() {
    let stage = Stage::new();
    let ended = run(&stage, &["status"]).failed(1, "codex-onboarding login");
    assert_eq!(ended.stdout, "Not logged in\n");
    assert!(!stage.codex_home().exists());
}

#[test]
fn times_in_the_json_are_times_and_the_path_is_the_files() {
    let stage = Stage::new();
    stage.sign_in();
    let status = run(&stage, &["status", "--json"]).succeeded().json();
    for name in ["expires_at", "last_refresh"] {
        chrono::DateTime::parse_from_rfc3339(status[name].as_str().unwrap()).unwrap();
    }
    assert_eq!(status["path"], json!(stage.auth_file()));
}

#[test]
fn signed_in_with_an_api_key_in_the_file() {
    let stage = Stage::new();
    stage.write_auth_file(API_KEY_FILE);
    let ended = run(&stage, &["status"]).succeeded();
    assert!(ended.stdout.starts_with("Logged in using an API key\n"));
    ended.never_prints("sk-");
    let status = run(&stage, &["status", "--json"]).succeeded().json();
    assert_eq!(status["source"], "file");
    assert_eq!(status["mode"], "apikey");
    for unknown in ["email", "plan", "account_id", "expires_at", "last_refresh"] {
        assert_eq!(status[unknown], Value::Null, "{unknown}");
    }
}

#[test]
fn a_lone_key_in_the_environment_counts_and_codex_is_said_not_to_read_it() {
    let stage = Stage::new();
    let status = |words: &[&str]| {
        // The default issuer's key: no other issuer is told of it.
        let run = Run::bare(words).variable("HOME", stage.home());
        let run = run.variable("OPENAI_API_KEY", "sk-environment");
        run.ends().succeeded()
    };
    let ended = status(&["status"]);
    assert!(ended.stdout.starts_with("Logged in using an API key\n"));
    for words in [
        "the environment (OPENAI_API_KEY)",
        "Codex itself does not read OPENAI_API_KEY",
        "codex-onboarding login --with-api-key",
    ] {
        ended.prints(words);
    }
    ended.never_prints("sk-");
    let json = status(&["status", "--json"]).json();
    assert_eq!(json["signed_in"], true);
    assert_eq!(json["source"], "environment");
    assert_eq!(json["mode"], "apikey");
    assert_eq!(json["path"], Value::Null);
}

#[test]
fn a_mode_that_only_codex_can_use_is_signed_in_and_gives_no_token() {
    let stage = Stage::new();
    stage.write_auth_file(r#"{"auth_mode":"agentIdentity","agent":{"a":1}}"#);
    let ended = run(&stage, &["status"]).succeeded();
    assert!(ended.stdout.starts_with("Logged in using access token\n"));
    run(&stage, &["token"]).failed(1, "agentIdentity");
}

#[test]
fn a_file_without_a_secret_says_what_is_missing() {
    let stage = Stage::new();
    for (file, missing) in [
        (r#"{"auth_mode":"apikey","OPENAI_API_KEY":""}"#, "API key"),
        (r#"{"auth_mode":"chatgpt"}"#, "token"),
        ("{}", ""),
    ] {
        stage.write_auth_file(file);
        run(&stage, &["status"]).failed(1, missing);
        let status = run(&stage, &["status", "--json"]).failed(1, "").json();
        assert_eq!(status["signed_in"], false);
        assert_eq!(status["error"]["kind"], "not_signed_in");
    }
}

#[test]
fn the_network_is_never_touched_whatever_has_expired() {
    let stage = Stage::with(Profile::default().access_token_lifetime(TimeDelta::days(-1)));
    stage.sign_in();
    run(&stage, &["status"]).succeeded();
    run(&stage, &["status", "--json"]).succeeded();
    run(&stage, &["--if-needed"]).succeeded();
    assert!(stage.issuer.requests().is_empty());
}

#[test]
fn text_from_an_issuer_cannot_move_hide_or_reorder_what_is_shown() {
    let hostile = Profile::default()
        .email(HOSTILE_TEXT)
        .plan(HOSTILE_TEXT)
        .auth_claim(TokenKind::Id, "chatgpt_account_id", HOSTILE_TEXT);
    let stage = Stage::with(hostile);
    let tokens = stage.sign_in();
    let file = json!({"tokens": {
        "id_token": tokens.id_token,
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "account_id": HOSTILE_TEXT,
    }});
    stage.write_auth_file(&file.to_string());
    let ended = run(&stage, &["status"]).succeeded();
    let harmless =
        |c: char| c == '\n' || !(c.is_control() || "\u{202e}\u{202c}\u{200b}\u{feff}".contains(c));
    assert!(ended.stdout.chars().all(harmless), "{ended:?}");
    ended.never_prints("\nSuccessfully");
    // JSON has escapes: a script gets the whole text, on one line.
    let json = run(&stage, &["status", "--json"]).succeeded();
    assert_eq!(json.json()["email"], HOSTILE_TEXT);
    assert!(
        json.stdout
            .trim_end()
            .chars()
            .all(|c| !c.is_ascii_control())
    );
}

#[test]
fn a_home_with_a_hostile_name_is_harmless_wherever_it_is_named() {
    let stage = Stage::new();
    let home = stage
        .home()
        .join("a\u{1b}[2J\u{202e}\nLogged in using nothing");
    std::fs::create_dir(&home).unwrap();
    let at = |words: &[&str]| Run::bare(words).variable("CODEX_HOME", &home).ends();
    for (file, code) in [(r#"{"OPENAI_API_KEY":"sk-file"}"#, 0), ("{", 1)] {
        std::fs::write(home.join("auth.json"), file).unwrap();
        let ended = at(&["status"]);
        assert_eq!(ended.code(), code);
        let said = [ended.stdout, ended.stderr].concat();
        assert!(said.contains("auth.json"));
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
        assert!(!said.contains("\nLogged in using nothing"), "{said:?}");
    }
}

#[test]
fn a_home_whose_name_is_no_unicode_is_a_home() {
    let stage = Stage::new();
    let home = stage.home().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    let run = |words: &[&str]| Run::bare(words).variable("CODEX_HOME", &home);
    run(&["login", "--with-api-key"])
        .takes(b"sk-1\n")
        .succeeded();
    assert!(home.join("auth.json").exists());
    run(&["status"]).ends().succeeded();
    let status = run(&["status", "--json"]).ends().succeeded().json();
    assert!(
        status["path"]
            .as_str()
            .unwrap()
            .ends_with("caf\u{fffd}/auth.json")
    );
    run(&["token"]).ends().succeeded();
    run(&["logout"]).ends().succeeded();
    assert!(!home.join("auth.json").exists());
}

/// `status --check` with an API key, whose requests go to the stage's issuer.
fn check_key(stage: &Stage, answer: Fault, more: &[&str]) -> crate::program::Exited {
    stage.write_auth_file(r#"{"OPENAI_API_KEY":"sk-1"}"#);
    stage.issuer.fault(Route::Other, answer);
    let run = Run::bare(&[&["status", "--check"], more].concat());
    let base = format!("{}/v1", stage.issuer.url());
    run.variable("CODEX_HOME", stage.codex_home())
        .variable("OPENAI_BASE_URL", base)
        .ends()
}

#[test]
fn a_check_says_whether_codex_can_use_it_by_words_exit_code_and_json() {
    let stage = Stage::new();
    let answer = |status| Fault::Status(status, "{}".to_owned());
    let alive = check_key(&stage, answer(200), &[]).succeeded();
    assert!(
        alive.stdout.starts_with("Logged in using an API key\n"),
        "{alive:?}"
    );
    assert!(alive.stdout.ends_with("\nCodex can use it\n"), "{alive:?}");
    let alive = check_key(&stage, answer(200), &["--json"])
        .succeeded()
        .json();
    assert_eq!(
        (&alive["alive"], &alive["problem"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        (&alive["signed_in"], &alive["workspace"]),
        (&json!(true), &Value::Null)
    );

    let dead = check_key(&stage, answer(401), &["--json"]);
    assert_eq!(dead.code(), 1);
    assert_eq!(dead.json()["alive"], false);
    assert!(dead.json()["problem"].is_string());
    assert!(
        check_key(&stage, answer(401), &[])
            .stdout
            .contains("Codex cannot use it: ")
    );

    let unclear = check_key(&stage, answer(500), &["--json"]);
    assert_eq!(unclear.code(), 75);
    assert_eq!(unclear.json()["alive"], Value::Null);
}

#[test]
fn a_check_of_another_issuers_session_is_unclear_and_of_none_a_failure() {
    let stage = Stage::new();
    let nobody = run(&stage, &["status", "--check", "--json"]);
    assert_eq!(nobody.code(), 1);
    let expected = (&json!(false), &json!("Not logged in"));
    assert_eq!(
        (&nobody.json()["alive"], &nobody.json()["problem"]),
        expected
    );
    stage.sign_in();
    let unclear = run(&stage, &["status", "--check", "--json"]);
    assert_eq!(unclear.code(), 75);
    assert_eq!(unclear.json()["alive"], Value::Null);
    assert!(stage.issuer.requests().is_empty());
}

#[test]
fn a_session_that_the_issuer_refused_to_renew_is_told_until_there_is_another() {
    let stage = Stage::new();
    stage.sign_in();
    let check = |json: &Value| json["checks"]["credentials.session"]["status"].clone();
    let doctor = || run(&stage, &["doctor", "--offline", "--json"]).json();
    assert!(
        !run(&stage, &["status"])
            .succeeded()
            .stdout
            .contains("renewed")
    );
    assert_eq!(check(&doctor()), "ok");
    stage.issuer.invalidate_sessions();
    run(&stage, &["token", "--force-refresh"]).failed(1, "sign in again");
    let told = run(&stage, &["status"]).succeeded();
    let line = "\nCannot be renewed: The session was ended by the issuer or from another device, \
                sign in again\n";
    told.prints(line);
    assert_eq!(check(&doctor()), "warning");
    stage.sign_in();
    assert!(
        !run(&stage, &["status"])
            .succeeded()
            .stdout
            .contains("renewed")
    );
}
