//! Each program reads what the other one writes.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use codex_onboarding::auth::{
    DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Save, Session, SessionOptions, Store,
};
use codex_onboarding::demo::{self, Person, Profile};
use codex_onboarding::sign_in::{Port, SignIn, SignInOptions, Status};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::backend::RESPONSES;
use crate::machine::Machine;
use crate::run::say;

/// Runs `codex login status` for `home`.
fn codex_status(home: &Path) -> String {
    let codex = std::env::var("CODEX").unwrap_or_else(|_| "codex".to_owned());
    let output = Command::new(codex)
        .args(["login", "status"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", home)
        .env("CODEX_HOME", home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn issuer(demo: &demo::DemoIssuer) -> Issuer {
    Issuer::new(
        IssuerUrl::parse(demo.url()).unwrap(),
        DEFAULT_CLIENT_ID,
        None,
    )
}

async fn sign_in(demo: &demo::DemoIssuer, home: &Path) {
    let mut options = SignInOptions::new(issuer(demo), Store::new(home));
    options.port = Port::Exactly(0);
    let mut sign_in = SignIn::start(options).unwrap();
    let person = Person::at(demo.url()).unwrap();
    let callback = person
        .approve(&sign_in.link().authorization_url)
        .await
        .unwrap();
    sign_in.submit(callback.as_str()).unwrap();
    while let Some(status) = sign_in.next().await {
        if let Status::Completed(_) = status {
            return sign_in.finish().await;
        }
    }
    panic!("not signed in");
}

#[tokio::test]
#[ignore = "needs the Codex CLI"]
async fn codex_accepts_a_chatgpt_sign_in() {
    let (home, demo) = (
        tempfile::tempdir().unwrap(),
        demo::DemoIssuer::start(Profile::default()).unwrap(),
    );
    sign_in(&demo, home.path()).await;
    let said = codex_status(home.path());
    assert!(said.contains("Logged in using ChatGPT"), "{said}");
}

#[tokio::test]
#[ignore = "needs the Codex CLI"]
async fn codex_accepts_an_api_key() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path());
    let save = Save::api_key(&store, &"sk-test-1234567890".into()).await;
    save.unwrap().commit().await.unwrap();
    let said = codex_status(home.path());
    // Newer versions say "API key configured".
    assert!(said.contains("API key"), "{said}");
}

#[tokio::test]
#[ignore = "needs the Codex CLI"]
async fn codex_never_sees_a_broken_file_while_we_refresh() {
    let (home, demo) = (
        tempfile::tempdir().unwrap(),
        demo::DemoIssuer::start(Profile::default()).unwrap(),
    );
    sign_in(&demo, home.path()).await;
    let options = SessionOptions::new(Store::new(home.path()), issuer(&demo));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) {
                let said = codex_status(home.path());
                assert!(said.contains("Logged in using ChatGPT"), "{said}");
                looks += 1;
            }
            looks
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        scope
            .spawn(move || {
                runtime.block_on(async {
                    let session = Session::load(&options).unwrap().unwrap();
                    for _ in 0..50 {
                        session.refresh().await.unwrap();
                    }
                });
            })
            .join()
            .unwrap();
        done.store(true, Ordering::Relaxed);
        assert!(watcher.join().unwrap() > 0);
    });
}

