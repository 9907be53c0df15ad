//! The examples do what their first lines say, each as the one command that stands there.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test may panic.

#[path = "support/patience.rs"]
#[allow(dead_code)] // This file needs little of it.
mod patience;
#[path = "terminal/pty.rs"]
#[allow(dead_code)]
mod pty;
#[path = "support/transcript.rs"]
#[allow(dead_code)]
mod transcript;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codex_onboarding::demo::Person;
use codex_onboarding::url::Url;

use pty::{Launch, Pty};
use transcript::Transcript;

/// The built example, beside this test. `cargo test` builds both; a test alone does not.
fn example(name: &str) -> PathBuf {
    let documented = format!("//! cargo run --example {name}\n");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"));
    let source = std::fs::read_to_string(source).unwrap();
    assert!(
        source.contains(&documented),
        "{name} does not say how it is run"
    );
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap().parent().unwrap().join("examples");
    let program = folder.join(name);
    if !program.exists() {
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--examples"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(build.unwrap().success());
    }
    program
}

/// Starts an example in a terminal of its own.
fn start(name: &str) -> Pty {
    let environment = [
        ("TERM", "xterm-256color"),
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/"),
    ];
    Launch {
        program: example(name).into(),
        arguments: Vec::new(),
        environment: environment
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec(),
        columns: 120,
        rows: 30,
    }
    .start()
}

/// Goes through the browser as the person, at whatever issuer the link leads to.
async fn approve(link: &str) {
    let issuer = Url::parse(link).unwrap().origin().ascii_serialization();
    let person = Person::at(&issuer).unwrap();
    let callback = person.approve(link).await.unwrap();
    assert_eq!(person.browse(callback.as_str()).await.unwrap().status, 200);
}

#[tokio::test]
async fn plain_signs_in_without_a_screen() {
    let mut program = Command::new(example("plain"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = Transcript::of(program.stdout.take().unwrap());
    let text = said.until("a link", |text| {
        text.lines().count() >= 2 && text.ends_with('\n')
    });
    approve(text.lines().nth(1).unwrap()).await;
    assert!(program.wait().unwrap().success());
    let text = said.all().unwrap();
    assert!(
        text.ends_with("Finishing sign-in\nSigned in as demo@example.com\n"),
        "{text}"
    );
}

#[test]
fn own_screen_signs_in_inside_a_loop_of_its_own() {
    let mut pty = start("own_screen");
    pty.sees("Open this link in a browser");
    pty.send("o");
    pty.sees("Signed in as demo@example.com");
    pty.send("q");
    let ended = pty.ended();
    assert_eq!(ended.code, 0);
    assert!(ended.same_modes);
}

#[test]
fn bearer_signs_in_and_asks_again_with_another_bearer() {
    let mut pty = start("bearer");
    pty.sees("Sign in with ChatGPT");
    pty.send("1");
    pty.sees("Signed in with your ChatGPT account");
    pty.send("\r");
    let ended = pty.ended();
    let said = String::from_utf8_lossy(&ended.output);
    assert_eq!(ended.code, 0, "{said}");
    assert!(said.contains("The API refuses the bearer"), "{said}");
    assert!(said.ends_with("The API says: hello\r\n"), "{said}");
}
