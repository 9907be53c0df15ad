//! A sign-in that is left and gone on with later (spec, section 13).

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use codex_onboarding::demo::Profile;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::accounts::{names, profile, with_accounts};
use crate::issuer::{Fault, Route};
use crate::patience::wait_until;
use crate::program::{Exited, Run, run};
use crate::stage::{PROGRAM, Stage, await_request};

/// An issuer that wants to be asked each second.
fn stage() -> Stage {
    Stage::with(Profile::default().device_interval(1))
}

fn file(stage: &Stage) -> PathBuf {
    stage.codex_home().join("pending-sign-in.json")
}

fn kept(stage: &Stage) -> Value {
    serde_json::from_slice(&std::fs::read(file(stage)).unwrap()).unwrap()
}

/// `login --no-wait --json` and its events by name.
fn left(stage: &Stage, more: &[&str]) -> (Value, Option<Value>) {
    let words = [&["login", "--no-wait", "--json"], more].concat();
    let mut events = run(stage, &words).succeeded().events().into_iter();
    let url = events.next().unwrap();
    assert_eq!(url["event"], "url");
    (url, events.next())
}

fn resume(stage: &Stage, more: &[&str]) -> Exited {
    run(stage, &[&["login", "--resume"], more, &["--json"]].concat())
}

fn user_code(event: Option<&Value>) -> String {
    event.unwrap()["user_code"].as_str().unwrap().to_owned()
}

