//! Canaries (threat 18): every command runs with a full trace, and no secret turns up in its
//! output, its log, its command line, an address, or the browser that it starts. The one
//! exception is the output of `token`.

mod watch;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::json;

use crate::executable;
use crate::issuer::{Fault, Route};
use crate::program::Run;
use crate::stage::Stage;
use watch::{Watch, watched};

const KEY: &str = "sk-canary-0123456789abcdefghijklmnopqrstuvwxyz";
/// Tokens of an issuer that makes mistakes.
const ACCESS: &str = "canary-access-0123456789abcdefghijklmnopqrstuv";
const REFRESH: &str = "canary-refresh-0123456789abcdefghijklmnopqrstuv";
const ID: &str = "canary-identity-0123456789abcdefghijklmnopqrstuv";

/// Makes a browser that writes down its arguments and environment.
fn browser(stage: &Stage) -> (PathBuf, PathBuf) {
    let (script, notes) = (stage.home().join("browser"), stage.home().join("notes"));
    let text = format!(
        "#!/bin/sh\n{{ printf '%s\\n' \"$0\" \"$@\"; env; \
         tr '\\0' '\\n' </proc/$$/environ; tr '\\0' ' ' </proc/$PPID/cmdline; }} >{0}.part 2>&1\n\
         mv {0}.part {0}\n",
        notes.display()
    );
    executable::write(&script, text);
    (script, notes)
}

#[test]
fn signing_in_through_the_browser() {
    watched(|watch| {
        let old = watch.stage.sign_in();
        watch.hides("the old refresh token", old.refresh_token);
        watch.hides("the old access token", old.access_token);
        let (script, notes) = browser(&watch.stage);
        let words = ["login", "--exchange-api-key", "--redeem-credits"];
        let login = watch.run(&words).variable("BROWSER", script).starts();
        let link = login.link();
        watch.find_process(&login);
        let notes = crate::login::ways::wait_for(&notes);
        assert!(
            notes.contains(&link),
            "the browser was not started: {notes}"
        );
        watch.find("the browser's arguments and environment", notes);
        let page = watch.stage.browse(&watch.stage.approve(&link));
        watch.find_page(&page);
        watch.find_ended("login", &login.ended().succeeded());
        watch.has_traced("issuer answered");
        assert!(watch.stage.auth_json()["OPENAI_API_KEY"].is_string());
    });
}

#[test]
fn signing_in_by_paste_and_as_json() {
    watched(|watch| {
        for words in [&["login"][..], &["login", "--json"]] {
            let mut login = watch.run(words).listening().starts();
            let link = if words.len() == 1 {
                login.link()
            } else {
                login.link_of_event()
            };
            let callback = watch.stage.approve(&link);
            // Once wrong, once right, and once more when it is over.
            login.types(format!(
                "{}x\n{callback}\n{callback}\n",
                callback.replace("state=", "state=x")
            ));
            watch.find_ended("login", &login.ended().succeeded());
        }
    });
}

#[test]
fn signing_in_with_a_code_for_another_device() {
    watched(|watch| {
        let login = watch.run(&["login", "--device-auth", "--json"]).starts();
        let event = login.event("device_code");
        watch.find_process(&login);
        watch
            .stage
            .approve_device(event["user_code"].as_str().unwrap());
        watch.find_ended("login", &login.ended().succeeded());
    });
}

#[test]
fn an_api_key_and_what_is_said_of_it() {
    watched(|watch| {
        watch.hides("the key", KEY);
        watch
            .ends("login --with-api-key", &format!("{KEY}\n"))
            .succeeded();
        watch.ends("status", "").succeeded();
        watch.ends("status --json", "").succeeded();
        watch.ends("token", "").succeeded();
        watch
            .ends("login --with-api-key", &format!("{KEY} {KEY}\n"))
            .failed(1, "a space");
        watch
            .ends("login --with-api-key --json", &format!("{KEY}é\n"))
            .failed(1, "");
        watch.ends("logout", "").succeeded();
        // It counts for OpenAI's issuer alone, which nobody asks here.
        let key_at_hand = Run::bare(&["status", "-v"])
            .variable("HOME", watch.stage.home())
            .variable("OPENAI_API_KEY", KEY)
            .ends();
        watch.find_ended("status", &key_at_hand.succeeded());
        let key_at_hand = watch
            .run(&["logout"])
            .variable("OPENAI_API_KEY", KEY)
            .ends();
        watch.find_ended("logout", &key_at_hand.succeeded());
    });
}

