//! Chromium, driven over its pipe: `DevTools` messages, each ended by a NUL, on descriptors 3 and 4.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::patience::PATIENCE;

/// A small phone, in CSS pixels.
const SIZE: (u32, u32) = (360, 640);

/// A colour scheme, and whether pages may run scripts.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub dark: bool,
    pub scripts: bool,
}

impl Look {
    pub const ALL: [Self; 4] = [
        Self::new(false, true),
        Self::new(true, true),
        Self::new(false, false),
        Self::new(true, false),
    ];

    const fn new(dark: bool, scripts: bool) -> Self {
        Self { dark, scripts }
    }

    const fn scheme(self) -> &'static str {
        if self.dark { "dark" } else { "light" }
    }
}

/// A running browser with one tab.
pub struct Browser {
    chromium: Child,
    input: ChildStdin,
    output: Receiver<Value>,
    calls: u64,
    /// The tab's session, in every message once there is one.
    session: Value,
    /// Not looked at yet.
    events: VecDeque<Value>,
    /// What the tab's console says is wrong, a violated policy for example. An answer's status
    /// is not.
    complaints: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    pub fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let program = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#, "sh"])
            .args([&*program, "--headless", "--remote-debugging-pipe"])
            .args(["--no-first-run", "--disable-gpu", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path());
        if rustix::process::geteuid().is_root() {
            // It refuses to start as root with its sandbox.
            command.arg("--no-sandbox");
        }
        let mut chromium = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let messages = BufReader::new(chromium.stdout.take().unwrap()).split(0);
        let (sender, output) = channel();
        std::thread::spawn(move || {
            for message in messages.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_slice(&message).unwrap());
            }
        });
        let mut browser = Self {
            input: chromium.stdin.take().unwrap(),
            chromium,
            output,
            calls: 0,
            session: Value::Null,
            events: VecDeque::new(),
            complaints: Vec::new(),
            _profile: profile,
        };
        browser.open_tab();
        browser
    }

    fn open_tab(&mut self) {
        let tab = self.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": tab["targetId"], "flatten": true});
        self.session = self.call("Target.attachToTarget", &attach)["sessionId"].take();
        self.call("Page.enable", &json!({}));
        self.call("Log.enable", &json!({}));
        let (width, height) = SIZE;
        let phone =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": true});
        self.call("Emulation.setDeviceMetricsOverride", &phone);
    }

    /// From now on every page is seen like this, and nothing on it moves.
    pub fn put_on(&mut self, look: Look) {
        let features = json!([
            {"name": "prefers-color-scheme", "value": look.scheme()},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.call("Emulation.setEmulatedMedia", &json!({"features": features}));
        let disabled = json!({"value": !look.scripts});
        self.call("Emulation.setScriptExecutionDisabled", &disabled);
    }

    /// Opens an address, and waits for the page that it leads to.
    pub fn open(&mut self, url: &str) {
        let went = self.call("Page.navigate", &json!({"url": url}));
        assert_eq!(went["errorText"], Value::Null, "{url}");
        self.arrives();
    }

    /// Waits until another page was loaded.
    pub fn arrives(&mut self) {
        while self.next_event()["method"] != "Page.loadEventFired" {}
    }

    /// Presses the one element with this selector, at its place on the screen.
    pub fn click(&mut self, selector: &str) {
        let middle = format!(
            "(() => {{ const element = document.querySelector('{selector}');
            element.scrollIntoView(); const box = element.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2] }})()"
        );
        let middle = self.evaluate(&middle);
        for kind in ["mousePressed", "mouseReleased"] {
            let press = json!({
                "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", &press);
        }
    }

    #[track_caller]
    pub fn shows(&mut self, heading: &str) {
        assert_eq!(
            self.evaluate("document.querySelector('h1').innerText"),
            heading
        );
    }

    pub fn is_visible(&mut self, selector: &str) -> bool {
        let visible = format!("document.querySelector('{selector}').checkVisibility()");
        self.evaluate(&visible) == true
    }

    /// Nothing is wider than the screen, and the page is light or dark.
    #[track_caller]
    pub fn fits(&mut self, look: Look) {
        let width = self.evaluate("document.documentElement.scrollWidth");
        assert_eq!(width, SIZE.0);
        let ground = self.evaluate("getComputedStyle(document.body).backgroundColor");
        let ground = ground.as_str().unwrap();
        let red = ground.trim_start_matches("rgb(").split(',').next().unwrap();
        assert_eq!(red.parse::<u8>().unwrap() < 128, look.dark, "{ground}");
    }

    /// Writes `docs/pages/NAME-SCHEME.webp`, when that is asked for.
    pub fn take_picture(&mut self, name: &str, look: Look) {
        if !look.scripts || std::env::var_os("UPDATE_PICTURES").is_none() {
            return;
        }
        let height = self.evaluate("document.documentElement.scrollHeight");
        let clip = json!({"x": 0, "y": 0, "width": SIZE.0, "height": height, "scale": 1});
        let shot = json!({
            "format": "webp", "quality": 80, "captureBeyondViewport": true, "clip": clip,
        });
        let shot = self.call("Page.captureScreenshot", &shot);
        let picture = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        let scheme = look.scheme();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pages");
        std::fs::write(format!("{folder}/{name}-{scheme}.webp"), picture).unwrap();
    }

    pub fn complained_of_nothing(&self) {
        assert!(self.complaints.is_empty(), "{:?}", self.complaints);
    }

    fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", &asked);
        assert_eq!(answer["exceptionDetails"], Value::Null, "{expression}");
        answer["result"]["value"].clone()
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": parameters});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        write!(self.input, "{message}\0").unwrap();
        loop {
            let mut heard = self.hear();
            if heard["id"] == self.calls {
                assert_eq!(heard["error"], Value::Null, "{method}");
                return heard["result"].take();
            }
            self.events.push_back(heard);
        }
    }

    fn next_event(&mut self) -> Value {
        self.events.pop_front().unwrap_or_else(|| self.hear())
    }

    fn hear(&mut self) -> Value {
        let heard = self.output.recv_timeout(PATIENCE);
        let heard = heard.unwrap_or_else(|error| panic!("no word from Chromium: {error}"));
        let entry = &heard["params"]["entry"];
        if entry["level"] == "error" && entry["source"] != "network" {
            self.complaints.push(entry.clone());
        }
        heard
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.chromium.kill();
        let _ = self.chromium.wait();
    }
}
