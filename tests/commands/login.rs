//! `login`: the ways through it, what is said on the way, and how it ends.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use codex_onboarding::demo::{Endpoint, Fault, Profile};
use rustix::process::Signal;

use crate::program::{Run, run};
use crate::stage::Stage;

const DONE: &str = "Successfully logged in\nas demo@example.com (ChatGPT Plus)\n";

fn is_signed_in(stage: &Stage) {
    let file = stage.auth_json();
    assert_eq!(file["auth_mode"], "chatgpt");
    let refresh_token = file["tokens"]["refresh_token"].as_str().unwrap();
    assert!(stage.issuer.accepts_refresh_token(refresh_token));
    assert_eq!(mode(&stage.auth_file()), 0o600);
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn through_the_browsers_callback_in_the_words_that_hosts_parse() {
    let stage = Stage::new();
    let login = Run::new(&stage, &["login"]).starts();
    let link = login.link();
    let said = login.stderr.so_far();
    let port = link
        .split_once("localhost%3A")
        .unwrap()
        .1
        .split('%')
        .next()
        .unwrap();
    let expected = format!(
        "Starting local login server on http://localhost:{port}\n\
         If your browser did not open, navigate to this URL to authenticate:\n\n{link}\n\n"
    );
    assert!(said.starts_with(&expected), "{said}");
    let page = stage.browse(&stage.approve(&link));
    assert!(page.body.contains("Signed in to Codex CLI"));
    let ended = login.ended().succeeded();
    assert!(ended.stderr.ends_with(DONE), "{ended:?}");
    assert_eq!(ended.stdout, "");
    is_signed_in(&stage);
    assert_eq!(mode(&stage.codex_home()), 0o700);
}

#[test]
fn through_a_paste_in_a_pipe_in_each_form_that_is_accepted() {
    for form in 0..4 {
        let stage = Stage::new();
        let mut login = Run::new(&stage, &["login"]).listening().starts();
        let callback = stage.approve(&login.link());
        let query = callback.split_once('?').unwrap().1;
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|pair| pair.0 == name).unwrap().1.to_owned()
        };
        let text = match form {
            0 => callback.clone(),
            1 => format!("  <{callback}>  "),
            2 => query.to_owned(),
            _ => format!("{}#{}", value("code"), value("state")),
        };
        login.types(format!("\nnonsense\n{text}\n"));
        let ended = login.ended().succeeded();
        assert!(ended.stderr.ends_with(DONE), "{ended:?}");
        assert!(!ended.stderr.contains(&value("code")), "{ended:?}");
        is_signed_in(&stage);
    }
}

#[test]
fn a_pasted_link_or_a_wrong_state_is_named_and_the_sign_in_goes_on() {
    let stage = Stage::new();
    let mut login = Run::new(&stage, &["login"]).listening().starts();
    let link = login.link();
    login.types(format!("{link}\n"));
    login
        .stderr
        .hears("paste the address you land on afterwards");
    login.types("http://localhost:1455/auth/callback?code=x&state=wrong\n");
    login.stderr.hears("error: ");
    login.hangs_up();
    assert_eq!(stage.browse(&stage.approve(&link)).status, 200);
    login.ended().succeeded();
    is_signed_in(&stage);
}

#[test]
fn the_end_of_standard_input_ends_only_the_pasting() {
    let stage = Stage::new();
    let mut login = Run::new(&stage, &["login"]).listening().starts();
    login.hangs_up();
    let link = login.link();
    stage.browse(&stage.approve(&link));
    login.ended().succeeded();
    is_signed_in(&stage);
}

