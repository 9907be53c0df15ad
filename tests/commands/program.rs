//! A run of the program, from its arguments to its end.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::patience::wait_until;
use crate::stage::{PROGRAM, Stage};
use crate::transcript::Transcript;

/// A run that has not started yet.
pub struct Run {
    command: Command,
}

/// A running program.
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    pub stdout: Transcript,
    pub stderr: Transcript,
}

/// Its exit status, and all it has said.
#[derive(Debug)]
pub struct Exited {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the program with these words on this stage, with an empty standard input.
pub fn run(stage: &Stage, words: &[&str]) -> Exited {
    Run::new(stage, words).ends()
}

impl Run {
    pub fn new(stage: &Stage, words: &[&str]) -> Self {
        let mut run = Self::bare(words);
        run.command.args(stage.arguments());
        run.command.envs(stage.environment());
        run
    }

    /// With the options of the stage first: what follows `exec` belongs to the command.
    pub fn exec(stage: &Stage, words: &[&str]) -> Self {
        let mut run = Self::bare(&[]);
        run.command.args(stage.arguments());
        run.command.arg("exec").args(words);
        run.command.envs(stage.environment());
        run
    }

    /// Without the options and the environment of a stage.
    pub fn bare(words: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command
            .args(words)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { command }
    }

    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// Runs in this working folder.
    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs with at most this many open files.
    pub fn with_descriptors(self, limit: u32) -> Self {
        self.after(&format!("ulimit -n {limit}"))
    }

    /// Runs in a shell in which this was done.
    pub fn after(self, done: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &format!("{done} && exec \"$0\" \"$@\"")])
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in self.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        Self { command }
    }

    /// Runs as a user whom this machine does not know. Only root may do that.
    pub fn by_a_stranger(mut self) -> Self {
        self.command.uid(54_321);
        self
    }

    /// Runs where this file is a mount point, as in a container. `None` where this machine lets
    /// nobody make one.
    pub fn with_a_mount_at(self, file: &Path) -> Option<Self> {
        self.after_mounting(r#"mount --bind "$0" "$0""#, file)
    }

    /// Runs where a folder is seen at another place, too. `None` where this machine lets nobody
    /// make a mount.
    pub fn with_a_mount_of(self, folder: &Path, at: &Path) -> Option<Self> {
        let at = codex_onboarding::text::shell_word(at.to_str().unwrap());
        self.after_mounting(&format!("mount --bind \"$0\" {at}"), folder)
    }

    /// Runs where `folder` is `/etc/codex`. `None` where this machine lets nobody make a mount.
    pub fn with_machine_settings(self, folder: &Path) -> Option<Self> {
        // The folder need not exist there, so another `/etc` has it, with what names hosts and
        // users.
        let etc = r#"mkdir -p "$0/etc" && cp /etc/hosts /etc/passwd "$0/etc" &&
            ln -sfn "$0" "$0/etc/codex" && mount --bind "$0/etc" /etc"#;
        self.after_mounting(etc, folder)
    }

    fn after_mounting(self, mount: &str, argument: &Path) -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c"]);
        command.arg(format!("{mount} && exec \"$@\"")).arg(argument);
        let mut probe = Command::new("unshare");
        probe.args(command.get_args()).arg("true");
        if !probe.stderr(Stdio::null()).status().ok()?.success() {
            return None;
        }
        command
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in self.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        Some(Self { command })
    }

    /// Makes standard input a pipe to write to.
    pub fn listening(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// Sends standard output there.
    pub fn writing_to(mut self, output: impl Into<Stdio>) -> Self {
        self.command.stdout(output);
        self
    }

    pub fn starts(mut self) -> Program {
        let mut child = self.command.spawn().unwrap();
        let stdout = child.stdout.take();
        Program {
            stdin: child.stdin.take(),
            stdout: stdout.map_or_else(|| Transcript::of(std::io::empty()), Transcript::of),
            stderr: Transcript::of(child.stderr.take().unwrap()),
            child,
        }
    }

    pub fn ends(self) -> Exited {
        self.starts().ended()
    }

    /// Runs to the end with this as standard input.
    pub fn takes(self, input: &[u8]) -> Exited {
        let mut running = self.listening().starts();
        running.types(input);
        running.hangs_up();
        running.ended()
    }
}

