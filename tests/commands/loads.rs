//! Stored credentials that the next `codex` will not use: files that Codex cannot load
//! (spec, section 9).

use std::os::unix::fs::symlink;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::program::{Run, run};
use crate::stage::Stage;

/// A ChatGPT sign-in, changed.
fn changed(change: impl FnOnce(&mut Value)) -> Stage {
    let stage = Stage::new();
    stage.sign_in();
    let mut file = stage.auth_json();
    change(&mut file);
    stage.write_auth_file(&file.to_string());
    stage
}

#[test]
fn what_codex_cannot_load_is_said_by_status_fails_in_doctor_and_is_not_enough() {
    let no_refresh_token = |file: &mut Value| {
        file["tokens"]
            .as_object_mut()
            .unwrap()
            .remove("refresh_token");
    };
    for (stage, problem) in [
        (
            changed(|file| file["tokens"]["id_token"] = "no JWT".into()),
            "tokens.id_token is not a JWT",
        ),
        (
            changed(|file| file["last_refresh"] = "yesterday".into()),
            "last_refresh is not a time",
        ),
        (
            changed(|file| file["auth_mode"] = "pigeon".into()),
            "auth_mode is none that Codex loads",
        ),
        (changed(no_refresh_token), "tokens.refresh_token is missing"),
        (
            changed(|file| *file = json!({"auth_mode": "agentIdentity", "agent_identity": "x"})),
            "agent_identity is not a JWT",
        ),
    ] {
        let text = run(&stage, &["status"]).succeeded().stdout;
        let line = format!("Codex cannot load these credentials: {problem}");
        assert!(text.lines().any(|found| found == line), "{text}");
        let status = run(&stage, &["status", "--json"]).succeeded().json();
        assert_eq!(status["codex_can_load"], false, "{status}");
        assert_eq!(status["codex_problem"], problem);
        // The full screen is wanted, for which there is no terminal.
        run(&stage, &["--if-needed"]).failed(2, "needs a terminal");
        let ended = run(&stage, &["doctor", "--offline", "--json"]).failed(1, "");
        let check = &ended.json()["checks"]["credentials.file"];
        assert_eq!(check["status"], "fail", "{check}");
        let summary = check["summary"].as_str().unwrap();
        assert!(summary.contains(problem), "{check}");
        let remedy = check["remediation"].as_str().unwrap();
        assert!(remedy.contains("codex-onboarding login"), "{check}");
    }
}

#[test]
fn a_refresh_mends_what_codex_cannot_load() {
    for stage in [
        changed(|file| file["tokens"]["id_token"] = "no JWT".into()),
        changed(|file| file["last_refresh"] = "yesterday".into()),
        changed(|file| file["auth_mode"] = "".into()),
    ] {
        run(&stage, &["token", "--force-refresh"]).succeeded();
        let status = run(&stage, &["status", "--json"]).succeeded().json();
        assert_eq!(status.get("codex_problem"), None, "{status}");
        run(&stage, &["--if-needed"]).succeeded();
    }
}

#[test]
fn stored_credentials_that_break_the_settings_are_said_by_status_login_and_doctor() {
    let stage = Stage::new();
    stage.sign_in();
    let settings = "forced_login_method = \"api\"\n";
    std::fs::write(stage.codex_home().join("config.toml"), settings).unwrap();
    let rule = "config.toml has forced_login_method = \"api\"";
    let text = run(&stage, &["status"]).succeeded().stdout;
    let line = format!("Codex will sign out these credentials: {rule}");
    assert!(text.lines().any(|found| found == line), "{text}");
    let status = run(&stage, &["status", "--json"]).succeeded().json();
    assert_eq!(status["codex_will_sign_out"], rule, "{status}");
    let ended = run(&stage, &["login"]).failed(1, "warning: Codex will sign out");
    ended.says("demo@example.com");
    let ended = run(&stage, &["doctor", "--offline", "--json"]).failed(1, "");
    let check = &ended.json()["checks"]["settings.config"];
    assert_eq!(check["status"], "fail", "{check}");
    assert!(check["summary"].as_str().unwrap().contains(rule), "{check}");
    assert_eq!(check["details"]["storedCredentialsObey"], "no");
    let remedy = check["remediation"].as_str().unwrap();
    assert!(remedy.contains("login --with-api-key"), "{check}");
}

#[test]
fn a_workspace_that_the_settings_leave_out_is_not_shown_whole() {
    let stage = Stage::new();
    stage.sign_in();
    let settings = "forced_chatgpt_workspace_id = \"workspace-canary-wxyz\"\n";
    std::fs::write(stage.codex_home().join("config.toml"), settings).unwrap();
    let ended = run(&stage, &["doctor", "--offline", "--json"]).failed(1, "");
    let check = &ended.json()["checks"]["settings.config"];
    assert_eq!(check["status"], "fail", "{check}");
    assert!(
        check["summary"].as_str().unwrap().contains("…wxyz"),
        "{check}"
    );
    ended.never_prints("canary");
}

