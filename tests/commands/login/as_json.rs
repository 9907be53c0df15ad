//! `--json`: events for scripts.

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
    assert_eq!((&url["url"], &url["event"]), (&json!(link), &json!("url")));
    assert_eq!(completed["event"], "completed");
    ended.never_says("http");
}

#[test]
fn a_callback_that_did_not_arrive_is_said_on_standard_error_and_is_no_event() {
    let stage = Stage::new();
    let login = Run::new(&stage, &["login", "--json"]).starts();
    let callback = stage.approve(&login.link_of_event());
    let stateless = callback.replace("state=", "stat=");
    assert_eq!(stage.browse(&stateless).status, 400);
    assert_eq!(stage.browse(&callback).status, 200);
    let ended = login.ended().succeeded();
    assert_eq!(ended.events().len(), 2, "{ended:?}");
    ended.says("paste the address");
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
fn a_failure_has_a_kind_a_message_and_a_hint() {
    let stage = Stage::new();
    stage.issuer.fault(Route::UserCode, Fault::Reset);
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