impl Program {
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Writes to its standard input. An error is left to the assertions about its end.
    pub fn types(&mut self, input: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().unwrap();
        let _ = stdin.write_all(input.as_ref());
    }

    /// Ends its standard input.
    pub fn hangs_up(&mut self) {
        self.stdin = None;
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for the link: the only line that begins with a scheme, as hosts expect.
    pub fn link(&self) -> String {
        self.stderr.hears("/oauth/authorize?");
        self.stderr.hears("&originator=codex_cli_rs");
        let said = self.stderr.so_far();
        let mut links = said.lines().filter(|line| line.starts_with("http"));
        let link = links.next().unwrap().to_owned();
        assert_eq!(links.next(), None, "more than one link:\n{said}");
        link
    }

    /// Waits for the link in the `url` event of `--json`.
    pub fn link_of_event(&self) -> String {
        self.event("url")["url"].as_str().unwrap().to_owned()
    }

    /// Waits until a thread reads its standard input.
    pub fn reads(&self) {
        let tasks = format!("/proc/{}/task", self.child.id());
        wait_until("a thread that reads", || {
            let mut threads = std::fs::read_dir(&tasks).unwrap().flatten();
            threads.any(|thread| {
                let name = std::fs::read_to_string(thread.path().join("comm"));
                name.is_ok_and(|name| name.trim() == "stdin")
            })
        });
    }

    /// Waits for the event of `--json` with this name.
    pub fn event(&self, name: &str) -> Value {
        let needle = format!("\"event\":\"{name}\"");
        let said = self.stdout.until(&needle, |said| {
            let complete = said.rsplit_once('\n').map_or("", |(lines, _)| lines);
            complete.contains(&needle)
        });
        let line = said.lines().find(|line| line.contains(&needle)).unwrap();
        serde_json::from_str(line).unwrap()
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Exited {
        // Its streams end with it; a process that it left behind would still hold them.
        let stdout = self.stdout.all();
        let stderr = self.stderr.all();
        let Some((stdout, stderr)) = stdout.zip(stderr) else {
            let _ = self.child.kill();
            panic!("it goes on:\n{}", self.stderr.so_far());
        };
        Exited {
            status: self.child.wait().unwrap(),
            stdout,
            stderr,
        }
    }
}

impl Exited {
    /// Returns the exit code, and fails for a panic.
    pub fn code(&self) -> i32 {
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self.status.code().unwrap()
    }

    /// Asserts exit code 0.
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code(), 0, "{self:?}");
        self
    }

    /// Asserts this exit code, and these words on standard error.
    pub fn failed(self, code: i32, words: &str) -> Self {
        assert_eq!(self.code(), code, "{self:?}");
        self.says(words);
        self
    }

    /// Asserts these words on standard error.
    pub fn says(&self, words: &str) {
        assert!(self.stderr.contains(words), "{words:?}: {self:?}");
    }

    /// Asserts that these words are not on standard error.
    pub fn never_says(&self, words: &str) {
        assert!(!self.stderr.contains(words), "{words:?}: {self:?}");
    }

    /// Asserts these words on standard output.
    pub fn prints(&self, words: &str) {
        assert!(self.stdout.contains(words), "{words:?}: {self:?}");
    }

    /// Asserts that these words are not on standard output.
    pub fn never_prints(&self, words: &str) {
        assert!(!self.stdout.contains(words), "{words:?}: {self:?}");
    }

    /// Parses standard output as one JSON object.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Parses standard output as JSON, one object a line.
    pub fn events(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        let events: Vec<Value> = lines.map(|it| serde_json::from_str(it).unwrap()).collect();
        assert!(events.iter().all(|event| event["version"] == 1), "{self:?}");
        events
    }
}
