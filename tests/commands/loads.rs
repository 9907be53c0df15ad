//! Stored credentials that the next `codex` will not use: files that Codex cannot load
//! (spec, section 9).

use serde_json::{Value, json};

use crate::program::run;
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
