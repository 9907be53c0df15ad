//! `doctor`: each broken situation is found by its check, with a remedy; nothing is changed,
//! nothing secret is sent or shown.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use codex_onboarding::demo::Profile;
use serde_json::Value;

use crate::program::{Exited, Run, run};
use crate::stage::Stage;

/// The check's status, summary and remedy.
fn finding(ended: &Exited, id: &str) -> (String, String, String) {
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let check = &report["checks"][id];
    let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("summary"), text("remediation"))
}

fn doctor(stage: &Stage) -> Run {
    Run::new(stage, &["doctor", "--json"])
}

impl Exited {
    /// The check ended so, with these words in its summary and its remedy; the exit code follows.
    fn finds(&self, id: &str, [status, summary, remedy]: [&str; 3]) {
        let found = finding(self, id);
        assert_eq!(found.0, status, "{found:?}");
        assert!(found.1.contains(summary), "{found:?}");
        assert!(found.2.contains(remedy), "{found:?}");
        if status == "fail" {
            assert_eq!(self.code(), 1);
        }
    }
}

#[test]
fn a_healthy_sign_in_has_nothing_wrong_and_the_rehearsal_works() {
    let stage = Stage::new();
    stage.sign_in();
    let ended = doctor(&stage).ends();
    for id in [
        "rehearsal.sign_in",
        "credentials.session",
        "network.issuer",
        "network.clock",
    ] {
        assert_eq!(finding(&ended, id).0, "ok", "{id}: {ended:?}");
    }
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let failed = report["overallStatus"] == "fail";
    assert_eq!(ended.code(), i32::from(failed));
    assert_eq!(report["schemaVersion"], 1);
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["checks"]["home.folder"]["category"], "home");
    assert!(report["checks"]["home.folder"]["durationMs"].is_u64());
}

#[test]
fn an_expired_session_fails_only_where_it_cannot_be_renewed() {
    let stage = Stage::with(Profile::default().access_token_lifetime(TimeDelta::hours(-1)));
    stage.sign_in();
    doctor(&stage)
        .ends()
        .finds("credentials.session", ["ok", "renewed when needed", ""]);
    let mut file = stage.auth_json();
    file["tokens"]["refresh_token"] = Value::Null;
    stage.write_auth_file(&file.to_string());
    let ended = doctor(&stage).ends();
    ended.finds(
        "credentials.session",
        ["fail", "cannot be renewed", "codex-onboarding login"],
    );
}

#[test]
fn a_damaged_file_is_located() {
    let stage = Stage::new();
    stage.write_auth_file("{\n  \"tokens\": 5\n}");
    let ended = doctor(&stage).ends();
    ended.finds(
        "credentials.file",
        ["fail", "line 2, column", "codex-onboarding login"],
    );
}

#[test]
fn a_file_that_cannot_be_read_is_one_finding_with_a_remedy_that_works() {
    let stage = Stage::new();
    std::fs::create_dir_all(stage.codex_home()).unwrap();
    std::os::unix::fs::symlink("nowhere", stage.auth_file()).unwrap();
    let ended = doctor(&stage).ends();
    let remedy = "Repair or remove it";
    ended.finds("credentials.file", ["fail", "is a broken link", remedy]);
    for id in ["credentials.store", "credentials.accounts"] {
        let status = finding(&ended, id).0;
        assert!(["ok", "skipped"].contains(&status.as_str()), "{ended:?}");
    }
}

#[test]
fn a_variable_that_wins_over_the_stored_credentials_is_named_without_its_value() {
    let stage = Stage::new();
    stage.sign_in();
    let ended = doctor(&stage)
        .variable("CODEX_ACCESS_TOKEN", "canary-value")
        .ends();
    ended.finds(
        "credentials.precedence",
        ["warning", "CODEX_ACCESS_TOKEN", "unset CODEX_ACCESS_TOKEN"],
    );
    ended.never_prints("canary");
}

