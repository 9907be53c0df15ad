//! A conversation in this process: its lines of input, and everything that was said.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use codex_onboarding::auth::{DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Store};
use codex_onboarding::environment::Environment;
use codex_onboarding::hidden_input::HiddenInput;
use codex_onboarding::onboarding::{Ended, Options, converse};
use codex_onboarding::sign_in::{Port, SignInOptions};
use tokio::sync::mpsc;

use crate::stage::Stage;
use crate::transcript::Transcript;

/// A running conversation.
pub struct Talk {
    lines: Option<mpsc::Sender<Vec<u8>>>,
    heard: Transcript,
    /// The end of the part that was listened to.
    mark: usize,
    opened: Arc<Mutex<Vec<String>>>,
    thread: JoinHandle<Ended>,
}

/// Options for the machine that the browser is on, with an empty environment.
pub fn options(stage: &Stage) -> Options {
    let url = IssuerUrl::parse(stage.issuer.url()).unwrap();
    let issuer = Issuer::new(url, DEFAULT_CLIENT_ID, None);
    let mut sign_in = SignInOptions::new(issuer, Store::new(stage.codex_home()));
    sign_in.port = Port::Exactly(0);
    let mut options = Options::new(sign_in, Environment::default());
    options.facts.remote = None;
    options
}

impl Talk {
    pub fn start(stage: &Stage) -> Self {
        Self::with(options(stage))
    }

    pub fn with(mut options: Options) -> Self {
        let opened = Arc::new(Mutex::new(Vec::new()));
        let browser = Arc::clone(&opened);
        options.browser = Arc::new(move |url, done| {
            browser.lock().unwrap().push(url.to_owned());
            done(Ok(()));
        });
        let (lines, pieces) = mpsc::channel(16);
        let heard = Transcript::default();
        let output = heard.clone();
        let thread = std::thread::spawn(move || {
            let input = HiddenInput::from_pieces(pieces);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let talk = converse(options, input, output);
            runtime.unwrap().block_on(talk).unwrap()
        });
        Self {
            lines: Some(lines),
            heard,
            mark: 0,
            opened,
            thread,
        }
    }

    /// Enters a line.
    pub fn answer(&mut self, line: &str) {
        let line = format!("{line}\n").into_bytes();
        self.lines.as_ref().unwrap().blocking_send(line).unwrap();
    }

    /// Ends the input.
    pub fn hang_up(&mut self) {
        self.lines = None;
    }

    /// Waits until this is said, and returns what was said since the last time, up to there.
    pub fn hears(&mut self, words: &str) -> String {
        let mark = self.mark;
        let text = self.heard.until(words, |text| text[mark..].contains(words));
        let until = mark + text[mark..].find(words).unwrap() + words.len();
        self.mark = until;
        text[mark..until].to_owned()
    }

    /// Waits for a line that holds this, and returns the line below it.
    pub fn hears_below(&mut self, words: &str) -> String {
        self.hears(words);
        self.hears("\n");
        self.hears("\n").trim().to_owned()
    }

    /// Returns everything that was said so far.
    pub fn transcript(&self) -> String {
        self.heard.so_far()
    }

    /// Returns the URLs that the browser was asked to open.
    pub fn opened(&self) -> Vec<String> {
        self.opened.lock().unwrap().clone()
    }

    /// Waits for its end. Returns it with everything that was said.
    pub fn ended(self) -> (Ended, String) {
        let ended = self.thread.join().unwrap();
        (ended, self.heard.so_far())
    }
}