#[test]
fn through_a_code_for_another_device() {
    let stage = Stage::new();
    let login = Run::new(&stage, &["login", "--device-auth"]).starts();
    login.stderr.hears("that sign-in did not start here.");
    let said = login.stderr.so_far();
    assert!(said.contains(&format!("open {}/codex/device\n", stage.issuer.url())));
    assert!(said.contains("expires in 15 minutes"));
    assert!(said.contains("Never share this code"));
    let code = said
        .lines()
        .find_map(|line| line.strip_prefix("  "))
        .unwrap();
    stage.approve_device(code);
    let ended = login.ended().succeeded();
    assert!(ended.stderr.ends_with(DONE), "{ended:?}");
    is_signed_in(&stage);
}

#[test]
fn an_issuer_without_device_codes_says_so() {
    let stage = Stage::new();
    let gone = Fault::Status(404, "{}".to_owned());
    stage.issuer.fault(Endpoint::UserCode, gone);
    let ended = run(&stage, &["login", "--device-auth"]);
    ended.failed(
        1,
        "Device code login is not enabled for this account or issuer",
    );
}

#[test]
fn with_an_api_key_from_a_pipe() {
    for input in [
        "sk-proj-key\n",
        "  sk-proj-key \r\nsecond line\n",
        "sk-proj-key",
    ] {
        let stage = Stage::new();
        let ended = Run::new(&stage, &["login", "--with-api-key"]).takes(input.as_bytes());
        let ended = ended.succeeded();
        assert_eq!(
            (ended.stdout.as_str(), ended.stderr.as_str()),
            ("", "Successfully logged in\n")
        );
        let file = stage.auth_json();
        assert_eq!(file["OPENAI_API_KEY"], "sk-proj-key");
        assert_eq!(file["auth_mode"], "apikey");
        assert_eq!(file.get("tokens"), None);
        assert!(stage.issuer.requests().is_empty());
    }
}

/// A browser that leaves word that it was opened, and is gone.
fn browser(stage: &Stage) -> String {
    let script = stage.home().join("browser");
    let opened = stage.home().join("opened");
    let text = format!(
        "#!/bin/sh\nprintf %s \"$1\" > {0}.part && mv {0}.part {0}\n",
        opened.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    script.display().to_string()
}

#[test]
fn the_browser_is_given_the_whole_link() {
    let stage = Stage::new();
    let login = Run::new(&stage, &["login"])
        .variable("BROWSER", browser(&stage))
        .starts();
    let link = login.link();
    let opened = wait_for(&stage.home().join("opened"));
    assert_eq!(opened, link);
    login.signal(Signal::INT);
    let ended = login.ended().failed(130, "cancelled");
    assert!(
        !ended.stderr.contains("ssh -L"),
        "the browser is here: {ended:?}"
    );
}

/// What is in a file, once it is there.
pub fn wait_for(file: &Path) -> String {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Ok(text) = std::fs::read_to_string(file) {
            return text;
        }
        assert!(Instant::now() < end, "no {}", file.display());
        std::thread::yield_now();
    }
}

#[test]
fn no_browser_opens_none() {
    let stage = Stage::new();
    let login = Run::new(&stage, &["login", "--no-browser"])
        .variable("BROWSER", browser(&stage))
        .starts();
    let link = login.link();
    stage.browse(&stage.approve(&link));
    login.ended().succeeded();
    assert!(!stage.home().join("opened").exists());
    is_signed_in(&stage);
}

#[test]
fn denied_in_the_browser() {
    let stage = Stage::new();
    let login = Run::new(&stage, &["login", "--json"]).starts();
    let link = login.link_of_event();
    assert_eq!(stage.browse(&stage.deny(&link)).status, 403);
    let ended = login.ended().failed(1, "");
    assert_eq!(ended.events().last().unwrap()["error"]["kind"], "denied");
    assert!(!stage.auth_file().exists());

    let stage = Stage::new();
    let login = Run::new(&stage, &["login"]).starts();
    stage.browse(&stage.deny(&login.link()));
    login.ended().failed(1, "error: ");
}