#[test]
fn a_session_from_status_to_logout() {
    watched(|watch| {
        let tokens = watch.stage.sign_in();
        watch.hides("the first access token", tokens.access_token);
        watch.ends("status", "").succeeded();
        watch.ends("status --json", "").succeeded();
        watch.ends("token", "").succeeded();
        watch.ends("token --force-refresh", "").succeeded();
        watch.hides_what_is_known();
        watch.ends("--if-needed", "").succeeded();
        watch.ends("logout", "").succeeded();
        watch.ends("token", "").failed(1, "Not logged in");
        watch.has_traced("issuer answered");
    });
}

/// Broken answers of an issuer, with canaries in them.
fn broken_answers() -> Vec<Fault> {
    let canaries = json!({"id_token": ID, "access_token": ACCESS, "refresh_token": REFRESH});
    let without = |name: &'static str| {
        Fault::rewrite(move |answer| drop(answer.as_object_mut().map(|it| it.remove(name))))
    };
    vec![
        // An id token that is no JWT.
        Fault::Status(200, canaries.to_string()),
        Fault::Status(200, format!("[{canaries}]")),
        Fault::Status(200, canaries.to_string()[1..].to_owned()),
        Fault::Status(
            200,
            json!({"id_token": {"x": ID}, "access_token": [ACCESS]}).to_string(),
        ),
        Fault::Status(500, canaries.to_string()),
        Fault::WrongTypes,
        Fault::HalfBody,
        Fault::Garbage,
        Fault::Reset,
        Fault::Redirect(format!("https://127.0.0.1:1/?access_token={ACCESS}")),
        without("access_token"),
        without("refresh_token"),
        without("id_token"),
    ]
}

fn hide_canaries(watch: &mut Watch) {
    watch.hides("an id token", ID);
    watch.hides("an access token", ACCESS);
    watch.hides("a refresh token", REFRESH);
}

#[test]
fn a_sign_in_that_the_issuer_spoils() {
    watched(|watch| {
        hide_canaries(watch);
        for fault in broken_answers() {
            watch.stage.issuer.fault(Route::Token, fault);
            let login = watch.run(&["login"]).starts();
            let page = watch.stage.browse(&watch.stage.approve(&login.link()));
            assert_eq!(page.status, 500);
            watch.find_page(&page);
            watch.find_ended("login", &login.ended().failed(1, "error: "));
        }
    });
}

#[test]
fn a_refresh_that_the_issuer_spoils() {
    watched(|watch| {
        hide_canaries(watch);
        for fault in broken_answers() {
            watch.stage.sign_in();
            watch.hides_what_is_known();
            watch.stage.issuer.fault(Route::Token, fault);
            watch.ends("token --force-refresh", "");
        }
        watch.stage.sign_in();
        watch.hides_what_is_known();
        let refusal = Fault::Status(500, format!("{{\"error\":1,\"token\":\"{REFRESH}\"}}"));
        watch.stage.issuer.fault(Route::Revoke, refusal);
        watch.ends("logout", "").succeeded();
    });
}

