//! Sign-ins that are refused, forbidden, late or ended by a signal save nothing.

use super::*;

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
    stage.issuer.fault(Route::Token, Fault::HostileText);
    let login = Run::new(&stage, &["login"]).starts();
    let link = login.link();
    assert_eq!(stage.browse(&stage.approve(&link)).status, 500);
    let ended = login.ended().failed(1, "Token exchange failed");
    assert!(
        !ended.stderr.contains(['\u{1b}', '\u{202e}', '\u{200b}']),
        "{ended:?}"
    );
    ended.never_says("\nSuccessfully");
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

#[test]
fn a_workspace_that_config_toml_does_not_allow_is_an_error_that_names_the_file() {
    let stage = Stage::new();
    config(
        &stage,
        "forced_chatgpt_workspace_id = [\"acct-a\", \"acct-b\"]\n",
    );
    let path = stage.codex_home().join("config.toml");
    let words = ["login", "--workspace", "acct-c"];
    let ended = run(&stage, &words).failed(1, &path.display().to_string());
    ended.says("forced_chatgpt_workspace_id");
    let words = ["login", "--json", "--workspace", "acct-c"];
    let events = run(&stage, &words).failed(1, "").events();
    assert_eq!(events[0]["error"]["kind"], "denied");
    let both = ["--workspace", "acct-c", "--workspace", "acct-b"];
    let login = Run::new(&stage, &[&["login", "--json"][..], &both].concat()).starts();
    let link = login.link_of_event();
    assert!(link.ends_with("&allowed_workspace_id=acct-b"), "{link}");
    login.signal(Signal::INT);
    login.ended().failed(130, "");
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
    let way = format!("Use: {}\n", command(&stage, "login"));
    ended.says(&way);
    config(&stage, "forced_login_method = \"api\"\n");
    let ended = run(&stage, &["login"]).failed(1, "forced_login_method = \"api\"");
    ended.says("codex-onboarding login --with-api-key");
    Run::new(&stage, &["login", "--with-api-key"])
        .takes(b"sk-1\n")
        .succeeded();
}

#[test]
fn settings_of_codex_that_do_not_fit_are_warnings() {
    for (text, words) in [
        (
            "cli_auth_credentials_store = \"pigeon\"\n",
            "is not understood",
        ),
        ("forced_login_method = 1\n", "is not understood"),
        ("a = [", "is not valid TOML at line 1"),
    ] {
        let stage = Stage::new();
        config(&stage, text);
        let ended = Run::new(&stage, &["login", "--with-api-key"])
            .takes(b"sk-1\n")
            .succeeded();
        ended.says(words);
        ended.says("config.toml");
    }
}

#[test]
fn nobody_comes_before_the_timeout() {
    let stage = Stage::new();
    let words = ["login", "--timeout", "30ms"];
    let ended = run(&stage, &words).failed(1, "Nobody signed in within 30ms");
    ended.says("--timeout");
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
    ended.says("next: ");
    ended.says(&format!("process {}", std::process::id()));
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
fn a_device_code_needs_no_port() {
    let stage = Stage::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut arguments = stage.arguments();
    arguments[3] = holder.local_addr().unwrap().port().to_string();
    let mut words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    words.extend(["login", "--device-auth", "--json"]);
    let login = Run::bare(&words).variable("HOME", stage.home()).starts();
    let event = login.event("device_code");
    stage.approve_device(event["user_code"].as_str().unwrap());
    login.ended().succeeded();
    assert!(stage.auth_file().exists());
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
    // The signal handler is installed before anything is read.
    login.reads();
    login.signal(Signal::TERM);
    login.ended().failed(143, "The sign-in was cancelled");
    assert!(!stage.auth_file().exists());
}
