//! A stage that records everything, and fails when a secret is among it.

use std::fs;
use std::path::PathBuf;

use codex_onboarding::demo::BrowserPage;

use crate::program::{Exited, Program, Run};
use crate::stage::Stage;

/// Where the trace goes.
#[derive(Clone, Copy, Debug)]
pub enum Trace {
    Stderr,
    File,
}

/// A stage that records everything.
pub struct Watch {
    pub stage: Stage,
    pub trace: Trace,
    /// Places, and the texts found there.
    pub found: Vec<(String, String)>,
    pub secrets: Vec<(&'static str, String)>,
}

/// Acts with both kinds of trace, one after the other.
pub fn watched(act: impl Fn(&mut Watch)) {
    for trace in [Trace::Stderr, Trace::File] {
        let mut watch = Watch {
            stage: Stage::new(),
            trace,
            found: Vec::new(),
            secrets: Vec::new(),
        };
        act(&mut watch);
        watch.finds_nothing();
    }
}

impl Watch {
    pub fn log(&self) -> PathBuf {
        self.stage.home().join("log")
    }

    pub fn run(&self, words: &[&str]) -> Run {
        let log = self.log().display().to_string();
        let more = match self.trace {
            Trace::Stderr => vec!["-v"],
            Trace::File => vec!["-v", "--log-file", &log],
        };
        Run::new(&self.stage, &[words, &more].concat())
            .variable("RUST_LOG", "trace")
            .variable("CODEX_LOGIN_TRACE", "1")
            .variable("RUST_BACKTRACE", "full")
    }

    /// Adds a secret that must turn up nowhere.
    pub fn hides(&mut self, name: &'static str, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() >= 20, "{name} is too short to be searched for");
        self.secrets.push((name, secret));
    }

    pub fn find(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.found.push((place.into(), text.into()));
    }

    pub fn find_process(&mut self, running: &Program) {
        let pid = running.pid().as_raw_nonzero();
        for file in ["cmdline", "environ", "comm"] {
            let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap();
            self.find(file, String::from_utf8_lossy(&bytes));
        }
    }

    pub fn find_page(&mut self, page: &BrowserPage) {
        // The issuer sends the browser to the callback with a code: that address is not ours.
        if page.url.path() != "/auth/callback" {
            self.find("an address", page.url.as_str());
        }
        self.find("headers", format!("{:?}", page.headers));
        self.find("a page", &page.body);
    }

    pub fn find_ended(&mut self, words: &str, ended: &Exited) {
        ended.code();
        if !words.starts_with("token") {
            self.find(format!("{words}: stdout"), &ended.stdout);
        }
        self.find(format!("{words}: stderr"), &ended.stderr);
        self.find("log", fs::read_to_string(self.log()).unwrap_or_default());
    }

    /// Runs to the end with this as standard input.
    pub fn ends(&mut self, words: &str, input: &str) -> Exited {
        let split: Vec<&str> = words.split(' ').collect();
        let ended = self.run(&split).takes(input.as_bytes());
        self.find_ended(words, &ended);
        ended
    }

    /// Adds all that is stored now, and all that the issuer was ever sent.
    pub fn hides_what_is_known(&mut self) {
        if let Ok(bytes) = fs::read(self.stage.auth_file()) {
            let file: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let stored = [
                ("stored id token", &file["tokens"]["id_token"]),
                ("stored access token", &file["tokens"]["access_token"]),
                ("stored refresh token", &file["tokens"]["refresh_token"]),
                ("stored key", &file["OPENAI_API_KEY"]),
            ];
            for (name, value) in stored {
                if let Some(secret) = value.as_str() {
                    self.hides(name, secret);
                }
            }
        }
        for request in self.stage.issuer.requests() {
            for name in [
                "code",
                "code_verifier",
                "refresh_token",
                "subject_token",
                "token",
                "device_auth_id",
                "id_token",
            ] {
                let is_post = request.method == "POST";
                if let Some(secret) = request.param(name).filter(|_| is_post) {
                    self.hides(name, secret);
                }
            }
        }
    }

    pub fn finds_nothing(&mut self) {
        self.hides_what_is_known();
        assert!(!self.secrets.is_empty());
        for (place, text) in &self.found {
            for (name, secret) in &self.secrets {
                // A part of a secret is too much, too.
                let (first, last) = (&secret[..20], &secret[secret.len() - 12..]);
                for part in [first, last] {
                    assert!(!text.contains(part), "{name} is in {place}:\n{text}");
                }
            }
        }
    }

    /// Asserts that there was a trace: without one, the test would prove nothing.
    pub fn has_traced(&self, words: &str) {
        let said = self.found.iter().any(|(_, text)| text.contains(words));
        assert!(said, "no {words:?} in {:?}", self.found);
    }
}
