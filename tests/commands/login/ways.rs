//! Every way to sign in, and its words.

use super::*;
use crate::executable;

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
    assert!(ended.stderr.ends_with(&done(&stage)), "{ended:?}");
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
        assert!(ended.stderr.ends_with(&done(&stage)), "{ended:?}");
        ended.never_says(&value("code"));
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
    assert!(said.contains("device codes are off"), "{said}");
    let code = said
        .lines()
        .find_map(|line| line.strip_prefix("  "))
        .unwrap();
    stage.approve_device(code);
    let ended = login.ended().succeeded();
    assert!(ended.stderr.ends_with(&done(&stage)), "{ended:?}");
    is_signed_in(&stage);
}

#[test]
fn an_issuer_without_device_codes_says_so() {
    let stage = Stage::new();
    let gone = Fault::Status(404, "{}".to_owned());
    stage.issuer.fault(Route::UserCode, gone);
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
        "  sk-proj-key \r\n\n",
        "sk-proj-key",
        "\u{feff}OPENAI_API_KEY=\"sk-proj-key\"\r\n",
    ] {
        let stage = Stage::new();
        let login = Run::new(&stage, &["login", "--with-api-key"]);
        login.takes(input.as_bytes()).succeeded();
        let file = stage.auth_json();
        assert_eq!(file["OPENAI_API_KEY"], "sk-proj-key");
        assert_eq!(file["auth_mode"], "apikey");
        assert_eq!(file.get("tokens"), None);
        assert!(stage.issuer.requests().is_empty());
    }
}

/// Makes a browser that writes its link to a file and exits.
fn browser(stage: &Stage) -> String {
    let script = stage.home().join("browser");
    let opened = stage.home().join("opened");
    let text = format!(
        "#!/bin/sh\nprintf %s \"$1\" > {0}.part && mv {0}.part {0}\n",
        opened.display()
    );
    executable::write(&script, text);
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
    ended.never_says("ssh -L");
}

/// Waits for the file and returns its text.
pub fn wait_for(file: &Path) -> String {
    wait_until(&file.display().to_string(), || file.exists());
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn a_text_browser_anywhere_in_the_list_is_not_started() {
    let stage = Stage::new();
    let script = PathBuf::from(browser(&stage));
    let lynx = stage.home().join("lynx");
    std::fs::rename(&script, &lynx).unwrap();
    let list = format!("/nonexistent/browser:{}", lynx.display());
    let login = Run::new(&stage, &["login", "-v"])
        .variable("BROWSER", list)
        .starts();
    login.link();
    login.stderr.hears("BROWSER names a text browser");
    login.signal(Signal::INT);
    login.ended().failed(130, "cancelled");
    assert!(!stage.home().join("opened").exists());
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
fn a_stored_api_key_is_said_to_go_before_it_goes() {
    let stage = Stage::new();
    stage.write_auth_file(r#"{"OPENAI_API_KEY":"sk-stored"}"#);
    let login = Run::new(&stage, &["login"]).starts();
    stage.browse(&stage.approve(&login.link()));
    let ended = login.ended().succeeded();
    let path = stage.auth_file().display().to_string();
    let first = format!("note: signing in drops the API key stored in {path} (--keep keeps it)\n");
    assert!(ended.stderr.starts_with(&first), "{ended:?}");
    ended.never_says("sk-stored");
    is_signed_in(&stage);
}

#[test]
fn a_secret_of_another_kind_is_said_to_go_too() {
    let stage = Stage::new();
    let path = stage.auth_file().display().to_string();
    for (file, kind) in [
        (
            r#"{"personal_access_token":"at-1"}"#,
            "personal access token",
        ),
        (
            r#"{"bedrock_api_key":{"api_key":"x","region":"y"}}"#,
            "Amazon Bedrock API key",
        ),
    ] {
        stage.write_auth_file(file);
        let ended = Run::new(&stage, &["login", "--with-api-key"]).takes(b"sk-1\n");
        let first =
            format!("note: signing in drops the {kind} stored in {path} (--keep keeps it)\n");
        assert!(ended.stderr.starts_with(&first), "{ended:?}");
    }
}

#[test]
fn another_account_is_said_to_go_before_it_goes() {
    let stage = Stage::with(Profile::default().email("old@example.com"));
    stage.sign_in();
    let path = stage.auth_file().display().to_string();
    stage
        .issuer
        .edit_profile(|profile| profile.email("new@example.com"));
    let login = Run::new(&stage, &["login"]).starts();
    stage.browse(&stage.approve(&login.link()));
    let ended = login.ended().succeeded();
    let first = format!(
        "note: signing in as anybody else drops old@example.com stored in {path} (--keep keeps it)\n"
    );
    assert!(ended.stderr.starts_with(&first), "{ended:?}");
    ended.says("\nas new@example.com (ChatGPT Plus)\n");
    let ended = Run::new(&stage, &["login", "--with-api-key"]).takes(b"sk-1\n");
    let first =
        format!("note: signing in drops new@example.com stored in {path} (--keep keeps it)\n");
    assert!(ended.succeeded().stderr.starts_with(&first));
    let ended = Run::new(&stage, &["login", "--with-api-key"]).takes(b"sk-2\n");
    let first = format!("note: signing in drops the API key stored in {path} (--keep keeps it)\n");
    assert!(ended.succeeded().stderr.starts_with(&first));
}

#[test]
fn an_account_without_an_address_is_named_by_its_workspace() {
    let stage = Stage::with(Profile::default().claim(TokenKind::Id, "email", Value::Null));
    let login = Run::new(&stage, &["login"]).starts();
    stage.browse(&stage.approve(&login.link()));
    let ended = login.ended().succeeded();
    let name = "\nas workspace acct-demo (ChatGPT Plus)\n";
    ended.says(name);
}

#[test]
fn the_session_that_is_replaced_stays_alive() {
    let stage = Stage::new();
    let old = stage.sign_in();
    let login = Run::new(&stage, &["login"]).starts();
    stage.browse(&stage.approve(&login.link()));
    login.ended().succeeded();
    assert!(stage.issuer.accepts_refresh_token(&old.refresh_token));
    is_signed_in(&stage);
}

#[test]
fn the_extras_are_told_of_before_the_end() {
    let stage = Stage::new();
    let words = ["login", "--exchange-api-key", "--redeem-credits"];
    let login = Run::new(&stage, &words).starts();
    stage.browse(&stage.approve(&login.link()));
    let ended = login.ended().succeeded();
    let (before, _) = ended.stderr.split_once(&done(&stage)).unwrap();
    assert!(
        before.contains("An API key for your organization was created"),
        "{ended:?}"
    );
    assert!(before.contains("API credits worth $5"), "{ended:?}");
    let key = stage.auth_json()["OPENAI_API_KEY"]
        .as_str()
        .unwrap()
        .to_owned();
    ended.never_says(&key);
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
    ended.says("needs a payment method");
}
