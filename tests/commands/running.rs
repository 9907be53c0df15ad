//! A Codex that runs while the session changes, played by a script of that name: it is told by
//! what it is, named, and ended by its own command alone.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::accounts::{names, with_accounts};
use crate::bad_input::make_fifo;
use crate::exec::started;
use crate::executable;
use crate::patience::wait_until;
use crate::program::{Exited, Run, run};
use crate::stage::Stage;

/// As Codex 0.171: a server that goes on when Codex is quit, its updater, and the command that
/// ends the server. Each waits at a FIFO that nobody opens.
const CODEX: &str = r#"#!/bin/sh
home="${CODEX_HOME:-$HOME/.codex}"
case "$*" in
"app-server daemon stop")
    echo "$home" >> "$STAGE/stops"
    [ ! -e "$STAGE/stop-fails" ] || exit 3
    kill "$(tr -dc 0-9 < "$home/app-server-daemon/daemon.pid")"
    exit ;;
*--managed-daemon*)
    mkdir -p "$home/app-server-daemon"
    echo "{\"pid\":$$}" > "$home/app-server-daemon/daemon.pid" ;;
esac
echo "$$ $*" >> "$STAGE/started"
read -r line < "$STAGE/never"
"#;

const DAEMON: &str = "codex app-server --listen unix:// --managed-daemon";
const UPDATER: &str = "codex app-server daemon pid-update-loop";

/// A folder with the script, and whatever it has started.
struct Codex {
    folder: PathBuf,
}

impl Codex {
    fn on(stage: &Stage) -> Self {
        let folder = stage.home().join("a codex");
        fs::create_dir(&folder).unwrap();
        executable::write(&folder.join("codex"), CODEX);
        make_fifo(&folder.join("never"));
        Self { folder }
    }

    fn with(&self, run: Run) -> Run {
        let path = format!("{}:/usr/bin:/bin", self.folder.display());
        run.variable("PATH", path)
            .variable("STAGE", self.folder.as_os_str())
    }

    fn run(&self, stage: &Stage, words: &[&str]) -> Exited {
        self.with(Run::new(stage, words)).ends()
    }

    /// Lets a command that runs as `account` leave these running, and returns when it has ended.
    fn left_by(&self, stage: &Stage, account: &str, left: &[&str]) {
        let script = format!("exec </dev/null >/dev/null 2>&1; {} &", left.join(" & "));
        let exec = ["--account", account, "--", "sh", "-c", &script];
        self.with(Run::exec(stage, &exec)).ends().succeeded();
        self.wait_for(left);
    }

    /// As a person runs it, in the codex home, without a lock.
    fn runs_in(&self, home: &Path, command: &str) {
        let mut words = command.split(' ');
        let mut child = std::process::Command::new(self.folder.join(words.next().unwrap()));
        let started = child
            .args(words)
            .env("CODEX_HOME", home)
            .env("STAGE", &self.folder)
            .stdin(std::process::Stdio::null())
            .spawn();
        let mut started = started.unwrap();
        std::thread::spawn(move || started.wait());
        self.wait_for(&[command]);
    }

    fn wait_for(&self, commands: &[&str]) {
        for command in commands {
            wait_until("codex has started", || self.pid(command).is_some());
        }
    }

    fn started(&self) -> Vec<(u32, String)> {
        let text = fs::read_to_string(self.folder.join("started")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines
            .map(|(pid, words)| {
                (
                    pid.parse().unwrap(),
                    format!("codex {words}").trim().to_owned(),
                )
            })
            .collect()
    }

    fn pid(&self, command: &str) -> Option<u32> {
        let mut started = self.started().into_iter();
        started
            .find(|(_, words)| words == command)
            .map(|(pid, _)| pid)
    }

    fn is_running(&self, command: &str) -> bool {
        let arguments = fs::read(format!("/proc/{}/cmdline", self.pid(command).unwrap()));
        arguments.is_ok_and(|arguments| !arguments.is_empty())
    }

    fn names(&self, command: &str) -> String {
        format!("a running Codex (pid {})", self.pid(command).unwrap())
    }

    fn stops(&self) -> String {
        fs::read_to_string(self.folder.join("stops")).unwrap_or_default()
    }
}

impl Drop for Codex {
    fn drop(&mut self) {
        for (pid, _) in self.started() {
            let pid = pid.cast_signed();
            let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::KILL));
        }
    }
}

fn slot(stage: &Stage, name: &str) -> PathBuf {
    let slot = stage.codex_home().join("accounts").join(name);
    slot.canonicalize().unwrap()
}