#[test]
fn a_held_lock_names_its_holder() {
    let stage = Stage::new();
    stage.sign_in();
    let lock = File::create(stage.codex_home().join("auth.lock")).unwrap();
    lock.lock().unwrap();
    let me = format!("(process {})", std::process::id());
    doctor(&stage)
        .ends()
        .finds("locks.auth", ["warning", &me, "end it"]);
}

#[test]
fn a_home_that_is_a_file_or_open_to_others_is_told_apart() {
    let stage = Stage::new();
    fs::write(stage.codex_home(), "not a folder").unwrap();
    let ended = doctor(&stage).ends();
    ended.finds("home.folder", ["fail", "is not a folder", "--codex-home"]);
    // One problem is one finding.
    for id in ["credentials.file", "locks.auth", "settings.config"] {
        assert_eq!(finding(&ended, id).0, "skipped", "{id}");
    }

    let stage = Stage::new();
    stage.sign_in();
    fs::set_permissions(stage.codex_home(), Permissions::from_mode(0o777)).unwrap();
    doctor(&stage).ends().finds(
        "home.permissions",
        ["warning", "Others may write", "chmod go-w "],
    );
    fs::set_permissions(stage.codex_home(), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(stage.auth_file(), Permissions::from_mode(0o644)).unwrap();
    doctor(&stage).ends().finds(
        "home.permissions",
        ["warning", "may read auth.json", "chmod 600 "],
    );
}

#[test]
fn a_store_that_codex_would_not_look_in_is_named() {
    let stage = Stage::new();
    stage.sign_in();
    let config = stage.codex_home().join("config.toml");
    fs::write(&config, "cli_auth_credentials_store = \"ephemeral\"").unwrap();
    doctor(&stage)
        .ends()
        .finds("credentials.store", ["fail", "ephemeral", "\"file\""]);
    fs::write(&config, "cli_auth_credentials_store = \"keyring\"").unwrap();
    let absent = doctor(&stage).variable("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    absent
        .ends()
        .finds("credentials.store", ["fail", "keyring", "auto"]);
}

#[test]
fn a_value_of_the_settings_and_the_hosts_without_a_proxy_are_not_shown() {
    let stage = Stage::new();
    stage.sign_in();
    let settings = "forced_login_method = \"canary\"";
    fs::write(stage.codex_home().join("config.toml"), settings).unwrap();
    let ended = doctor(&stage).variable("NO_PROXY", "u:canary@x,y").ends();
    ended.finds(
        "settings.config",
        ["warning", "forced_login_method", "config.toml"],
    );
    ended.never_prints("canary");
}

#[test]
fn a_session_that_was_copied_into_a_parked_account_is_found() {
    let stage = Stage::new();
    stage.sign_in();
    let slot = stage.codex_home().join("accounts/copy");
    fs::create_dir_all(&slot).unwrap();
    fs::set_permissions(slot.parent().unwrap(), Permissions::from_mode(0o700)).unwrap();
    let mut copy = stage.auth_json();
    copy["tokens"]["id_token"] = Value::Null;
    copy["tokens"]["account_id"] = "acct-other".into();
    fs::write(slot.join("auth.json"), copy.to_string()).unwrap();
    let ended = doctor(&stage).ends();
    ended.finds(
        "credentials.accounts",
        ["fail", "share one session", "accounts add"],
    );
}

#[test]
fn files_of_a_parked_account_that_hide_the_codex_homes_own_are_named() {
    let stage = Stage::new();
    stage.sign_in();
    let slot = stage.codex_home().join("accounts/other");
    fs::create_dir_all(&slot).unwrap();
    fs::set_permissions(slot.parent().unwrap(), Permissions::from_mode(0o700)).unwrap();
    for folder in [&stage.codex_home(), &slot] {
        fs::write(folder.join("config.toml"), "").unwrap();
    }
    let ended = doctor(&stage).ends();
    ended.finds(
        "credentials.accounts",
        ["warning", "files of its own", "move it away"],
    );
    ended.prints("accounts/other/config.toml");
}

#[test]
fn what_an_interrupted_save_left_behind_is_listed() {
    let stage = Stage::new();
    stage.sign_in();
    fs::write(stage.codex_home().join(".auth.json.abc.tmp"), "half").unwrap();
    doctor(&stage)
        .ends()
        .finds("home.leftovers", ["warning", "Interrupted saves", "logout"]);
}

#[test]
fn settings_that_cannot_be_read_are_located() {
    let stage = Stage::new();
    stage.sign_in();
    fs::write(stage.codex_home().join("config.toml"), "a = 1\nb = [").unwrap();
    doctor(&stage)
        .ends()
        .finds("settings.config", ["warning", "line 2", "config.toml"]);
}

/// Against an issuer that is somewhere else, or nowhere.
fn doctor_of(stage: &Stage, issuer: &str) -> Run {
    let home = stage.codex_home().display().to_string();
    Run::bare(&[
        "doctor",
        "--json",
        "--issuer",
        issuer,
        "--codex-home",
        &home,
    ])
}

const NOWHERE: &str = "https://issuer.invalid";

#[test]
fn a_missing_name_a_stale_certificate_file_and_a_proxy_are_told_apart() {
    let stage = Stage::new();
    let ended = doctor_of(&stage, NOWHERE).ends();
    ended.finds("network.issuer", ["fail", "issuer.invalid", "network"]);
    let outdated = doctor_of(&stage, NOWHERE).variable("CODEX_CA_CERTIFICATE", "/nowhere.pem");
    outdated.ends().finds(
        "network.issuer",
        ["fail", "/nowhere.pem", "CODEX_CA_CERTIFICATE"],
    );
    let proxy = doctor_of(&stage, NOWHERE).variable("HTTPS_PROXY", "http://zoe:canary@127.0.0.1:9");
    let ended = proxy.ends();
    ended.finds(
        "network.proxy",
        ["fail", "http://127.0.0.1:9 (HTTPS_PROXY)", "HTTPS_PROXY"],
    );
    ended.never_prints("canary");
}

#[test]
fn a_proxy_that_fails_is_one_finding_and_the_hosts_behind_it_are_skipped() {
    let stage = Stage::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let issuer = format!("https://{}", listener.local_addr().unwrap());
    for (proxy, why) in [
        ("http://127.0.0.1:9", "could not connect"),
        ("http://zoe:can#ary@127.0.0.1:9", "cannot be used"),
        ("ftp://127.0.0.1:9", "cannot be used"),
    ] {
        let ended = doctor_of(&stage, &issuer)
            .variable("https_proxy", proxy)
            .ends();
        ended.finds("network.proxy", ["fail", why, "https_proxy"]);
        for id in ["network.issuer", "network.api", "network.clock"] {
            assert_eq!(finding(&ended, id).0, "skipped", "{id}: {ended:?}");
        }
        ended.never_prints("#ary");
    }
    // Not even a connection was opened past the proxy.
    let heard = listener.accept().unwrap_err();
    assert_eq!(heard.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_host_that_no_proxy_names_is_asked_directly_and_said_so() {
    let stage = Stage::new();
    let proxy = doctor_of(&stage, NOWHERE)
        .variable("HTTPS_PROXY", "http://127.0.0.1:9/token")
        .variable("NO_PROXY", "issuer.invalid");
    let ended = proxy.ends();
    ended.finds("network.proxy", ["ok", "NO_PROXY names the issuer", ""]);
    ended.finds("network.issuer", ["fail", "issuer.invalid", "network"]);
    ended.never_prints("/token");
}

#[test]
fn a_rehearsal_that_has_no_room_says_so_and_blames_no_firewall() {
    let stage = Stage::new();
    let ended = doctor(&stage).variable("TMPDIR", "/nowhere").ends();
    ended.finds("rehearsal.sign_in", ["fail", "temporary home", "TMPDIR"]);
}

#[test]
fn a_proxy_for_http_alone_is_not_one_for_a_sign_in_over_https() {
    let stage = Stage::new();
    let proxy = doctor_of(&stage, NOWHERE).variable("HTTP_PROXY", "http://127.0.0.1:9");
    proxy.ends().finds(
        "network.proxy",
        ["warning", "HTTP_PROXY is set", "HTTPS_PROXY"],
    );
}

#[test]
fn offline_nothing_is_sent_to_another_machine() {
    let stage = Stage::new();
    let home = stage.codex_home().display().to_string();
    let words = [
        "doctor",
        "--json",
        "--offline",
        "--issuer",
        NOWHERE,
        "--codex-home",
        &home,
    ];
    let ended = Run::bare(&words).ends();
    for id in ["network.issuer", "network.api", "network.clock"] {
        assert_eq!(finding(&ended, id).0, "skipped");
    }
    assert_eq!(finding(&ended, "rehearsal.sign_in").0, "ok");
}

/// Every file below a folder, with its bytes, mode and time.
fn contents(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32, std::time::SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            all.extend(contents(&entry.path()));
        }
        let bytes = fs::read(entry.path()).unwrap_or_default();
        let facts = (
            bytes,
            metadata.permissions().mode(),
            metadata.modified().unwrap(),
        );
        all.insert(entry.path(), facts);
    }
    all
}

#[test]
fn nothing_is_changed_no_credential_is_sent_and_none_is_shown() {
    let stage = Stage::with(Profile::default().email("canary-person@example.com"));
    let tokens = stage.sign_in();
    // As Codex makes it.
    let lock = stage.codex_home().join("auth.lock");
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
    let before = contents(stage.home());
    for words in [
        &["doctor", "--json"][..],
        &["doctor", "--verbose"],
        &["doctor"],
    ] {
        let ended = Run::new(&stage, words)
            .variable("OPENAI_API_KEY", "sk-canary")
            .variable("CODEX_API_KEY", "sk-canary")
            .ends();
        let said = format!("{}{}", ended.stdout, ended.stderr);
        for secret in [
            "canary",
            "acct-demo",
            &tokens.access_token,
            &tokens.refresh_token,
            &tokens.id_token,
        ] {
            assert!(!said.contains(secret), "{secret} in {said}");
        }
        if !words.contains(&"--json") {
            assert!(!said.contains('\u{1b}'), "{said}");
        }
    }
    assert_eq!(contents(stage.home()), before);
    for request in stage.issuer.requests() {
        assert_eq!(request.method.as_str(), "GET");
        let sent = format!("{:?}{:?}", request.headers, request.path);
        assert!(!sent.contains(&tokens.access_token) && !sent.contains("canary"));
    }
}

#[test]
fn problems_come_first_with_what_to_do_and_the_rest_is_a_line_a_group() {
    let stage = Stage::new();
    stage.write_auth_file("{ not json");
    let private = Permissions::from_mode(0o600);
    fs::set_permissions(stage.auth_file(), private).unwrap();
    let ended = run(&stage, &["doctor", "--offline"]);
    assert_eq!(ended.code(), 1);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    // Another program may hold a port meanwhile, which is a warning.
    assert!(lines[0].starts_with("1 problem"), "{ended:?}");
    assert!(
        lines[2].starts_with("failed   credentials.file: "),
        "{ended:?}"
    );
    ended.prints("Next: ");
    ended.prints("\nok       locks: auth, write\n");
    let narrow = Run::new(&stage, &["doctor", "--offline"])
        .variable("COLUMNS", "40")
        .ends();
    let widest = narrow.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(40), "{narrow:?}");
}

#[test]
fn where_no_file_may_grow_it_says_so_and_no_signal_ends_it() {
    let stage = Stage::new();
    stage.sign_in();
    let doctor = Run::new(&stage, &["doctor", "--offline", "--json"]).after("ulimit -f 0");
    let report = doctor.ends().failed(1, "").json();
    let rehearsal = &report["checks"]["rehearsal.sign_in"];
    assert_eq!(rehearsal["status"], "fail");
    assert!(rehearsal.to_string().contains("too large"), "{rehearsal}");
    let limited = |words: &[&str]| Run::new(&stage, words).after("ulimit -f 0").ends();
    limited(&["status"]).succeeded();
    limited(&["accounts", "rename", "demo", "work"]).failed(1, "too large");
}