#[test]
fn a_token_endpoint_that_refuses_leaves_the_old_credentials_untouched() {
    let stage = Stage::new();
    stage.sign_in();
    let before = stage.auth_json();
    stage.issuer.fault(Endpoint::Token, Fault::HostileText);
    let login = Run::new(&stage, &["login"]).starts();
    let link = login.link();
    assert_eq!(stage.browse(&stage.approve(&link)).status, 500);
    let ended = login.ended().failed(1, "Token exchange failed");
    assert!(
        !ended.stderr.contains(['\u{1b}', '\u{202e}', '\u{200b}']),
        "{ended:?}"
    );
    assert!(!ended.stderr.contains("\nSuccessfully"), "{ended:?}");
    assert_eq!(stage.auth_json(), before);
}

#[test]
fn an_account_of_another_workspace_is_refused_by_flag_and_by_config() {
    let stage = Stage::new();
    let by_flag = Run::new(&stage, &["login", "--json", "--workspace", "acct-other"]);
    let by_config = |stage: &Stage| {
        config(stage, "forced_chatgpt_workspace_id = \"acct-other\"\n");
        Run::new(stage, &["login", "--json"])
    };
    for login in [by_flag, by_config(&stage)] {
        let login = login.starts();
        let link = login.link_of_event();
        assert!(link.contains("allowed_workspace_id=acct-other"));
        assert_eq!(stage.browse(&stage.approve(&link)).status, 403);
        let ended = login.ended().failed(1, "");
        assert_eq!(ended.events().last().unwrap()["error"]["kind"], "denied");
        assert!(!stage.auth_file().exists());
    }
}

fn config(stage: &Stage, text: &str) {
    std::fs::create_dir_all(stage.codex_home()).unwrap();
    std::fs::write(stage.codex_home().join("config.toml"), text).unwrap();
}

#[test]
fn a_forced_login_method_forbids_the_other_and_names_the_way() {
    let stage = Stage::new();
    config(&stage, "forced_login_method = \"chatgpt\"\n");
    let ended = Run::new(&stage, &["login", "--with-api-key"]).takes(b"sk-1\n");
    let ended = ended.failed(1, "forced_login_method = \"chatgpt\"");
    assert!(
        ended.stderr.contains("Use: codex-onboarding login\n"),
        "{ended:?}"
    );
    config(&stage, "forced_login_method = \"api\"\n");
    let ended = run(&stage, &["login"]).failed(1, "forced_login_method = \"api\"");
    assert!(
        ended
            .stderr
            .contains("codex-onboarding login --with-api-key")
    );
    Run::new(&stage, &["login", "--with-api-key"])
        .takes(b"sk-1\n")
        .succeeded();
}

#[test]
fn settings_of_codex_that_do_not_fit_are_warnings() {
    for (text, words) in [
        (
            "cli_auth_credentials_store = \"keyring\"\n",
            "makes Codex look elsewhere",
        ),
        ("forced_login_method = 1\n", "is not understood"),
        ("a = [", "is not valid TOML at line 1"),
    ] {
        let stage = Stage::new();
        config(&stage, text);
        let ended = Run::new(&stage, &["login", "--with-api-key"])
            .takes(b"sk-1\n")
            .succeeded();
        assert!(ended.stderr.contains(words), "{ended:?}");
        assert!(ended.stderr.contains("config.toml"), "{ended:?}");
    }
}

