//! A machine on which Codex and this program share a codex home, and all of its network.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use codex_onboarding::demo::{IssuedTokens, Profile};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::account::{ISSUER, auth_json, profile, read, write};
use crate::openai::OpenAi;
use crate::patience::wait_until;
use crate::pty::{Launch, Pty};
use crate::run::{Said, quiet, say, start};

/// The program of this package.
const PROGRAM: &str = env!("CARGO_BIN_EXE_codex-onboarding");

pub struct Machine {
    pub openai: OpenAi,
    folder: TempDir,
    variables: Vec<(String, String)>,
    /// Takes the place of `/etc/codex`.
    etc: Option<PathBuf>,
}

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("cx").tempdir().unwrap();
        let openai = OpenAi::start();
        fs::write(folder.path().join("ca.pem"), &openai.authority.pem).unwrap();
        let machine = Self {
            openai,
            folder,
            variables: Vec::new(),
            etc: None,
        };
        fs::create_dir(machine.codex_home()).unwrap();
        fs::create_dir(machine.work()).unwrap();
        // The program under test is the `codex` on the PATH, as for a person.
        fs::create_dir(machine.home().join("bin")).unwrap();
        symlink(codex(), machine.home().join("bin/codex")).unwrap();
        machine
    }

    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    pub fn codex_home(&self) -> PathBuf {
        self.home().join("codex")
    }

    /// The folder in which Codex works.
    pub fn work(&self) -> PathBuf {
        self.home().join("work")
    }

    /// The folder of a parked account.
    pub fn slot(&self, name: &str) -> PathBuf {
        self.codex_home().join("accounts").join(name)
    }

    /// With this variable in the environment of both programs.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this file in `/etc/codex`.
    pub fn with_machine_wide(mut self, name: &str, text: &str) -> Self {
        let etc = self.home().join("etc");
        fs::create_dir_all(etc.join("codex")).unwrap();
        fs::write(etc.join("codex").join(name), text).unwrap();
        self.etc = Some(etc);
        self
    }

    /// Tells Codex to trust the folder in which it works, so that it asks nobody.
    pub fn configure(&self, text: &str) {
        let work = self.work();
        let trust = format!(
            "{text}\n[projects.{:?}]\ntrust_level = \"trusted\"\n",
            work.display().to_string()
        );
        fs::write(self.codex_home().join("config.toml"), trust).unwrap();
    }

    /// Makes this account the one of the codex home.
    pub fn sign_in(&self, name: &str) -> IssuedTokens {
        self.sign_in_to(&self.codex_home(), name)
    }

    /// Parks this account.
    pub fn park(&self, name: &str) -> IssuedTokens {
        self.sign_in_to(&self.slot(name), name)
    }

    fn sign_in_to(&self, folder: &Path, name: &str) -> IssuedTokens {
        self.openai.issuer.set_profile(profile(name));
        let tokens = self.openai.issuer.issue_tokens();
        write(folder, &auth_json(&tokens, name));
        tokens
    }

    pub fn auth_json(&self) -> Value {
        read(&self.codex_home())
    }

    /// Our program with these words.
    pub fn ours(&self, words: &[&str]) -> Command {
        let mut command = self.command(PROGRAM);
        command.args(words);
        command
    }

    /// Signs in with these words as this person, whose browser is elsewhere.
    pub fn signs_in(&self, words: &[&str], name: &str) -> Said {
        self.signs_in_as(words, profile(name))
    }

    /// The same for any account.
    pub fn signs_in_as(&self, words: &[&str], account: Profile) -> Said {
        self.openai.issuer.set_profile(account);
        let mut command = self.ours(words);
        // The registered ports are few, and other tests run.
        command.args(["--port", "0"]);
        let mut login = start(command);
        let mut link = None;
        wait_until("a link, or its end", || {
            link = link_in(&login.stderr.so_far()).or_else(|| link_in(&login.stdout.so_far()));
            link.is_some() || login.has_ended()
        });
        if let Some(link) = link {
            let callback = self.openai.approve(&link);
            login.types(&format!("{callback}\n"));
        }
        login.ends()
    }

    /// A line that a person types into a shell.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = self.command("/bin/sh");
        command.args(["-c", line]);
        command
    }

    /// Codex with these words.
    pub fn codex(&self, words: &[&str]) -> Command {
        let mut command = self.command("codex");
        command.args(words);
        command
    }

    /// Codex with these words, as an account.
    pub fn codex_as(&self, account: &str, words: &[&str]) -> Command {
        let mut command = self.ours(&["exec", "--account", account, "--", "codex"]);
        command.args(words);
        command
    }

    /// Codex without npm's script before it, as an account.
    pub fn bare_codex_as(&self, account: &str) -> Command {
        self.ours(&["exec", "--account", account, "--", &bare_codex()])
    }

    /// One turn.
    pub fn turn(&self) -> Said {
        say(self.codex(&TURN))
    }

    /// The same, going on.
    pub fn turning(&self) -> Child {
        quiet(self.codex(&TURN))
    }

    pub fn turning_as(&self, account: &str) -> Child {
        quiet(self.codex_as(account, &TURN))
    }

    /// Ends the daemon of this codex home with Codex's own command.
    pub fn end_daemon(&self, codex_home: &Path) {
        let mut stop = self.codex(&["app-server", "daemon", "stop"]);
        stop.env("CODEX_HOME", codex_home);
        say(stop).succeeded();
    }

    pub fn turn_as(&self, account: &str) -> Said {
        say(self.codex_as(account, &TURN))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = match &self.etc {
            None => Command::new(program),
            Some(etc) => {
                let mut command = Command::new("unshare");
                let mount = "mount -t overlay overlay -o lowerdir=\"$0\":/etc /etc && exec \"$@\"";
                command.args(["--mount", "sh", "-c", mount]);
                command.arg(etc).arg(program);
                command
            }
        };
        command
            .env_clear()
            .envs(self.environment())
            .current_dir(self.work())
            .stdin(Stdio::null());
        command
    }

    fn environment(&self) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.display().to_string();
        let path = std::env::var("PATH").unwrap();
        let mut variables = [
            ("HOME", text(self.home().to_owned())),
            ("CODEX_HOME", text(self.codex_home())),
            ("CODEX_CA_CERTIFICATE", text(self.home().join("ca.pem"))),
            ("HTTPS_PROXY", self.openai.proxy().to_owned()),
            ("PATH", format!("{}:{path}", text(self.home().join("bin")))),
            ("TERM", "xterm-256color".to_owned()),
            ("USER", "ada".to_owned()),
            // No browser is opened.
            ("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.7 22".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        variables.extend(self.variables.clone());
        variables
    }

    /// The same in a terminal.
    pub fn in_terminal(&self, command: &Command) -> Pty {
        let words = command.get_args();
        let words: Vec<String> = words
            .map(|word| word.to_str().unwrap().to_owned())
            .collect();
        // The terminal starts its program in the root folder.
        let script = "cd \"$0\" && exec \"$@\"";
        let work = self.work().display().to_string();
        let program = command.get_program().to_str().unwrap().to_owned();
        let mut arguments = vec!["-c".to_owned(), script.to_owned(), work, program];
        arguments.extend(words);
        let changed = command.get_envs().filter_map(|(name, value)| {
            Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned()))
        });
        Launch {
            program: "/bin/sh".into(),
            arguments,
            environment: changed.collect(),
            columns: 100,
            rows: 40,
        }
        .start()
    }

    /// The processes that have this machine's home in their environment, and their command lines.
    pub fn processes(&self) -> Vec<(i32, String)> {
        let mark = format!("HOME={}\0", self.home().display());
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let is_ours = |pid: &i32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&mark)
        };
        let described = |pid: i32| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            (pid, String::from_utf8_lossy(&words).replace('\0', " "))
        };
        pids.filter(is_ours).map(described).collect()
    }
}

