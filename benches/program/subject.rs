//! The two programs, and the issuer and folders that they run on.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use codex_onboarding::demo::{DemoIssuer, Person, Profile};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::table::{Goal, Pair, Table, Unit};

/// The environment variable that names another build to measure.
const BENCH_PROGRAM: &str = "BENCH_PROGRAM";

/// A program that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Ours,
    Floor,
}

/// An issuer, a person who approves, and folders on the disk of the target folder.
pub struct Bench {
    pub issuer: DemoIssuer,
    runtime: Runtime,
    person: Person,
}

impl Subject {
    /// `login` on this port (0: any).
    pub fn login(self, issuer: &str, port: u16, home: &Path) -> Command {
        let mut command = self.command();
        let (port, home) = (port.to_string(), home.to_str().unwrap());
        match self {
            Self::Ours => command
                .args(["login", "--no-browser", "--issuer", issuer, "--port", &port])
                .args(["--codex-home", home]),
            Self::Floor => command.args(["login", &port, issuer, home]),
        };
        command
    }

    /// `status` over these credentials.
    pub fn status(self, home: &Path) -> Command {
        let mut command = self.command();
        command.arg("status");
        if self == Self::Ours {
            command.arg("--codex-home").arg(home);
        }
        command
    }

    /// `token`, of the real program alone.
    pub fn token(self, issuer: &str, home: &Path) -> Command {
        let mut command = self.command();
        command
            .args(["token", "--issuer", issuer, "--codex-home"])
            .arg(home);
        command
    }

    /// `lend --watch`, of the real program alone.
    pub fn watcher(self, issuer: &str, home: &Path, to: &Path) -> Command {
        let mut command = self.command();
        command
            .args(["lend", "--watch", "--issuer", issuer, "--codex-home"])
            .arg(home)
            .arg("--to")
            .arg(to);
        command
    }

    /// The full screen.
    pub fn screen(self, issuer: &str, home: &Path) -> Command {
        let mut command = self.command();
        match self {
            Self::Ours => command
                .args([
                    "--no-browser",
                    "--issuer",
                    issuer,
                    "--port",
                    "0",
                    "--codex-home",
                ])
                .arg(home),
            Self::Floor => command.arg("screen"),
        };
        command
    }

    fn command(self) -> Command {
        let mut command = Command::new(self.path());
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/");
        command.env("TERM", "xterm-256color").current_dir("/");
        command
    }

    /// The program's file.
    pub fn path(self) -> PathBuf {
        match self {
            Self::Ours => std::env::var_os(BENCH_PROGRAM).map_or_else(
                || env!("CARGO_BIN_EXE_codex-onboarding").into(),
                PathBuf::from,
            ),
            Self::Floor => floor(),
        }
    }

    /// The list that its measurement belongs in.
    pub fn of(self, pair: &mut Pair) -> &mut Vec<f64> {
        match self {
            Self::Ours => &mut pair.ours,
            Self::Floor => &mut pair.floor,
        }
    }
}

/// Measures both by turns, so whatever else the machine does hits both.
pub fn interleaved(rounds: usize, mut measure: impl FnMut(Subject)) {
    for round in 0..rounds {
        let mut both = [Subject::Ours, Subject::Floor];
        if round % 2 == 1 {
            both.reverse();
        }
        both.into_iter().for_each(&mut measure);
    }
}

/// Cargo builds all bench targets into one folder, with a hash behind their name.
fn floor() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let is_floor = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("floor-") && path.extension().is_none()
    };
    let built = |path: &PathBuf| path.metadata().and_then(|data| data.modified());
    let found = own.parent().unwrap().read_dir().unwrap();
    found
        .map(|entry| entry.unwrap().path())
        .filter(is_floor)
        .max_by_key(|path| built(path).unwrap_or(SystemTime::UNIX_EPOCH))
        .expect("the floor program is built by: cargo bench --no-run")
}

impl Bench {
    pub fn new() -> Self {
        let issuer = DemoIssuer::start(Profile::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let person = Person::at(issuer.url()).unwrap();
        Self {
            issuer,
            runtime,
            person,
        }
    }

    /// An empty codex home. Not in `/tmp`, which may be memory: syncing has to cost.
    pub fn home() -> TempDir {
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
    }

    /// Presses Approve; returns the callback without going there.
    pub fn approve(&self, link: &str) -> String {
        let callback = self.runtime.block_on(self.person.approve(link)).unwrap();
        callback[url::Position::BeforePath..].to_owned()
    }
}

/// The programs on disk.
pub fn sizes(table: &mut Table) {
    let pair = Pair {
        ours: vec![size(Subject::Ours)],
        floor: vec![size(Subject::Floor)],
    };
    table.row("binary, stripped", Unit::Megabytes, Goal::AtMost(6.0), pair);
}

#[allow(clippy::cast_precision_loss)] // Megabytes, with two digits.
fn size(subject: Subject) -> f64 {
    subject.path().metadata().unwrap().len() as f64 / 1e6
}
