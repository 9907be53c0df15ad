//! The processes that run as an account, as `/proc` shows them. Only Linux has these files; elsewhere
//! nothing is found.

use std::fs::Metadata;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ProgramKind, RunningProgram};
use crate::auth::accounts::EXEC_LOCK;
use crate::auth::store::Store;
use crate::platform::{file_id, ownership, path_of, user_id};
use crate::product::{Daemon, Program, Text};
use crate::text::clean_short;

/// The longest first line of a script that is read.
const LONGEST_SHEBANG: u64 = 256;

/// A process that runs as the account.
pub struct Found {
    pub program: RunningProgram,
    pub has_session: bool,
    process: Process,
    is_launcher: bool,
}

/// Returns the processes that run as the account in `store`.
pub fn find(store: &Store) -> Vec<Found> {
    let search = Search::new(store);
    let mut found: Vec<_> = Process::all()
        .filter_map(|process| search.judge(process))
        .collect();
    // A script that only waits for the program is not counted as well, unless it has the lock.
    let parents: Vec<_> = found.iter().filter_map(|it| it.process.parent()).collect();
    found
        .retain(|it| !it.is_launcher || it.program.holds_account || !parents.contains(&it.process));
    found
}

/// A search for the processes that run as one account.
struct Search<'a> {
    store: &'a Store,
    home: Option<(u64, u64)>,
    owner: Option<u32>,
    lock: Option<std::fs::Metadata>,
    /// The daemon's process id, as the daemon wrote it into a file.
    daemon_pid: Option<u32>,
}

impl<'a> Search<'a> {
    fn new(store: &'a Store) -> Self {
        let home = store.home().metadata().ok();
        let daemon = store.program().and_then(|program| program.daemon.as_ref());
        Self {
            store,
            owner: home.as_ref().and_then(ownership).map(|home| home.user),
            home: home.and_then(|home| file_id(&home)),
            lock: store.home().join(EXEC_LOCK).symlink_metadata().ok(),
            daemon_pid: daemon
                .and_then(|daemon| pid_in(&store.home().join(daemon.pid_file.as_ref()))),
        }
    }

    fn judge(&self, process: Process) -> Option<Found> {
        let holds_account = self.lock.as_ref().is_some_and(|lock| process.shares(lock));
        let arguments = process.arguments();
        let program = self.store.program();
        let program = program.filter(|program| process.runs(program, &arguments));
        let daemon = program.and_then(|program| program.daemon.as_ref());
        let is_daemon = daemon.is_some_and(|daemon| is_daemon(daemon, &arguments));
        let runs_here = program.is_some_and(|program| {
            let variable = self.store.product().home_variable.as_deref();
            let is_here = match process.home(variable, &program.default_home) {
                // Its environment may be unreadable. The id alone is not enough: another process
                // may have it by now.
                None => is_daemon && self.daemon_pid == Some(process.pid),
                home => home == self.home,
            };
            is_here && self.may_be_of(process.user())
        });
        if !holds_account && !runs_here {
            return None;
        }
        let (name, kind) = match program {
            None => (process.name().unwrap_or_default(), ProgramKind::Command),
            Some(_) if is_daemon => (self.product(), ProgramKind::Daemon),
            Some(_) => (self.product(), ProgramKind::Program),
        };
        let is_idle = daemon.is_some_and(|daemon| is_idle(daemon, &arguments));
        Some(Found {
            has_session: !is_idle && !self.is_below_daemon(process),
            is_launcher: program.is_some_and(|program| is_launcher(program, &arguments)),
            process,
            program: RunningProgram {
                name: clean_short(&name, 30),
                pid: process.pid,
                kind,
                holds_account,
                started: process.started(),
            },
        })
    }

    fn product(&self) -> String {
        self.store.product().name.to_string()
    }

    /// Returns whether a process of this user may hold the session. Root sees the processes of
    /// other users, who may give a program any name and any home.
    fn may_be_of(&self, user: Option<u32>) -> bool {
        user.is_none() || [Some(0), self.owner, user_id()].contains(&user)
    }

    /// Returns whether the daemon started this process, which then has inherited the lock and ends
    /// with the daemon.
    fn is_below_daemon(&self, process: Process) -> bool {
        let program = self.store.program();
        let Some((program, daemon)) = program.and_then(|it| Some((it, it.daemon.as_ref()?))) else {
            return false;
        };
        let parents = std::iter::successors(process.parent(), |process| process.parent());
        parents.take(16).any(|process| {
            let arguments = process.arguments();
            is_daemon(daemon, &arguments) && process.runs(program, &arguments)
        })
    }
}

fn is_daemon(daemon: &Daemon, arguments: &[String]) -> bool {
    let has = |wanted: &Text| arguments.iter().any(|argument| argument == wanted);
    !daemon.arguments.is_empty() && daemon.arguments.iter().all(has)
}

fn is_idle(daemon: &Daemon, arguments: &[String]) -> bool {
    let wanted = &daemon.without_session;
    !wanted.is_empty() && arguments.windows(wanted.len()).any(|words| words == wanted)
}

/// Reads a process id, alone or in a JSON object.
fn pid_in(path: &Path) -> Option<u32> {
    let metadata = path.symlink_metadata().ok()?;
    let text = (metadata.is_file() && metadata.len() < 64 * 1024).then_some(path)?;
    let text = std::fs::read_to_string(text).ok()?;
    let value: Value = serde_json::from_str(&text).ok()?;
    let pid = value.get("pid").unwrap_or(&value).as_u64()?;
    pid.try_into().ok()
}