#[test]
fn the_machines_own_settings_restrict_every_sign_in_and_are_named() {
    let etc = tempfile::tempdir().unwrap();
    let requires = |text: &str| std::fs::write(etc.path().join("requirements.toml"), text).unwrap();
    let stage = Stage::new();
    let on_machine = |words: &[&str]| Run::new(&stage, words).with_machine_settings(etc.path());
    requires("allowed_login_methods = [\"api\"]");
    let Some(login) = on_machine(&["login"]) else {
        eprintln!("skipped: nobody may make a mount here");
        return;
    };
    let rule = "/etc/codex/requirements.toml has allowed_login_methods = [\"api\"]";
    let ended = login.ends().failed(1, rule);
    ended.says("login --with-api-key");
    let added = on_machine(&["accounts", "add", "--device-auth"]).unwrap();
    added.ends().failed(1, rule);

    requires("allowed_chatgpt_workspaces = [\"acct-a\", \"acct-b\"]");
    let words = ["login", "--json", "--workspace", "acct-b"];
    let login = on_machine(&words).unwrap().starts();
    let link = login.link_of_event();
    assert!(link.ends_with("&allowed_workspace_id=acct-b"), "{link}");
    login.signal(Signal::INT);
    login.ended().failed(130, "");

    // The demo is about no real sign-in.
    requires("allowed_login_methods = []");
    on_machine(&["demo"]).unwrap().ends().succeeded();
    let doctor = on_machine(&["doctor", "--offline", "--json"]).unwrap();
    let check = &doctor.ends().failed(1, "").json()["checks"]["settings.config"];
    assert_eq!(check["status"], "fail", "{check}");
    assert_eq!(check["details"]["machineSettings"], "/etc/codex");
    let unread = check["details"]["notRead"].as_str().unwrap();
    assert!(unread.contains("MDM"), "{check}");
}

#[test]
fn where_no_workspace_is_left_a_key_is_taken_all_the_same() {
    let etc = tempfile::tempdir().unwrap();
    let text = "allowed_chatgpt_workspaces = []";
    std::fs::write(etc.path().join("requirements.toml"), text).unwrap();
    let stage = Stage::new();
    let on_machine = |words: &[&str]| Run::new(&stage, words).with_machine_settings(etc.path());
    let Some(login) = on_machine(&["login", "--with-api-key"]) else {
        eprintln!("skipped: nobody may make a mount here");
        return;
    };
    login.takes(b"sk-1\n").succeeded();
    let words = ["login", "--with-api-key", "--keep", "--workspace", "acct-a"];
    let login = on_machine(&words).unwrap();
    login.takes(b"sk-2\n").succeeded();
    assert_eq!(stage.auth_json()["OPENAI_API_KEY"], "sk-2");
    for words in [&["login"][..], &["login", "--with-access-token"]] {
        let ended = on_machine(words).unwrap().ends().failed(1, text);
        ended.says("login --with-api-key");
    }
}

#[test]
fn a_home_behind_a_link_is_a_tilde_in_the_report_by_either_name() {
    let stage = Stage::new();
    let real = stage.home().join("canary-of-zoe");
    let link = stage.home().join("canary-link");
    std::fs::create_dir_all(real.join(".codex")).unwrap();
    symlink(&real, &link).unwrap();
    for home in [&real, &link] {
        let codex_home = home.join(".codex");
        std::fs::write(codex_home.join("auth.json"), "{ no JSON").unwrap();
        let report = Run::bare(&["doctor", "--offline", "--json"])
            .variable("HOME", &link)
            .variable("CODEX_HOME", &codex_home)
            .variable("HTTPS_PROXY", "http://proxy.example:3128/canary-path");
        let ended = report.ends().failed(1, "");
        ended.prints("~/.codex");
        ended.never_prints("canary");
    }
}

#[test]
fn a_report_through_a_pipe_holds_what_the_environment_tells_of_the_terminal() {
    let stage = Stage::new();
    let report = Run::new(&stage, &["doctor", "--offline", "--json"])
        .variable("TERM", "xterm-kitty")
        .variable("LC_ALL", "C.UTF-8")
        .variable("NO_COLOR", "1")
        .variable("STY", "1.screen");
    let report = report.ends().json();
    let details = |id: &str| report["checks"][id]["details"].clone();
    let screen = details("terminal.screen");
    assert_eq!(screen["term"], "xterm-kitty", "{screen}");
    assert_eq!(screen["utf8"], "yes");
    assert_eq!(screen["colours"], "off (NO_COLOR)");
    assert_eq!(details("terminal.clipboard")["multiplexer"], "screen");
}

#[test]
fn where_hardly_any_descriptor_is_left_the_error_is_internal_and_no_panic() {
    let stage = Stage::new();
    stage.sign_in();
    for limit in 3..24 {
        for words in [&["token"][..], &["status"], &["doctor", "--offline"]] {
            let ended = Run::new(&stage, words).with_descriptors(limit).ends();
            if ended.code() == 1 && ended.stderr.contains("The program cannot start") {
                ended.says("ulimit -n");
                assert!(limit < 20, "{ended:?}");
            } else {
                // Too few for the shell that sets the limit, or enough.
                ended.never_says("panicked");
                assert!(!(6..=14).contains(&limit), "{limit}: {ended:?}");
            }
        }
    }
}
