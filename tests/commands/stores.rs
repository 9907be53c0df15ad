//! Where credentials are kept by the Codex CLI's setting, as far as it needs no keyring.

use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::Run;
use crate::stage::Stage;

const KEY: &[u8] = b"sk-new\n";

fn configured(config: &str) -> Stage {
    let stage = Stage::new();
    std::fs::create_dir_all(stage.codex_home()).unwrap();
    std::fs::write(stage.codex_home().join("config.toml"), config).unwrap();
    stage
}

fn kept_in(setting: &str) -> Stage {
    configured(&format!("cli_auth_credentials_store = \"{setting}\"\n"))
}

/// The program where a session bus has this address.
fn run(stage: &Stage, words: &[&str], bus: &str) -> Run {
    Run::new(stage, words).variable("DBUS_SESSION_BUS_ADDRESS", bus)
}

const NO_BUS: &str = "unix:path=/nonexistent/bus";

#[test]
fn without_a_bus_the_setting_keyring_fails_at_once_and_names_the_way_out() {
    let stage = kept_in("keyring");
    for words in [&["status"][..], &["token"], &["logout"]] {
        let ended = run(&stage, words, NO_BUS).ends();
        let ended = ended.failed(1, "The system has no keyring that can be reached");
        ended.says("\"auto\" or \"file\"");
    }
    let login = run(&stage, &["login", "--with-api-key"], NO_BUS);
    login.takes(KEY).failed(1, "no keyring");
    let login = run(&stage, &["login"], NO_BUS)
        .ends()
        .failed(1, "no keyring");
    login.never_says("/oauth/authorize");
    assert!(!stage.auth_file().exists());
}

#[test]
fn without_a_bus_auto_uses_the_file_and_says_so() {
    let stage = kept_in("auto");
    let ended = run(&stage, &["login", "--with-api-key"], NO_BUS).takes(KEY);
    let ended = ended.succeeded();
    ended.says("saving in");
    let status = run(&stage, &["status", "--json"], NO_BUS)
        .ends()
        .succeeded();
    assert_eq!(status.json()["source"], "file");
    assert_eq!(status.stderr, "");
    let ended = run(&stage, &["logout"], NO_BUS).ends().succeeded();
    ended.says("Successfully logged out");
}

/// Each end is waited for half as long as a keyring is that a person may be unlocking.
#[test]
fn a_bus_that_accepts_and_says_nothing_hangs_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let _bus = UnixListener::bind(&path).unwrap();
    let address = format!("unix:path={}", path.display());
    for setting in ["keyring", "auto"] {
        let stage = kept_in(setting);
        let ended = run(&stage, &["status"], &address).ends();
        ended.failed(1, "The system's keyring does not answer");
    }
    // Where the file counts, the sign-in does too.
    let stage = kept_in("file");
    run(&stage, &["login", "--with-api-key"], &address)
        .takes(KEY)
        .succeeded();
    run(&stage, &["token"], &address).ends().succeeded();
}

#[test]
fn a_silent_bus_can_be_left_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let bus = UnixListener::bind(&path).unwrap();
    let address = format!("unix:path={}", path.display());
    let stage = kept_in("keyring");
    for words in [
        &["token"][..],
        &["token", "--account", "ada"],
        &["login"],
        &["logout"],
        &["logout", "--account", "ada"],
        &["logout", "--all"],
        &["status"],
        &["status", "--account", "ada"],
        &["accounts"],
        &["accounts", "use", "ada"],
        &["accounts", "remove", "ada"],
    ] {
        let running = run(&stage, words, &address).starts();
        let _asked = bus.accept().unwrap();
        running.signal(Signal::INT);
        let ended = running.ended();
        // What catches no signals is ended by the system.
        let killed = ended.status.signal() == Some(Signal::INT.as_raw());
        assert!(killed || ended.code() == 130, "{words:?}: {ended:?}");
    }
}

#[test]
fn where_codex_would_not_look_login_refuses_before_it_begins() {
    for (config, word) in [
        (
            "cli_auth_credentials_store = \"ephemeral\"",
            "\"ephemeral\"",
        ),
        (
            "cli_auth_credentials_store = \"auto\"\nfeatures.secret_auth_storage = true",
            "features.secret_auth_storage",
        ),
    ] {
        let stage = configured(config);
        let ended = Run::new(&stage, &["login"]).ends().failed(1, word);
        ended.never_says("/oauth/authorize");
        for way in ["--with-api-key", "--with-access-token"] {
            Run::new(&stage, &["login", way]).takes(KEY).failed(1, word);
        }
        assert!(!stage.auth_file().exists());
    }
}

#[test]
fn an_access_token_is_checked_and_saved_as_codex_saves_it() {
    let stage = Stage::new();
    let login = |input: &[u8]| Run::new(&stage, &["login", "--with-access-token"]).takes(input);
    login(b"at-unknown\n").failed(1, "The access token is not valid");
    login(b"sk-1\n").failed(1, "begin with at-");
    assert!(!stage.auth_file().exists());
    let ended = login(b"at-demo\n").succeeded();
    ended.says("Successfully logged in");
    ended.says("demo@example.com");
    let expected: Value =
        serde_json::json!({"OPENAI_API_KEY": null, "personal_access_token": "at-demo"});
    assert_eq!(stage.auth_json(), expected);
    let words = &["login", "--with-access-token", "--json"];
    let events = Run::new(&stage, words)
        .takes(b"at-demo\n")
        .succeeded()
        .events();
    assert_eq!(events[0]["account"]["mode"], "personalAccessToken");
    assert_eq!(events[0]["account"]["account_id"], "acct-demo");
}

#[test]
fn the_accounts_api_can_be_elsewhere() {
    let stage = Stage::new();
    let elsewhere = Stage::new();
    let base = format!("{}/api/accounts/", elsewhere.issuer.url());
    let login = Run::new(&stage, &["login", "--with-access-token"]);
    login
        .variable("CODEX_AUTHAPI_BASE_URL", base)
        .takes(b"at-demo\n")
        .succeeded();
    assert_eq!(stage.issuer.requests().len(), 0);
    assert_eq!(elsewhere.issuer.requests().len(), 1);
    let login = Run::new(&stage, &["login", "--with-access-token"]);
    let login = login.variable("CODEX_AUTHAPI_BASE_URL", "http://example.com");
    let refused = login.takes(b"at-demo\n");
    let refused = refused.failed(
        2,
        "CODEX_AUTHAPI_BASE_URL \"http://example.com\" must use https",
    );
    refused.never_says("The issuer");
}
