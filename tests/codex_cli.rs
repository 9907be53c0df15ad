//! With the real Codex CLI on the same folder. Ignored by default, because it must be
//! installed (`npm install -g @openai/codex`):
//!
//! ```text
//! CODEX=codex cargo test --test codex_cli -- --ignored
//! ```

#![allow(clippy::unwrap_used)] // A test may panic.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use codex_onboarding::auth::{
    ApiKeySave, DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Notify, Session, SessionOptions, Store,
};
use codex_onboarding::demo::{self, Person, Profile};
use codex_onboarding::sign_in::{Port, SignIn, SignInOptions, Status};

/// What `codex login status` says about `home`.
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
    let save = ApiKeySave::prepare(&store, "sk-test-1234567890".into(), &Notify::default()).await;
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