impl Drop for Machine {
    /// Codex leaves a daemon running, and a test that failed leaves more.
    fn drop(&mut self) {
        for (pid, _) in self.processes() {
            if let Some(pid) = Pid::from_raw(pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        for home in [self.codex_home(), self.slot("bob")] {
            remove_sockets(&home);
        }
    }
}

/// Codex keeps its sockets in a folder of the user's, whose path is short enough for them.
fn remove_sockets(codex_home: &Path) {
    for link in [
        "app-server-control/app-server-control.sock",
        "app-server-daemon/daemon-updater.sock",
    ] {
        if let Ok(socket) = codex_home.join(link).read_link() {
            let _ = fs::remove_file(socket.with_extension("lock"));
            let _ = fs::remove_file(socket);
        }
    }
}

/// The authorization link, once it is there as a whole.
fn link_in(said: &str) -> Option<String> {
    let links = said.split(['"', '\n']);
    let mut links = links.filter(|word| word.starts_with(ISSUER));
    let link = links.find(|link| link.contains("&originator=codex_cli_rs"))?;
    Some(link.to_owned())
}

/// One turn of a conversation that asks nobody anything.
pub const TURN: [&str; 3] = ["exec", "--skip-git-repo-check", "Say who I am."];

/// The Codex CLI to test with: `CODEX`, a path or a name on the PATH. npm's is a script that
/// starts the program itself.
fn codex() -> PathBuf {
    let codex = std::env::var("CODEX").unwrap_or_else(|_| "codex".to_owned());
    let path = std::env::var("PATH").unwrap();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(&codex));
    let found = found.find(|path| path.is_file());
    let found = found.unwrap_or_else(|| panic!("no {codex} on the PATH: set CODEX"));
    found.canonicalize().unwrap()
}

/// The first two numbers of its version.
pub fn version() -> (u32, u32) {
    let said = Command::new(codex()).arg("--version").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let number = said.split(' ').next_back().unwrap();
    let mut parts = number.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap())
}

/// The Codex CLI without npm's script before it, as other installers put it there. Descriptors
/// are inherited by this one and not through the script.
fn bare_codex() -> String {
    let codex = codex();
    let packages = codex.ancestors().find(|folder| folder.ends_with("@openai"));
    let Some(packages) = packages else {
        return codex.display().to_string();
    };
    let found = Command::new("find")
        .arg(packages)
        .args(["-path", "*/bin/codex", "-type", "f"])
        .output()
        .unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    found.lines().next().unwrap().to_owned()
}
