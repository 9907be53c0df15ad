//! A session bus with gnome-keyring on it, and a stage whose program knows both.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::program::Run;
use crate::stage::Stage;

/// What gnome-keyring calls the keyring that it makes when it is first unlocked.
const LOGIN: &str = "/org/freedesktop/secrets/collection/login";

/// A stage of which the Codex CLI's setting, the bus and the keyring are part.
pub struct Desktop {
    pub stage: Stage,
    daemon: Child,
    /// The value of `DBUS_SESSION_BUS_ADDRESS`.
    pub address: String,
    keyring: Option<Child>,
}

impl Desktop {
    /// With an unlocked keyring.
    pub fn new(setting: &str) -> Self {
        let mut desktop = Self::without_keyring(setting);
        desktop.start_keyring();
        desktop
    }

    /// With a bus alone.
    pub fn without_keyring(setting: &str) -> Self {
        let stage = Stage::new();
        let home = stage.home().to_owned();
        std::fs::create_dir_all(home.join("services")).unwrap();
        let config = home.join("bus.conf");
        std::fs::write(&config, bus_config(&home)).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--print-address"])
            .env_clear()
            .env("HOME", &home)
            .env("PATH", "/usr/bin:/bin")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let said = daemon.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut address).unwrap();
        let desktop = Self {
            stage,
            daemon,
            address: address.trim().to_owned(),
            keyring: None,
        };
        desktop.set(setting);
        desktop
    }

    /// Changes `cli_auth_credentials_store`.
    pub fn set(&self, setting: &str) {
        let home = self.stage.codex_home();
        std::fs::create_dir_all(&home).unwrap();
        let text = format!("cli_auth_credentials_store = \"{setting}\"\n");
        std::fs::write(home.join("config.toml"), text).unwrap();
    }

    fn start_keyring(&mut self) {
        let mut keyring = self
            .tool("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        keyring.stdin.take().unwrap().write_all(b"pass\n").unwrap();
        self.keyring = Some(keyring);
        while !self
            .call("org.freedesktop.DBus.Peer.Ping", &[])
            .status
            .success()
        {
            std::thread::yield_now();
        }
    }

    /// Whoever asks to unlock it is asked for a password, for ever.
    pub fn lock_with_a_prompt_that_nobody_answers(&self) {
        let service = "[D-BUS Service]\nName=org.gnome.keyring.SystemPrompter\n\
                       Exec=/bin/sleep 600\n";
        let path = "services/org.gnome.keyring.SystemPrompter.service";
        std::fs::write(self.stage.home().join(path), service).unwrap();
        let reload = self
            .tool("dbus-send")
            .args([
                "--session",
                "--print-reply",
                "--dest=org.freedesktop.DBus",
                "/",
            ])
            .arg("org.freedesktop.DBus.ReloadConfig")
            .output()
            .unwrap();
        assert!(reload.status.success(), "{reload:?}");
        self.lock();
    }

    /// Whoever asks to unlock it is refused: there is no display to ask on.
    pub fn lock(&self) {
        let argument = format!("array:objpath:{LOGIN}");
        let locked = self.call("org.freedesktop.Secret.Service.Lock", &[&argument]);
        assert!(locked.status.success(), "{locked:?}");
    }

    /// It is there, and answers nobody.
    pub fn freeze(&self) {
        let keyring = self.keyring.as_ref().unwrap();
        let pid = rustix::process::Pid::from_child(keyring);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    }

    fn call(&self, method: &str, arguments: &[&str]) -> Output {
        self.tool("dbus-send")
            .args([
                "--session",
                "--print-reply",
                "--dest=org.freedesktop.secrets",
            ])
            .args(["/org/freedesktop/secrets", method])
            .args(arguments)
            .output()
            .unwrap()
    }

    /// A program of the desktop.
    pub fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.stage.home())
            .env("XDG_RUNTIME_DIR", self.stage.home())
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("CODEX_HOME", self.stage.codex_home())
            .stdin(Stdio::null());
        command
    }

    /// Our program, on this desktop.
    pub fn run(&self, words: &[&str]) -> Run {
        Run::new(&self.stage, words).variable("DBUS_SESSION_BUS_ADDRESS", &self.address)
    }

    /// `exec` of our program, whose words are the command's from the first that is none of its own.
    pub fn exec(&self, words: &[&str]) -> Run {
        Run::exec(&self.stage, words).variable("DBUS_SESSION_BUS_ADDRESS", &self.address)
    }

    /// The Codex CLI's name for the codex home.
    fn account(&self) -> String {
        let home = self.stage.codex_home().canonicalize().unwrap();
        let digest = Sha256::digest(home.to_str().unwrap().as_bytes());
        let digits = digest[..8].iter().map(|byte| format!("{byte:02x}"));
        format!("cli|{}", digits.collect::<String>())
    }

    /// All entries with the names that the Codex CLI gives to this codex home.
    pub fn entries(&self) -> String {
        let found = self
            .tool("secret-tool")
            .args(["search", "--all", "service", "Codex Auth"])
            .args(["username", &self.account(), "target", "default"])
            .output()
            .unwrap();
        String::from_utf8([found.stdout, found.stderr].concat()).unwrap()
    }

    /// The secret in the one entry.
    pub fn entry(&self) -> String {
        let entries = self.entries();
        let mut secrets = entries
            .lines()
            .filter_map(|line| line.strip_prefix("secret = "));
        let secret = secrets
            .next()
            .unwrap_or_else(|| panic!("no entry: {entries}"));
        assert_eq!(secrets.next(), None, "{entries}");
        secret.to_owned()
    }

    /// Puts an entry there, as the Codex CLI does.
    pub fn store(&self, file: &Value) {
        let mut storing = self
            .tool("secret-tool")
            .args(["store", "--label=codex", "service", "Codex Auth"])
            .args(["username", &self.account(), "target", "default"])
            .args(["application", "rust-keyring"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let text = file.to_string();
        storing
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        assert!(storing.wait().unwrap().success());
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in self.keyring.iter_mut().chain([&mut self.daemon]) {
            // SIGKILL ends a frozen one too.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A bus that starts nothing of what the machine has installed.
fn bus_config(home: &Path) -> String {
    let home = home.display();
    format!(
        "<busconfig><type>session</type><listen>unix:path={home}/bus</listen>\
         <auth>EXTERNAL</auth><servicedir>{home}/services</servicedir>\
         <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>\
         <allow own=\"*\"/></policy></busconfig>"
    )
}