#[tokio::test]
#[ignore = "needs the Codex CLI"]
async fn we_accept_what_codex_writes() {
    let home = tempfile::tempdir().unwrap();
    let codex = std::env::var("CODEX").unwrap_or_else(|_| "codex".to_owned());
    let mut child = Command::new(codex)
        .args(["login", "--with-api-key"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", home.path())
        .env("CODEX_HOME", home.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"sk-from-codex-123\n").unwrap();
    assert!(child.wait().unwrap().success());
    let issuer = Issuer::new(
        IssuerUrl::parse("https://auth.openai.com").unwrap(),
        "x",
        None,
    );
    let session = Session::load(&SessionOptions::new(Store::new(home.path()), issuer)).unwrap();
    assert_eq!(
        session.unwrap().mode(),
        codex_onboarding::auth::Mode::ApiKey
    );
}

/// A codex home with two API keys, the first active, and settings that lead nowhere.
fn two_keys(home: &Path) {
    let slot = home.join("accounts/slot");
    std::fs::create_dir_all(&slot).unwrap();
    for (folder, key) in [
        (home, "sk-ada-1234567890AAAA"),
        (&slot, "sk-bob-1234567890BBBB"),
    ] {
        let file = serde_json::json!({"auth_mode": "apikey", "OPENAI_API_KEY": key});
        std::fs::write(folder.join("auth.json"), file.to_string()).unwrap();
    }
    let settings = "model_provider = \"nobody\"\n\
                    [model_providers.nobody]\nname = \"nobody\"\n\
                    base_url = \"http://127.0.0.1:9/v1\"\nwire_api = \"responses\"\n";
    std::fs::write(home.join("config.toml"), settings).unwrap();
}

/// The Codex CLI with these words, through `exec` as this account.
fn codex_as(account: &str, home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codex-onboarding"));
    command
        .args(["exec", "--account", account, "--"])
        .arg(std::env::var("CODEX").unwrap_or_else(|_| "codex".to_owned()))
        .args(words)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", home)
        .env("CODEX_HOME", home)
        .stdin(Stdio::null());
    command
}

#[test]
#[ignore = "needs the Codex CLI"]
fn codex_runs_as_the_account_that_exec_names_and_shares_settings_and_history() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    two_keys(home);
    let said = |account: &str, words: &[&str]| {
        let output = codex_as(account, home, words).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    for (account, key) in [("api-key", "AAAA"), ("api-key-2", "BBBB")] {
        let status = said(account, &["login", "status"]);
        assert!(status.contains(key), "{status}");
    }

    said("api-key-2", &["mcp", "add", "shared", "--", "true"]);
    let settings = std::fs::read_to_string(home.join("config.toml")).unwrap();
    assert!(settings.contains("mcp_servers.shared"), "{settings}");
    assert!(home.join("accounts/slot/config.toml").is_symlink());
    let servers = said("api-key", &["mcp", "list"]);
    assert!(servers.contains("shared"), "{servers}");

    // It waits for a network that is not there; what was asked is on record by then.
    let mut asking = codex_as(
        "api-key-2",
        home,
        &["exec", "--skip-git-repo-check", "remember"],
    )
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    // The Codex CLI of npm is two processes.
    .process_group(0)
    .spawn()
    .unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !holds_a_file(&home.join("sessions")) {
        assert!(std::time::Instant::now() < end, "nothing is on record");
        std::thread::yield_now();
    }
    kill_process_group(Pid::from_child(&asking), Signal::KILL).unwrap();
    asking.wait().unwrap();
}

fn holds_a_file(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths = entries.map(|entry| entry.path());
    paths.any(|path| path.is_file() || holds_a_file(&path))
}

#[test]
#[ignore = "needs the Codex CLI"]
fn a_codex_that_goes_on_with_our_session_finds_all_it_asks_for_and_we_ask_the_issuer_alone() {
    let machine = Machine::new();
    machine.signs_in(&["login"], "ada").succeeded();
    let token = say(machine.ours(&["token", "--force-refresh"])).succeeded();
    let asked = machine.openai.asked();
    assert!(asked.iter().all(|one| one.is("/oauth/token")), "{asked:?}");
    assert!(machine.openai.strangers().is_empty());
    let said = machine.turn().succeeded();
    assert!(said.stdout.contains("I answer acct-ada."), "{said:#?}");
    let asked = machine.openai.asked_for(RESPONSES);
    assert!(
        asked
            .iter()
            .all(|one| one.bearer() == Some(token.stdout.trim()))
    );
}