#[test]
fn a_sign_in_is_left_with_a_code_a_link_and_the_command_that_goes_on() {
    let stage = stage();
    let (url, code) = left(&stage, &[]);
    let code = code.unwrap();
    assert_eq!(
        (&url["port"], &url["short_url"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(code["event"], "device_code");
    let command = crate::login::command(&stage, "login --resume");
    assert_eq!(
        (&url["resume"], &code["resume"]),
        (&json!(command), &json!(command))
    );
    assert_eq!(
        file(&stage).metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(!stage.auth_file().exists());

    let said = run(&stage, &["login", "--no-wait"]).succeeded();
    assert_eq!(said.stdout, "");
    let links: Vec<_> = said
        .stderr
        .lines()
        .filter(|line| line.starts_with("http"))
        .collect();
    assert_eq!(links.len(), 1, "{said:?}");
    assert!(links[0].contains("/oauth/authorize?"), "{said:?}");
    said.says("expires in 15 minutes");
    said.says(&command);
}

#[test]
fn once_approved_it_is_finished_by_another_process_and_its_file_goes() {
    let stage = stage();
    let (_, code) = left(&stage, &[]);
    let waiting = resume(&stage, &["--timeout", "0"]);
    assert_eq!(waiting.code(), 75, "{waiting:?}");
    assert_eq!(waiting.events()[0]["event"], "pending");
    assert!(waiting.events()[0]["expires_in"].as_u64().unwrap() > 800);
    stage.approve_device(&user_code(code.as_ref()));
    let ended = resume(&stage, &[]).succeeded();
    assert_eq!(ended.events().pop().unwrap()["event"], "completed");
    assert_eq!(stage.auth_json()["auth_mode"], "chatgpt");
    assert!(!file(&stage).exists());
    let nothing = resume(&stage, &[]);
    assert_eq!(nothing.code(), 1);
    assert_eq!(nothing.events()[0]["error"]["kind"], "not_signed_in");
}

#[test]
fn the_interval_holds_across_processes() {
    let stage = Stage::with(Profile::default().device_interval(60));
    left(&stage, &[]);
    for _ in 0..3 {
        assert_eq!(resume(&stage, &["--timeout", "0"]).code(), 75);
    }
    assert_eq!(stage.issuer.count(Route::DeviceToken), 0);
}

#[test]
fn a_poll_is_written_down_and_a_killed_process_leaves_the_interval_to_the_next() {
    let stage = Stage::with(Profile::default().device_interval(1));
    let slow_down = Fault::Status(429, "{}".to_owned());
    stage.issuer.fault(Route::DeviceToken, slow_down);
    left(&stage, &[]);
    let (at_first, interval) = {
        let device = &kept(&stage)["device"];
        (device["polled_at"].clone(), device["interval"].clone())
    };
    let running = Run::new(&stage, &["login", "--resume"]).starts();
    wait_until("the poll in the file", || {
        kept(&stage)["device"]["polled_at"] != at_first
    });
    running.signal(Signal::KILL);
    drop(running.ended());
    assert_ne!(kept(&stage)["device"]["interval"], interval, "slower");
    let polls = stage.issuer.count(Route::DeviceToken);
    assert_eq!(resume(&stage, &["--timeout", "0"]).code(), 75);
    assert_eq!(stage.issuer.count(Route::DeviceToken), polls);
}

#[test]
fn a_lost_connection_leaves_the_code_for_another_try() {
    let stage = stage();
    let (_, code) = left(&stage, &[]);
    stage.issuer.fault_always(Route::DeviceToken, Fault::Reset);
    let ended = resume(&stage, &[]);
    assert_eq!(ended.code(), 1, "{ended:?}");
    assert_eq!(ended.events()[0]["error"]["kind"], "network");
    assert_eq!(
        kept(&stage)["device"]["user_code"],
        user_code(code.as_ref())
    );
}

#[test]
fn a_sign_out_while_somebody_waits_is_the_end_although_it_is_approved_then() {
    let stage = stage();
    let (_, code) = left(&stage, &[]);
    let waiting = Run::new(&stage, &["login", "--resume", "--json"]).starts();
    wait_until("a poll", || stage.issuer.count(Route::DeviceToken) > 0);
    let gate = stage.issuer.hold(Route::DeviceToken);
    await_request(&gate);
    run(&stage, &["logout"]).succeeded();
    stage.approve_device(&user_code(code.as_ref()));
    gate.release();
    let ended = waiting.ended();
    assert_eq!(ended.code(), 1, "{ended:?}");
    let last = ended.events().pop().unwrap();
    assert_eq!(last["error"]["kind"], "not_signed_in");
    assert!(!stage.auth_file().exists());
    assert!(!file(&stage).exists());
}

#[test]
fn the_address_that_the_browser_landed_on_finishes_it_too() {
    let stage = stage();
    stage
        .issuer
        .fault_always(Route::UserCode, Fault::Status(404, "{}".to_owned()));
    let (url, code) = left(&stage, &[]);
    assert_eq!(code, None, "the link alone");
    let wrong = resume(
        &stage,
        &["http://localhost:1455/auth/callback?code=1&state=2"],
    );
    assert_eq!(wrong.code(), 1);
    assert_eq!(wrong.events()[0]["error"]["kind"], "usage");
    let unasked = resume(&stage, &[]);
    assert_eq!(unasked.code(), 2, "nobody could approve it: {unasked:?}");
    assert_eq!(unasked.events()[0]["error"]["kind"], "usage");
    let nothing = Run::new(&stage, &["login", "--resume", "-"]).takes(b"");
    nothing.failed(1, "No address came");
    assert!(file(&stage).exists(), "the attempt stays");
    let callback = stage.approve(url["url"].as_str().unwrap());
    let words = ["login", "--resume", "-", "--json"];
    let ended = Run::new(&stage, &words).takes(format!("{callback}\n").as_bytes());
    assert_eq!(
        ended.succeeded().events().pop().unwrap()["event"],
        "completed"
    );
    assert!(!file(&stage).exists());
}

#[test]
fn a_denial_and_an_expiry_end_it_and_remove_the_file() {
    let stage = stage();
    left(&stage, &[]);
    let denied = Fault::Status(400, r#"{"error":"access_denied"}"#.to_owned());
    stage.issuer.fault(Route::DeviceToken, denied);
    let ended = resume(&stage, &[]);
    assert_eq!(ended.code(), 1);
    assert_eq!(ended.events()[0]["error"]["kind"], "denied");
    assert!(!file(&stage).exists());

    left(&stage, &[]);
    let mut old = kept(&stage);
    old["began_at"] = json!("2026-01-01T00:00:00Z");
    std::fs::write(file(&stage), old.to_string()).unwrap();
    let ended = resume(&stage, &[]);
    assert_eq!(
        (ended.code(), &ended.events()[0]["error"]["kind"]),
        (1, &json!("expired"))
    );
    assert!(!file(&stage).exists());
}

#[test]
fn another_issuer_client_or_a_word_of_the_beginning_is_a_usage_error() {
    let (stage, other) = (stage(), Stage::new());
    left(&stage, &[]);
    let home = stage.codex_home().display().to_string();
    let foreign = [
        "login",
        "--resume",
        "--codex-home",
        &home,
        "--issuer",
        other.issuer.url(),
    ];
    Run::bare(&foreign)
        .ends()
        .failed(2, "begun with another issuer");
    resume(&stage, &["--client-id", "another"]).failed(2, "");
    for words in [&["--workspace", "w"][..], &["--keep"]] {
        let refused = resume(&stage, words);
        assert_eq!(refused.code(), 2, "{words:?}");
        assert_eq!(refused.events()[0]["error"]["kind"], "usage", "{words:?}");
    }
    let named = ["accounts", "add", "--resume", "--name", "work"];
    assert_eq!(run(&stage, &named).code(), 2);
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::copy(file(&stage), elsewhere.path().join("pending-sign-in.json")).unwrap();
    let moved = ["login", "--resume", "--issuer", stage.issuer.url()];
    let moved = Run::bare(&moved)
        .variable("CODEX_HOME", elsewhere.path())
        .ends();
    moved.failed(2, "was begun in");
    assert!(file(&stage).exists());
    assert!(other.issuer.requests().is_empty());
}

#[test]
fn one_process_polls_at_a_time_and_is_named() {
    let stage = stage();
    left(&stage, &[]);
    let first = Run::new(&stage, &["login", "--resume", "--json"]).starts();
    wait_until("a poll", || stage.issuer.count(Route::DeviceToken) > 0);
    let second = resume(&stage, &[]);
    assert_eq!(second.code(), 75);
    assert_eq!(second.events()[0]["event"], "pending");
    let words = run(&stage, &["login", "--resume"]).failed(75, "Another process");
    words.says(&format!("process {}", first.pid().as_raw_nonzero()));
    first.signal(Signal::TERM);
    assert_eq!(first.ended().code(), 143);
    assert!(file(&stage).exists(), "left for later");
}

#[test]
fn ctrl_c_ends_it_and_a_kill_leaves_it() {
    let stage = stage();
    let (_, code) = left(&stage, &[]);
    let running = Run::new(&stage, &["login", "--resume"]).starts();
    wait_until("a poll", || stage.issuer.count(Route::DeviceToken) > 0);
    running.signal(Signal::KILL);
    drop(running.ended());
    stage.approve_device(&user_code(code.as_ref()));
    resume(&stage, &[]).succeeded();

    left(&stage, &[]);
    let polls = stage.issuer.count(Route::DeviceToken);
    let running = Run::new(&stage, &["login", "--resume"]).starts();
    wait_until("a poll", || stage.issuer.count(Route::DeviceToken) > polls);
    running.signal(Signal::INT);
    assert_eq!(running.ended().code(), 130);
    assert!(!file(&stage).exists());
}

#[test]
fn a_new_one_replaces_it_and_whoever_waits_for_the_old_one_hears_of_it() {
    let stage = stage();
    left(&stage, &[]);
    let old = Run::new(&stage, &["login", "--resume", "--json"]).starts();
    wait_until("a poll", || stage.issuer.count(Route::DeviceToken) > 0);
    let (_, code) = left(&stage, &[]);
    let ended = old.ended();
    assert_eq!(ended.code(), 1, "{ended:?}");
    assert!(file(&stage).exists());
    stage.approve_device(&user_code(code.as_ref()));
    resume(&stage, &[]).succeeded();
}

#[test]
fn an_address_that_comes_after_its_sign_in_was_replaced_or_signed_out_finishes_nothing() {
    let stage = stage();
    let taken_away = |by: &dyn Fn()| {
        let (url, _) = left(&stage, &[]);
        let words = ["login", "--resume", "-", "--json"];
        let mut old = Run::new(&stage, &words).listening().starts();
        old.reads();
        by();
        let callback = stage.approve(url["url"].as_str().unwrap());
        old.types(format!("{callback}\n"));
        let ended = old.ended();
        assert_eq!(ended.code(), 1, "{ended:?}");
        assert_eq!(ended.events()[0]["error"]["kind"], "not_signed_in");
        assert!(!stage.auth_file().exists());
    };
    taken_away(&|| drop(left(&stage, &[])));
    taken_away(&|| std::fs::remove_file(file(&stage)).unwrap());
}

#[test]
fn an_approval_that_comes_after_a_sign_out_signs_nobody_in() {
    let stage = stage();
    let (_, code) = left(&stage, &[]);
    let gate = stage.issuer.hold(Route::DeviceToken);
    let running = Run::new(&stage, &["login", "--resume", "--json"]).starts();
    await_request(&gate);
    stage.approve_device(&user_code(code.as_ref()));
    run(&stage, &["logout"]);
    gate.release();
    let ended = running.ended();
    assert_eq!(ended.code(), 1, "{ended:?}");
    assert_eq!(ended.events()[0]["error"]["kind"], "not_signed_in");
    assert!(!stage.auth_file().exists());
    let count = |route| stage.issuer.count(route);
    assert_eq!(count(Route::Token), count(Route::Revoke), "nothing is left");
}

#[test]
fn a_sign_in_of_the_future_is_no_younger_than_one_of_now() {
    let stage = stage();
    left(&stage, &[]);
    let mut set_back = kept(&stage);
    let began_in = |minutes| {
        let at = chrono::Utc::now() + chrono::TimeDelta::minutes(minutes);
        json!(at.to_rfc3339())
    };
    set_back["began_at"] = began_in(5);
    set_back["device"] = Value::Null;
    std::fs::write(file(&stage), set_back.to_string()).unwrap();
    let waiting = resume(&stage, &["--timeout", "0"]);
    assert_eq!(waiting.code(), 75, "{waiting:?}");
    let left = waiting.events()[0]["expires_in"].as_u64().unwrap();
    assert!(left <= 900, "{left}");
    set_back["began_at"] = began_in(20);
    std::fs::write(file(&stage), set_back.to_string()).unwrap();
    assert_eq!(resume(&stage, &[]).code(), 1);
    assert!(!file(&stage).exists());
}

#[test]
fn a_login_that_is_lost_leaves_a_later_sign_in_as_it_is() {
    let stage = stage();
    let running = Run::new(&stage, &["login", "--device-auth"]).starts();
    running.stderr.hears("enter this code");
    wait_until("the file", || file(&stage).exists());
    let (_, code) = left(&stage, &[]);
    running.signal(Signal::HUP);
    let ended = running.ended();
    assert_eq!(ended.code(), 129);
    ended.never_says("--resume");
    assert_eq!(
        kept(&stage)["device"]["user_code"],
        user_code(code.as_ref())
    );
}

#[test]
fn a_damaged_file_is_replaced_and_a_link_is_refused_and_left() {
    let stage = stage();
    stage.write_auth_file("{}");
    std::fs::write(file(&stage), "{").unwrap();
    assert_eq!(resume(&stage, &[]).code(), 1);
    left(&stage, &[]);
    assert!(kept(&stage)["state"].is_string());
    std::fs::remove_file(file(&stage)).unwrap();
    let target = stage.home().join("target");
    std::fs::write(&target, "precious").unwrap();
    std::os::unix::fs::symlink(&target, file(&stage)).unwrap();
    let asked = stage.issuer.count(Route::UserCode);
    run(&stage, &["login", "--no-wait"]).failed(1, "it is a link");
    run(&stage, &["login", "--resume"]).failed(1, "it is a link");
    assert_eq!(stage.issuer.count(Route::UserCode), asked, "said before");
    run(&stage, &["logout"]).succeeded();
    assert!(file(&stage).is_symlink(), "left alone");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
}

#[test]
fn it_ends_where_it_was_meant_to_go() {
    let stage = with_accounts(&["ada"]);
    let finish = |words: &[&str], resumed: &[&str]| {
        stage.issuer.set_profile(profile("bob").device_interval(1));
        let begun = run(&stage, &[words, &["--no-wait", "--json"]].concat()).succeeded();
        stage.approve_device(&user_code(begun.events().get(1)));
        run(&stage, &[resumed, &["--resume", "--json"]].concat()).succeeded();
    };
    finish(&["accounts", "add", "--name", "work"], &["login"]);
    assert_eq!(names(&stage), ["ada*", "work"]);
    run(&stage, &["accounts", "remove", "work", "--local"]).succeeded();
    finish(&["login", "--keep"], &["accounts", "add"]);
    assert_eq!(names(&stage), ["bob*", "ada"]);
}

#[test]
fn signing_out_removes_it() {
    let stage = stage();
    for words in [&["logout"][..], &["logout", "--all"]] {
        left(&stage, &[]);
        run(&stage, words).succeeded();
        assert!(!file(&stage).exists(), "{words:?}");
    }
    for words in [
        &["accounts", "remove", "ada"][..],
        &["logout", "--account", "ada"],
        &["logout", "--all"],
    ] {
        let stage = with_accounts(&["ada", "bob"]);
        left(&stage, &[]);
        run(&stage, words).succeeded();
        assert!(!file(&stage).exists(), "{words:?}");
    }
    let stage = with_accounts(&["ada", "bob"]);
    left(&stage, &[]);
    run(&stage, &["accounts", "remove", "bob"]).succeeded();
    assert!(
        file(&stage).exists(),
        "the account that stays may be replaced"
    );
}

#[test]
fn another_users_file_is_refused_and_left() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    let stage = stage();
    left(&stage, &[]);
    std::os::unix::fs::chown(file(&stage), Some(54_321), Some(54_321)).unwrap();
    run(&stage, &["login", "--resume"]).failed(1, "it belongs to another user");
    run(&stage, &["login", "--no-wait"]).failed(1, "it belongs to another user");
    stage.sign_in();
    for words in [&["logout"][..], &["logout", "--all"]] {
        run(&stage, words).succeeded();
        assert!(file(&stage).exists(), "{words:?}");
    }
}

#[test]
fn the_command_that_goes_on_is_one_for_a_shell_whatever_the_home_is_named() {
    let stage = stage();
    let home = stage.home().join("it's \"my\" $(home); #1");
    let words = [
        "login",
        "--no-wait",
        "--json",
        "--issuer",
        stage.issuer.url(),
    ];
    let home_option = ["--codex-home", home.to_str().unwrap()];
    let left = Run::bare(&[&words[..], &home_option].concat()).ends();
    let events = left.succeeded().events();
    let resume = events[1]["resume"].as_str().unwrap();
    let in_a_shell = |more: &str| {
        let folder = std::path::Path::new(PROGRAM).parent().unwrap();
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", &format!("{resume} {more}")]).env_clear();
        shell.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
        shell.current_dir("/").status().unwrap().code()
    };
    assert_eq!(in_a_shell("--timeout 0"), Some(75));
    stage.approve_device(&user_code(events.get(1)));
    assert_eq!(in_a_shell(""), Some(0));
    assert!(home.join("auth.json").exists());
}

#[test]
fn a_login_that_begins_while_somebody_polls_for_an_older_one_becomes_the_one_that_polls() {
    let stage = stage();
    left(&stage, &[]);
    let old = Run::new(&stage, &["login", "--resume"]).starts();
    wait_until("a poll", || stage.issuer.count(Route::DeviceToken) > 0);
    let gate = stage.issuer.hold(Route::DeviceToken);
    await_request(&gate);
    let new = Run::new(&stage, &["login", "--device-auth"]).starts();
    new.stderr.hears("enter this code");
    gate.release();
    assert_eq!(old.ended().code(), 1);
    let named = format!("process {}", new.pid().as_raw_nonzero());
    wait_until("the lock of the new one", || {
        let third = run(&stage, &["login", "--resume", "--timeout", "0"]);
        third.failed(75, "").stderr.contains(&named)
    });
    new.signal(Signal::INT);
    assert_eq!(new.ended().code(), 130);
}

#[test]
fn a_login_whose_sign_in_was_signed_out_or_replaced_signs_nobody_in() {
    let stage = stage();
    let taken_away = |by: &dyn Fn()| {
        let login = Run::new(&stage, &["login", "--device-auth", "--json"]).starts();
        let code = login.event("device_code");
        let gate = stage.issuer.hold(Route::DeviceToken);
        await_request(&gate);
        by();
        stage.approve_device(&user_code(Some(&code)));
        gate.release();
        let ended = login.ended();
        assert_eq!(ended.code(), 1, "{ended:?}");
        let last = ended.events().pop().unwrap();
        assert_eq!(last["error"]["kind"], "not_signed_in", "{ended:?}");
        assert!(!stage.auth_file().exists());
    };
    taken_away(&|| drop(run(&stage, &["logout"]).succeeded()));
    taken_away(&|| drop(left(&stage, &[])));
    assert!(file(&stage).exists(), "the later one");
}

#[test]
fn a_device_code_of_login_is_kept_while_it_lives_and_a_lost_connection_leaves_it() {
    let stage = stage();
    for (signal, code, stays) in [
        (Signal::HUP, 129, true),
        (Signal::TERM, 143, true),
        (Signal::INT, 130, false),
    ] {
        let running = Run::new(&stage, &["login", "--device-auth"]).starts();
        running.stderr.hears("enter this code");
        wait_until("the file", || file(&stage).exists());
        running.signal(signal);
        let ended = running.ended();
        assert_eq!(ended.code(), code);
        assert_eq!(file(&stage).exists(), stays, "{signal:?}");
        let last = ended.stderr.lines().last().unwrap();
        assert_eq!(last.contains("login --resume"), stays, "{ended:?}");
    }
}

#[test]
fn a_connection_that_is_lost_after_the_approval_leaves_nothing_to_go_on_with() {
    let stage = stage();
    let login = Run::new(&stage, &["login", "--device-auth"]).starts();
    login.stderr.hears("enter this code");
    wait_until("the file", || file(&stage).exists());
    let gate = stage.issuer.hold(Route::Token);
    stage.approve_device(kept(&stage)["device"]["user_code"].as_str().unwrap());
    await_request(&gate);
    login.signal(Signal::HUP);
    let ended = login.ended();
    assert_eq!(ended.code(), 129);
    // The code is spent.
    assert!(!ended.stderr.contains("login --resume"), "{ended:?}");
    assert!(!file(&stage).exists());

    let (_, code) = left(&stage, &[]);
    stage.approve_device(&user_code(code.as_ref()));
    let gate = stage.issuer.hold(Route::Token);
    let resumed = Run::new(&stage, &["login", "--resume"]).starts();
    await_request(&gate);
    resumed.signal(Signal::TERM);
    assert_eq!(resumed.ended().code(), 143);
    assert!(!file(&stage).exists());
}