#[test]
fn a_stored_api_key_is_said_to_go_before_it_goes() {
    let stage = Stage::new();
    stage.write_auth_file(r#"{"OPENAI_API_KEY":"sk-stored"}"#);
    let login = Run::new(&stage, &["login"]).starts();
    stage.browse(&stage.approve(&login.link()));
    let ended = login.ended().succeeded();
    let path = stage.auth_file().display().to_string();
    let first = format!("note: signing in drops the API key stored in {path}\n");
    assert!(ended.stderr.starts_with(&first), "{ended:?}");
    assert!(!ended.stderr.contains("sk-stored"));
    is_signed_in(&stage);
}

#[test]
fn the_session_that_is_replaced_is_revoked() {
    let stage = Stage::new();
    let old = stage.sign_in();
    let login = Run::new(&stage, &["login"]).starts();
    stage.browse(&stage.approve(&login.link()));
    login.ended().succeeded();
    assert!(!stage.issuer.accepts_refresh_token(&old.refresh_token));
    is_signed_in(&stage);
}

#[test]
fn the_extras_are_told_of_before_the_end() {
    let stage = Stage::new();
    let words = ["login", "--exchange-api-key", "--redeem-credits"];
    let login = Run::new(&stage, &words).starts();
    stage.browse(&stage.approve(&login.link()));
    let ended = login.ended().succeeded();
    let (before, _) = ended.stderr.split_once(DONE).unwrap();
    assert!(
        before.contains("An API key of your organization was made"),
        "{ended:?}"
    );
    assert!(before.contains("API credits worth $5"), "{ended:?}");
    let key = stage.auth_json()["OPENAI_API_KEY"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!ended.stderr.contains(&key));
    is_signed_in(&stage);
}

#[test]
fn an_organization_that_needs_setup_is_told_of() {
    let stage = Stage::with(Profile::default().needs_setup());
    let login = Run::new(&stage, &["login"]).starts();
    let page = stage.browse(&stage.approve(&login.link()));
    assert!(
        page.body
            .contains("Finish setting up your API organization")
    );
    let ended = login.ended().succeeded();
    assert!(ended.stderr.contains("needs a payment method"), "{ended:?}");
}

#[test]
fn nobody_comes_before_the_timeout() {
    let stage = Stage::new();
    let words = ["login", "--timeout", "30ms"];
    let ended = run(&stage, &words).failed(1, "Nobody signed in within 30ms");
    assert!(ended.stderr.contains("--timeout"));
    let ended = run(&stage, &["login", "--timeout", "30ms", "--json"]).failed(1, "");
    let events = ended.events();
    assert_eq!(events.len(), 2, "{ended:?}");
    assert_eq!(events[1]["error"]["kind"], "timeout");
}

#[test]
fn a_port_that_is_taken_is_exit_13_and_says_whose_it_is() {
    let stage = Stage::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    holder.set_nonblocking(true).unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let mut arguments = stage.arguments();
    arguments[3].clone_from(&port);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let login = |more: &[&str]| {
        let run = Run::bare(&[&words[..], &["login"], more].concat());
        run.variable("HOME", stage.home()).ends()
    };
    let ended = login(&[]).failed(13, &format!("Port {port} is in use by"));
    assert!(ended.stderr.contains("next: "), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains(&format!("process {}", std::process::id())),
        "{ended:?}"
    );
    let ended = login(&["--json"]).failed(13, "");
    assert_eq!(ended.events()[0]["error"]["kind"], "port_in_use");
    let sent = holder.accept().unwrap_err();
    assert_eq!(
        sent.kind(),
        std::io::ErrorKind::WouldBlock,
        "nothing is sent to the holder"
    );
}

#[test]
fn a_signal_cancels_and_nothing_is_saved() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let stage = Stage::new();
        let login = Run::new(&stage, &["login"]).starts();
        login.link();
        login.signal(signal);
        login.ended().failed(code, "The sign-in was cancelled");
        assert!(!stage.auth_file().exists());

        let login = Run::new(&stage, &["login", "--json"]).starts();
        login.link_of_event();
        login.signal(signal);
        let ended = login.ended().failed(code, "");
        assert_eq!(ended.events().last().unwrap()["error"]["kind"], "cancelled");
    }
}

#[test]
fn a_signal_while_an_api_key_is_waited_for_cancels_too() {
    let stage = Stage::new();
    let login = Run::new(&stage, &["login", "--with-api-key"])
        .listening()
        .starts();
    // The handler stands before anything is read.
    login.reads();
    login.signal(Signal::TERM);
    login.ended().failed(143, "The sign-in was cancelled");
    assert!(!stage.auth_file().exists());
}

