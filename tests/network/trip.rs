//! One request to the issuer, made by the real binary.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::stage::{PROGRAM, Stage};

/// A home that is signed in, and whose token is refreshed at once.
pub struct Trip {
    pub stage: Stage,
    variables: Vec<(&'static str, OsString)>,
}

impl Trip {
    pub fn new() -> Self {
        let stage = Stage::new();
        stage.sign_in();
        Self {
            stage,
            variables: Vec::new(),
        }
    }

    /// Returns the address of the embedded issuer.
    pub fn behind(&self) -> SocketAddr {
        let url = self.stage.issuer.url();
        url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Sets a variable for the request.
    pub fn with(mut self, variable: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((variable, value.into()));
        self
    }

    /// Writes a file beside the codex home, and returns its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.stage.home().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The stored session is that issuer's: the embedded one goes by many names here.
    fn belongs_to(&self, issuer: &str) {
        let claims = URL_SAFE_NO_PAD.encode(json!({ "iss": issuer }).to_string());
        let mut file = self.stage.auth_json();
        file["tokens"]["id_token"] = format!("e30.{claims}.sig").into();
        self.stage.write_auth_file(&file.to_string());
    }

    fn token(&self, issuer: &str) -> Output {
        self.run(&["token", "--force-refresh"], issuer)
    }

    /// Runs the program with these words, this issuer and the variables that were set.
    pub fn run(&self, words: &[&str], issuer: &str) -> Output {
        Command::new(PROGRAM)
            .args(words)
            .args(["--issuer", issuer])
            .arg("--codex-home")
            .arg(self.stage.codex_home())
            .env_clear()
            .envs(self.stage.environment())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Asserts that it works: a new token is printed and saved.
    pub fn succeeds(&self, issuer: &str) {
        self.belongs_to(issuer);
        let output = self.token(issuer);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let token = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            self.stage.auth_json()["tokens"]["access_token"],
            token.trim()
        );
    }

    /// Asserts that it fails and loses nothing. Returns the words on standard error.
    pub fn fails(&self, issuer: &str) -> String {
        self.belongs_to(issuer);
        let before = self.stage.auth_json();
        let output = self.token(issuer);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(output.stdout.is_empty());
        assert_eq!(self.stage.auth_json(), before);
        stderr
    }
}