#[test]
fn an_account_that_only_codexs_server_holds_is_let_go_by_codexs_own_command() {
    let stage = with_accounts(&["ada", "bob"]);
    let codex = Codex::on(&stage);
    codex.left_by(&stage, "bob", &[DAEMON, UPDATER]);
    let slot = slot(&stage, "bob").display().to_string();
    let command = format!("CODEX_HOME={slot} codex app-server daemon stop");
    for words in [
        &["accounts", "use", "bob"][..],
        &["accounts", "remove", "bob"],
        &["logout", "--account", "bob"],
    ] {
        let ended = codex
            .run(&stage, words)
            .failed(1, "bob (bob@example.com) is in use");
        ended.says(&codex.names(DAEMON));
        ended.says(&command);
        let updater = codex.pid(UPDATER).unwrap().to_string();
        ended.never_says(&updater);
    }
    assert_eq!(codex.stops(), "");
    codex
        .run(&stage, &["accounts", "use", "bob", "--yes"])
        .succeeded();
    assert_eq!(names(&stage), ["bob*", "ada"]);
    assert_eq!(codex.stops(), format!("{slot}\n"));
    assert!(codex.is_running(UPDATER), "nothing is killed");
}

#[test]
fn no_program_of_the_working_folder_is_run() {
    let stage = with_accounts(&["ada", "bob"]);
    let codex = Codex::on(&stage);
    codex.left_by(&stage, "bob", &[DAEMON]);
    let folder = stage.home().join("a repository");
    fs::create_dir(&folder).unwrap();
    let script = "#!/bin/sh\ntouch \"$STAGE/was-run\"\n";
    executable::write(&folder.join("codex"), script);
    let path = format!(".::{}:/usr/bin:/bin", codex.folder.display());
    let run = codex.with(Run::new(&stage, &["accounts", "use", "bob", "--yes"]));
    run.variable("PATH", path)
        .within(&folder)
        .ends()
        .succeeded();
    assert!(!codex.folder.join("was-run").exists());
    assert_ne!(codex.stops(), "");
}

#[test]
fn codexs_updater_holds_no_session_and_keeps_no_account() {
    let stage = with_accounts(&["ada", "bob", "cid"]);
    let codex = Codex::on(&stage);
    codex.left_by(&stage, "bob", &[UPDATER]);
    codex.left_by(&stage, "cid", &[UPDATER]);
    codex.run(&stage, &["accounts", "use", "bob"]).succeeded();
    codex
        .run(&stage, &["logout", "--account", "cid"])
        .succeeded();
    assert_eq!(names(&stage), ["bob*", "ada"]);
    assert!(codex.is_running(UPDATER));
    // It does not keep another command out either.
    codex
        .with(Run::exec(&stage, &["--account", "ada", "true"]))
        .ends()
        .succeeded();
}

#[test]
fn a_server_that_does_not_end_keeps_its_account() {
    let stage = with_accounts(&["ada", "bob"]);
    let codex = Codex::on(&stage);
    codex.left_by(&stage, "bob", &[DAEMON]);
    fs::write(codex.folder.join("stop-fails"), "").unwrap();
    let ended = codex.run(&stage, &["accounts", "remove", "bob", "--yes"]);
    let ended = ended.failed(1, "its command failed");
    ended.says("codex app-server daemon stop");
    assert_eq!(names(&stage), ["ada*", "bob"]);
    assert!(codex.is_running(DAEMON));
}

#[test]
fn a_server_without_the_lock_is_found_by_its_home() {
    let stage = with_accounts(&["ada", "bob"]);
    let codex = Codex::on(&stage);
    Run::exec(&stage, &["--account", "bob", "true"])
        .ends()
        .succeeded();
    codex.runs_in(&slot(&stage, "bob"), DAEMON);
    let ended = codex.run(&stage, &["accounts", "use", "bob"]);
    ended.failed(1, &codex.names(DAEMON));
}

#[test]
fn a_server_of_another_home_is_not_this_ones_whatever_a_copied_file_says() {
    let stage = with_accounts(&["ada"]);
    let codex = Codex::on(&stage);
    let other = stage.home().join("another home");
    fs::create_dir(&other).unwrap();
    codex.runs_in(&other, DAEMON);
    let copy = stage.codex_home().join("app-server-daemon");
    fs::create_dir(&copy).unwrap();
    let pid = fs::read(other.join("app-server-daemon/daemon.pid")).unwrap();
    fs::write(copy.join("daemon.pid"), pid).unwrap();
    let ended = codex.run(&stage, &["logout", "--yes"]).succeeded();
    ended.never_says(&codex.names(DAEMON));
    assert_eq!(codex.stops(), "");
    assert!(codex.is_running(DAEMON));
}

#[test]
fn while_a_command_runs_as_the_active_account_it_stays_that() {
    let stage = with_accounts(&["ada", "bob"]);
    let mut running = started(&stage, "ada", "echo started; cat; true");
    let name = format!("sh (process {})", running.pid().as_raw_nonzero());
    for words in [
        &["accounts", "use", "bob"][..],
        &["accounts", "use", "bob", "--yes"],
        &["accounts", "remove", "ada"],
        &["logout"],
        &["logout", "--account", "ada"],
    ] {
        let ended = Run::new(&stage, words).ends();
        let ended = ended.failed(1, "ada (ada@example.com) is in use");
        ended.says(&name);
    }
    Run::new(&stage, &["logout", "--all"])
        .ends()
        .failed(1, &name);
    assert_eq!(names(&stage), ["ada*"]);
    running.hangs_up();
    running.ended().succeeded();
    Run::new(&stage, &["logout"]).ends().succeeded();
}