/// A running process.
#[derive(Clone, Copy, PartialEq)]
struct Process {
    pid: u32,
}

impl Process {
    /// Returns all processes.
    fn all() -> impl Iterator<Item = Self> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.map(|pid| Self { pid })
    }

    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.pid))
    }

    /// Returns its name, which a program may choose.
    fn name(self) -> Option<String> {
        let name = std::fs::read_to_string(self.file("comm")).ok()?;
        Some(name.trim().to_owned())
    }

    /// Returns its arguments, its own name first; none for a process that has ended.
    fn arguments(self) -> Vec<String> {
        let bytes = std::fs::read(self.file("cmdline")).unwrap_or_default();
        let bytes = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
        let arguments = bytes.split(|byte| *byte == 0);
        arguments
            .map(|argument| String::from_utf8_lossy(argument).into_owned())
            .filter(|argument| !argument.is_empty())
            .collect()
    }

    /// Returns the process that started it, or took it over.
    fn parent(self) -> Option<Self> {
        let pid = self.status_field(1)?.parse().ok()?;
        Some(Self { pid })
    }

    /// Returns the user who started it. The owner of these files may be root instead.
    fn user(self) -> Option<u32> {
        let text = std::fs::read_to_string(self.file("status")).ok()?;
        let users = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        users.split_whitespace().next()?.parse().ok()
    }

    /// Returns when it started, in clock ticks since the machine did.
    fn started(self) -> Option<u64> {
        self.status_field(19)?.parse().ok()
    }

    /// Returns a field of `stat`, counted after the name, which may contain any character.
    fn status_field(self, number: usize) -> Option<String> {
        let text = std::fs::read_to_string(self.file("stat")).ok()?;
        let (_, fields) = text.rsplit_once(')')?;
        fields.split_whitespace().nth(number).map(str::to_owned)
    }

    /// Returns whether it runs `program`: by its file, which no thread can rename, by the name
    /// that it was started as, or as a script of that name.
    fn runs(self, program: &Program, arguments: &[String]) -> bool {
        let executable = program.executable.as_ref();
        let architecture = format!("{executable}-{}-", std::env::consts::ARCH);
        let is_named = |name: &str| name == executable || name.starts_with(&architecture);
        let file = std::fs::read_link(self.file("exe")).ok();
        let started_as = arguments.first().map(Path::new);
        let mut names = file
            .as_deref()
            .into_iter()
            .chain(started_as)
            .filter_map(file_name);
        // An update replaces the file of a program that runs.
        names.any(|name| is_named(name.trim_end_matches(" (deleted)")))
            || is_script(arguments, is_named)
    }

    /// Finds the program's home from its environment, which only the same user may read. In a
    /// container, the process may see other folders than we do.
    fn home(self, variable: Option<&str>, default_home: &str) -> Option<(u64, u64)> {
        let environment = std::fs::read(self.file("environ")).ok()?;
        let value = |name: &str| {
            let mut variables = environment.split(|byte| *byte == 0);
            let value =
                variables.find_map(|it| it.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
            (!value.is_empty()).then(|| path_of(value))
        };
        let home = variable.and_then(value);
        let home = home.or_else(|| Some(value("HOME")?.join(default_home)))?;
        let seen = match home.strip_prefix("/") {
            Ok(path) => self.file("root").join(path),
            Err(_) => self.file("cwd").join(home),
        };
        file_id(&seen.metadata().ok()?)
    }

    /// Returns whether the process has the file open with a shared lock.
    fn shares(self, file: &Metadata) -> bool {
        let wanted = file_id(file);
        let descriptors = std::fs::read_dir(self.file("fd")).into_iter().flatten();
        descriptors.flatten().any(|descriptor| {
            let found = descriptor.path().metadata();
            wanted.is_some()
                && found.is_ok_and(|found| file_id(&found) == wanted)
                && self.has_shared_lock(&descriptor.file_name().to_string_lossy())
        })
    }

    /// Returns whether the lock on this descriptor is shared: an exclusive one is our own, and a
    /// process without one waits for it. Counts as shared if the system does not tell.
    fn has_shared_lock(self, descriptor: &str) -> bool {
        let is_shared = |line: &str| line.contains("FLOCK") && line.contains("READ");
        let text = std::fs::read_to_string(self.file("fdinfo").join(descriptor));
        text.map_or(true, |text| text.lines().any(is_shared))
    }
}

/// Returns whether these are the arguments of a script that starts the program and waits for it.
fn is_launcher(program: &Program, arguments: &[String]) -> bool {
    is_script(arguments, |name| name == program.executable)
}

/// Returns whether the process is an interpreter running a script of this name. An editor has the
/// script as its first argument too, but the script's first line does not name the editor.
fn is_script(arguments: &[String], is_named: impl Fn(&str) -> bool) -> bool {
    let [interpreter, script, ..] = arguments else {
        return false;
    };
    let script = Path::new(script);
    let Some(interpreter) = file_name(Path::new(interpreter)) else {
        return false;
    };
    file_name(script).is_some_and(|name| is_named(&name))
        && shebang(script).is_some_and(|line| line.contains(&interpreter))
}

/// Returns the first line of a script, without `#!`.
fn shebang(path: &Path) -> Option<String> {
    // Never opens a FIFO or a device.
    let file = path.metadata().ok()?.is_file().then_some(path)?;
    let file = std::fs::File::open(file).ok()?;
    let mut line = String::new();
    let mut reader = BufReader::new(file.take(LONGEST_SHEBANG));
    reader.read_line(&mut line).ok()?;
    line.strip_prefix("#!").map(str::to_owned)
}

fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}