mod as_json {
    use std::io::Read as _;

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_sign_in_is_a_url_and_a_completion() {
        let stage = Stage::new();
        let login = Run::new(&stage, &["login", "--json"]).starts();
        let link = login.link_of_event();
        stage.browse(&stage.approve(&link));
        let ended = login.ended().succeeded();
        let [url, completed] = &ended.events()[..] else {
            panic!("{ended:?}");
        };
        let port = url["port"].as_u64().unwrap();
        let short = url["short_url"].as_str().unwrap();
        assert!(short.starts_with(&format!("http://localhost:{port}/login/")));
        assert!(short.len() <= 40);
        let expected = json!({
            "version": 1, "event": "url", "url": link, "short_url": short, "port": port,
        });
        assert_eq!(*url, expected);
        assert_eq!(
            *completed,
            json!({"version": 1, "event": "completed", "account": {
                "mode": "chatgpt",
                "email": "demo@example.com",
                "plan": "plus",
                "account_id": "acct-demo",
            }})
        );
        assert!(!ended.stderr.contains("http"), "{ended:?}");
    }

    #[test]
    fn the_short_link_leads_to_the_same_sign_in() {
        let stage = Stage::new();
        let login = Run::new(&stage, &["login", "--json"]).starts();
        let short = login.event("url")["short_url"].as_str().unwrap().to_owned();
        stage.browse(&stage.approve(&short));
        login.ended().succeeded();
        is_signed_in(&stage);
    }

    #[test]
    fn a_device_code_is_an_event() {
        let stage = Stage::new();
        let login = Run::new(&stage, &["login", "--device-auth", "--json"]).starts();
        let event = login.event("device_code");
        let code = event["user_code"].as_str().unwrap();
        let url = format!("{}/codex/device", stage.issuer.url());
        let expected = json!({
            "version": 1,
            "event": "device_code",
            "user_code": code,
            "verification_url": url,
            "expires_in": 900,
        });
        assert_eq!(event, expected);
        stage.approve_device(code);
        let events = login.ended().succeeded().events();
        assert_eq!(events.last().unwrap()["event"], "completed");
    }

    #[test]
    fn an_api_key_is_a_completion_without_a_name() {
        let stage = Stage::new();
        let words = ["login", "--with-api-key", "--json"];
        let ended = Run::new(&stage, &words).takes(b"sk-1\n").succeeded();
        let account = json!({"mode": "apikey", "email": null, "plan": null, "account_id": null});
        let expected = json!({"version": 1, "event": "completed", "account": account});
        assert_eq!(ended.events(), [expected]);
        assert_eq!(ended.stderr, "");
    }

    #[test]
    fn a_failure_has_a_kind_a_message_and_a_hint() {
        let stage = Stage::new();
        stage.issuer.fault(Endpoint::UserCode, Fault::Reset);
        let ended = run(&stage, &["login", "--device-auth", "--json"]).failed(1, "");
        let events = ended.events();
        let failed = events.last().unwrap();
        assert_eq!(failed["event"], "failed");
        assert_eq!(failed["error"]["kind"], "network");
        for key in ["message", "hint"] {
            assert!(failed["error"].get(key).is_some(), "{failed}");
        }
    }

    #[test]
    fn a_script_that_went_away_does_not_end_the_sign_in() {
        let stage = Stage::new();
        let (mut output, input) = std::io::pipe().unwrap();
        let login = Run::new(&stage, &["login", "--json"])
            .writing_to(input)
            .starts();
        let mut heard = Vec::new();
        while heard.last() != Some(&b'\n') {
            let mut byte = [0];
            output.read_exact(&mut byte).unwrap();
            heard.push(byte[0]);
        }
        drop(output);
        let event: Value = serde_json::from_slice(&heard).unwrap();
        let link = event["url"].as_str().unwrap();
        stage.browse(&stage.approve(link));
        login.ended().succeeded();
        is_signed_in(&stage);
    }
}
