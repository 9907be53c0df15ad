//! The pictures of README.md, drawn from the models that the snapshots are drawn from.
//!
//! `UPDATE_PICTURES=1 cargo test --test screens pictures` draws them anew; look at them in a
//! browser, light and dark.

use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_onboarding::auth::{SessionOptions, Store};
use codex_onboarding::doctor::{Finding, Style, Subject, examine, render};
use codex_onboarding::environment::Environment;
use codex_onboarding::onboarding::internals::{Message, Model, update};
use codex_onboarding::sign_in::{SignInOptions, Status};

use crate::draw;
use crate::fixtures::{ada, facts, key, link, screens};
use crate::subject;
use crate::svg::{Frame, Picture};

/// The width of every picture, in columns.
const COLUMNS: u16 = 80;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets")
}

#[test]
fn pictures_show_what_the_program_shows() {
    let update = std::env::var_os("UPDATE_PICTURES").is_some();
    let mut names = Vec::new();
    for picture in pictures() {
        let file = folder().join(format!("{}.svg", picture.name));
        let svg = picture.svg();
        if update {
            std::fs::write(&file, &svg).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            written == svg,
            "{} shows another program: UPDATE_PICTURES=1 draws it anew",
            file.display()
        );
        names.push(file);
    }
    for entry in std::fs::read_dir(folder()).unwrap() {
        let file = entry.unwrap().path();
        let drawn = names.contains(&file) || file.extension() != Some("svg".as_ref());
        assert!(drawn, "nothing draws {}", file.display());
    }
}

fn pictures() -> Vec<Picture> {
    let still = |name, screen, command, rows| {
        let frame = Frame::of(draw(&fixture(screen), COLUMNS, rows).buffer(), command);
        Picture {
            name,
            frames: vec![frame],
        }
    };
    vec![
        tour(),
        still(
            "waiting",
            "waiting-remote",
            "codex-onboarding, over SSH",
            24,
        ),
        still(
            "device-code",
            "device-code-remote",
            "codex-onboarding, then 3",
            24,
        ),
        still("accounts", "accounts", "codex-onboarding", 17),
        doctor(),
    ]
}

/// The screen with this name, with a path as the program shows it.
fn fixture(name: &str) -> Model {
    let (_, mut model) = screens().into_iter().find(|it| it.0 == name).unwrap();
    "/home/ada/.codex/auth.json".clone_into(&mut model.facts.auth_file);
    model
}

/// A whole sign-in with ChatGPT.
fn tour() -> Picture {
    let mut model = Model::new(facts());
    "/home/ada/.codex/auth.json".clone_into(&mut model.facts.auth_file);
    let mut frames = Vec::new();
    let mut shows = |messages: Vec<Message>, caption, seconds| {
        for message in messages {
            update(&mut model, message);
        }
        let drawn = draw(&model, COLUMNS, 24);
        frames.push(Frame::of(drawn.buffer(), caption).lasting(seconds));
    };
    let at = |milliseconds| Message::Tick(Duration::from_millis(milliseconds));
    shows(vec![], "Run codex-onboarding", 3.0);
    let opens = "Press 1: the browser opens";
    shows(
        vec![
            key('1'),
            at(0),
            Message::Status(Status::Url(link())),
            at(250),
        ],
        opens,
        0.5,
    );
    for step in 1..6 {
        shows(vec![at(250 + step * 500)], opens, 0.5);
    }
    for step in 6..11 {
        shows(vec![at(250 + step * 500)], "Approve in the browser", 0.5);
    }
    shows(
        vec![Message::Status(Status::Exchanging), at(6000)],
        "Approved",
        1.0,
    );
    let end = Message::Status(Status::Completed(ada()));
    shows(vec![end], "Signed in: codex finds it by itself", 4.0);
    Picture {
        name: "tour",
        frames,
    }
}

/// What `doctor` says about a damaged file and a variable that wins over it; nothing else is
/// wrong in the picture, whatever is on the machine that draws it.
fn doctor() -> Picture {
    let home = tempfile::tempdir().unwrap();
    let codex_home = home.path().join(subject::HOME);
    std::fs::create_dir(&codex_home).unwrap();
    std::fs::write(codex_home.join(subject::FILE), "{ \"tokens\": }").unwrap();
    let environment = Environment::from([
        ("HOME", home.path().to_str().unwrap()),
        ("CODEX_ACCESS_TOKEN", "at-worthless"),
    ]);
    let store = Store::new(codex_home);
    let session = SessionOptions::new(store.clone(), subject::issuer());
    let sign_in = SignInOptions::new(subject::issuer(), store);
    let mut subject = Subject::new(sign_in, session, environment, "default");
    subject.offline = true;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let mut report = runtime.unwrap().block_on(examine(subject, |_, _| {}));
    for check in &mut report.checks {
        if !["credentials.file", "credentials.precedence"].contains(&check.id) {
            check.finding = Finding::ok("");
        }
    }
    let mut style = Style::plain(usize::from(COLUMNS));
    style.bold = true;
    let frame = Frame::of_lines(&render(&report, style), "codex-onboarding doctor");
    Picture {
        name: "doctor",
        frames: vec![frame],
    }
}
