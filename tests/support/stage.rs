//! The surroundings of a run of the program: an issuer of its own, a folder for its
//! credentials, and an environment without anything from the machine that runs the tests.

use std::path::{Path, PathBuf};

use codex_onboarding::demo::{BrowserPage, IssuedTokens, Person, Profile};
use serde_json::Value;
use tempfile::TempDir;

pub use crate::issuer::auth_json;
use crate::issuer::{Gate, TestIssuer};

/// The real binary.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_codex-onboarding");

/// An issuer, a person at a browser, and an empty home.
pub struct Stage {
    pub issuer: TestIssuer,
    home: TempDir,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(Profile::default())
    }

    pub fn with(profile: Profile) -> Self {
        Self {
            issuer: TestIssuer::start(profile),
            home: tempfile::tempdir().unwrap(),
        }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The codex home: a folder that does not exist yet.
    pub fn codex_home(&self) -> PathBuf {
        self.home().join("codex")
    }

    pub fn auth_file(&self) -> PathBuf {
        self.codex_home().join("auth.json")
    }

    pub fn auth_json(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.auth_file()).unwrap()).unwrap()
    }

    /// Writes `auth.json`.
    pub fn write_auth_file(&self, text: &str) {
        std::fs::create_dir_all(self.codex_home()).unwrap();
        std::fs::write(self.auth_file(), text).unwrap();
    }

    /// Takes `auth.lock` as another program would.
    pub fn hold_lock(&self) -> std::fs::File {
        std::fs::create_dir_all(self.codex_home()).unwrap();
        let lock = std::fs::File::create(self.codex_home().join("auth.lock")).unwrap();
        lock.lock().unwrap();
        lock
    }

    /// Signs in without the trip through a browser.
    pub fn sign_in(&self) -> IssuedTokens {
        let tokens = self.issuer.issue_tokens();
        let now = chrono::Utc::now().to_rfc3339();
        self.write_auth_file(&auth_json(&tokens, &now).to_string());
        tokens
    }

    /// Returns the options that lead to this issuer and this home.
    pub fn arguments(&self) -> Vec<String> {
        let home = self.codex_home().display().to_string();
        ["--issuer", self.issuer.url(), "--port", "0", "--codex-home"]
            .map(str::to_owned)
            .into_iter()
            .chain([home])
            .collect()
    }

    /// Returns the whole environment: over SSH, so that no browser is opened.
    pub fn environment(&self) -> Vec<(String, String)> {
        let home = self.home().display().to_string();
        [
            ("HOME", home.as_str()),
            ("PATH", "/usr/bin:/bin"),
            ("TERM", "xterm-256color"),
            ("USER", "ada"),
            ("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.7 22"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Presses Approve as the person, and returns the URL that the browser is sent to.
    pub fn approve(&self, link: &str) -> String {
        let person = self.person();
        now(async { person.approve(link).await.unwrap().to_string() })
    }

    /// Presses Deny as the person, and returns the URL that the browser is sent to.
    pub fn deny(&self, link: &str) -> String {
        let person = self.person();
        now(async { person.deny(link).await.unwrap().to_string() })
    }

    /// Types the code as the person, on another device.
    pub fn approve_device(&self, user_code: &str) {
        let person = self.person();
        now(async { person.approve_device(user_code).await.unwrap() });
    }

    /// Opens a URL in the browser, and returns the page it ends on.
    pub fn browse(&self, url: &str) -> BrowserPage {
        let person = self.person();
        now(async { person.browse(url).await.unwrap() })
    }

    fn person(&self) -> Person {
        Person::at(self.issuer.url()).unwrap()
    }
}

/// Waits until a request stands at the gate; it is answered when the gate is released.
pub fn await_request(gate: &Gate) {
    now(gate.arrived());
}

fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