#[test]
fn a_file_that_is_damaged() {
    watched(|watch| {
        hide_canaries(watch);
        watch.hides("the key", KEY);
        for file in [
            format!(
                "{{\"OPENAI_API_KEY\": {KEY}, \"tokens\": {{\"refresh_token\": \"{REFRESH}\"}}}}"
            ),
            format!("{{\"OPENAI_API_KEY\": [\"{KEY}\"]}}"),
            format!("{{\"tokens\": \"{ACCESS}\"}}"),
            format!("{{\"last_refresh\": \"{ACCESS}\"}}"),
            format!("{{\"tokens\": {{\"id_token\": 1, \"refresh_token\": \"{REFRESH}\"}}}}"),
            format!("{{\"{KEY}\": \"{ACCESS}\""),
            format!("{KEY}\n"),
        ] {
            watch.stage.write_auth_file(&file);
            watch.ends("status", "").failed(1, "error: ");
            watch.ends("status --json", "").failed(1, "");
            watch.ends("token", "").failed(1, "error: ");
            watch.ends("--if-needed", "").failed(2, "");
            watch.ends("logout", "").succeeded();
        }
    });
}

#[test]
fn a_proxy_with_a_password() {
    watched(|watch| {
        watch.hides("the proxy's password", "canary-password-0123456789");
        for proxy in [
            "http://user:canary-password-0123456789@127.0.0.1:1",
            "socks7://user:canary-password-0123456789@127.0.0.1:1",
            "http://user:canary-password-0123456789@[::1",
        ] {
            // A proxy is not used for loopback. This one is not there, so nothing leaves.
            let words = [
                "login",
                "--device-auth",
                "--issuer",
                "https://issuer.invalid",
                "-v",
            ];
            let run = Run::bare(&[&words[..], &["--port", "0"]].concat());
            let home = watch.stage.home().display().to_string();
            let run = run.variable("HOME", home).variable("HTTPS_PROXY", proxy);
            watch.find_ended("login", &run.ends().failed(1, "error: "));
        }
    });
}

#[test]
fn the_demo_keeps_its_secrets_too() {
    watched(|watch| {
        // All of its refresh tokens, and all JWTs, begin with these.
        watch.hides("any refresh token", "rt-demo-".repeat(3));
        let demo = watch.run(&["demo"]).ends().succeeded();
        for secret in ["rt-demo-", "eyJ"] {
            assert!(!demo.stderr.contains(secret) && !demo.stdout.contains(secret));
        }
        watch.find_ended("demo", &demo);
    });
}

#[test]
fn the_log_is_for_its_owner_alone() {
    let stage = Stage::new();
    let log = stage.home().join("log");
    let path = log.display().to_string();
    Run::new(&stage, &["status", "--log-file", &path])
        .ends()
        .failed(1, "");
    let mode = fs::metadata(log).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn an_existing_log_has_one_owner_and_one_name_and_is_closed_to_others() {
    let stage = Stage::new();
    let log = stage.home().join("log");
    let path = log.display().to_string();
    let logged = || Run::new(&stage, &["status", "--log-file", &path]).ends();
    fs::write(&log, "").unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o666)).unwrap();
    logged().failed(1, "");
    let mode = fs::metadata(&log).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let other_name = stage.home().join(".bashrc");
    fs::hard_link(&log, &other_name).unwrap();
    logged().failed(2, "it has another name, a hard link");
    fs::remove_file(&other_name).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&log, Some(54_321), None).unwrap();
        logged().failed(2, "it belongs to another user");
    }
    assert_eq!(fs::read(&log).unwrap(), b"");
}

#[test]
fn a_crash_leaves_no_core_dump() {
    // The limit that the program inherits would allow one.
    let limit = getrlimit(Resource::Core);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Core, raised).unwrap();
    let login = Run::new(&Stage::new(), &["login"]).starts();
    login.link();
    let limits = fs::read_to_string(format!("/proc/{}/limits", login.pid().as_raw_nonzero()));
    login.signal(Signal::INT);
    let limits = limits.unwrap();
    let mut lines = limits.lines();
    let core = lines.find_map(|line| line.strip_prefix("Max core file size"));
    let soft = core.unwrap().split_whitespace().next();
    assert_eq!(soft, Some("0"), "{limits}");
    login.ended().failed(130, "cancelled");
}