#[test]
fn a_codex_that_goes_on_as_the_old_account_is_named_by_every_change_of_the_session() {
    let stage = with_accounts(&["ada", "bob"]);
    let codex = Codex::on(&stage);
    let home = stage.codex_home().canonicalize().unwrap();
    codex.runs_in(&home, DAEMON);
    codex.runs_in(&home, UPDATER);
    codex.runs_in(stage.home(), "codex resume");
    let command = format!("CODEX_HOME={} codex app-server daemon stop", home.display());
    let key = |words: &[&str]| {
        let words = [words, &["--with-api-key"]].concat();
        codex.with(Run::new(&stage, &words)).takes(b"sk-one\n")
    };
    for ended in [
        codex.run(&stage, &["accounts", "use", "bob"]),
        key(&["login"]),
        codex.run(&stage, &["logout"]),
        key(&["accounts", "add"]),
    ] {
        let ended = ended.succeeded();
        let warning = format!("{} still uses", codex.names(DAEMON));
        ended.says(&warning);
        ended.says(&command);
        assert_eq!(
            ended.stderr.matches("a running Codex").count(),
            1,
            "{ended:?}"
        );
    }
    assert!(codex.is_running(DAEMON), "it was ended unasked");
    let ended = codex.with(Run::new(&stage, &["login", "--with-api-key", "--yes"]));
    ended.takes(b"sk-two\n").succeeded();
    assert_eq!(codex.stops(), format!("{}\n", home.display()));
    assert!(!codex.is_running(DAEMON));
}

#[test]
fn doctor_names_a_codex_from_before_the_last_change_alone() {
    let stage = Stage::new();
    let codex = Codex::on(&stage);
    stage.sign_in();
    let doctor = || {
        let report = codex.run(&stage, &["doctor", "--offline", "--json"]).json();
        report["checks"]["program.codex"].clone()
    };
    assert_eq!(doctor()["status"], "ok");
    codex.runs_in(&stage.codex_home(), DAEMON);
    stage.sign_in();
    let found = doctor();
    assert_eq!(found["status"], "warning", "{found}");
    assert!(found.to_string().contains(&codex.names(DAEMON)), "{found}");
    assert!(
        found["remediation"]
            .as_str()
            .unwrap()
            .contains("daemon stop"),
        "{found}"
    );
}

#[test]
fn a_sign_in_is_done_whatever_becomes_of_the_running_codex() {
    let stage = Stage::new();
    let codex = Codex::on(&stage);
    fs::create_dir(stage.codex_home()).unwrap();
    codex.runs_in(&stage.codex_home(), DAEMON);
    fs::write(codex.folder.join("stop-fails"), "").unwrap();
    let login = Run::new(&stage, &["login", "--with-api-key", "--yes"]);
    let ended = codex.with(login).takes(b"sk-one\n").succeeded();
    ended.says("its command failed");
}

#[test]
fn the_last_event_names_the_processes_of_the_running_codex() {
    let stage = with_accounts(&["ada"]);
    let codex = Codex::on(&stage);
    let completed = || {
        let login = Run::new(&stage, &["login", "--with-api-key", "--json"]);
        let ended = codex.with(login).takes(b"sk-one\n").succeeded();
        let last = ended.stdout.lines().last().unwrap().to_owned();
        serde_json::from_str::<Value>(&last).unwrap()
    };
    assert_eq!(completed()["running_codex"], serde_json::json!([]));
    codex.runs_in(&stage.codex_home(), DAEMON);
    codex.runs_in(&stage.codex_home(), "codex");
    let mut expected = [DAEMON, "codex"].map(|command| codex.pid(command).unwrap());
    expected.sort_unstable();
    assert_eq!(completed()["running_codex"], serde_json::json!(expected));
}

#[test]
fn another_users_program_of_that_name_keeps_no_account() {
    let stage = with_accounts(&["ada", "bob"]);
    if !rustix::process::getuid().is_root() {
        // Nobody else sees the home of another user's process.
        return;
    }
    let bob = stage.codex_home().join("accounts/bob");
    // A command has run there.
    fs::write(bob.join("exec.lock"), "").unwrap();
    let start = |user: u32| {
        let mut command = std::process::Command::new("/bin/sh");
        let stranger = command
            .arg("-c")
            .arg("read -r line")
            .arg0("codex")
            .uid(user);
        let stranger = stranger.env("CODEX_HOME", &bob).stdin(Stdio::piped());
        stranger.spawn().unwrap()
    };
    let mut theirs = start(54_321);
    let mut ours = start(0);
    let named = run(&stage, &["accounts", "use", "bob"]).failed(1, "in use");
    named.says(&ours.id().to_string());
    named.never_says(&theirs.id().to_string());
    ours.kill().unwrap();
    ours.wait().unwrap();
    run(&stage, &["accounts", "use", "bob"]).succeeded();
    assert_eq!(names(&stage), ["bob*", "ada"]);
    theirs.kill().unwrap();
    theirs.wait().unwrap();
}
