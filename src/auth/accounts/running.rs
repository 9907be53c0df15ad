//! Programs that run as an account and hold its session in memory: commands under the
//! account's lock, and the product's own program, for example a Codex in this codex home.

mod process;
mod stop;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::EXEC_LOCK;
use crate::auth::store::Store;
use crate::auth::system::on_blocking_thread;
use crate::error::Error;
use crate::platform::{file_id, ownership, user_id};
use crate::product::{Daemon, Program, Text};
use crate::text::{clean_short, shell_word};
use process::{Process, is_launcher};

/// A look at all processes takes milliseconds; where it takes longer, nobody waits for it.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// The programs that run as one account, as far as the system tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunningPrograms {
    /// The programs, by their ids.
    pub programs: Vec<RunningProgram>,
    /// Processes hold the account's lock, but no session.
    pub(super) only_idle: bool,
    home: PathBuf,
    variable: Option<Text>,
    daemon: Option<(Text, Daemon)>,
}

/// A running program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningProgram {
    /// Its name.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// Its kind.
    pub kind: ProgramKind,
    /// It holds the account's lock: the account stays where it is until it ends.
    pub holds_account: bool,
    /// The start of the process, in clock ticks since the machine started.
    pub(crate) started: Option<u64>,
}

/// The kind of a program that runs as an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgramKind {
    /// A command that was started as the account.
    Command,
    /// The product's own program, by the product's name.
    Program(String),
    /// What the product's program leaves running, by the product's name.
    Daemon(String),
}

impl fmt::Display for RunningProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pid = self.pid;
        match &self.kind {
            ProgramKind::Command => write!(f, "{} (process {pid})", self.name),
            ProgramKind::Program(product) | ProgramKind::Daemon(product) => {
                write!(f, "a running {product} (pid {pid})")
            }
        }
    }
}

#[cfg(feature = "screen")]
impl RunningProgram {
    /// Returns when it started, where the system tells. In doubt it is older: the system counts
    /// in hundredths of a second, and files are dated by a clock as coarse.
    fn started_at(&self) -> Option<std::time::SystemTime> {
        let now = std::time::SystemTime::now();
        let started = Duration::from_millis(self.started?.checked_mul(10)?);
        let age = crate::platform::uptime()?.checked_sub(started)?;
        now.checked_sub(age + Duration::from_millis(10))
    }
}

impl RunningPrograms {
    /// Looks for them on a thread of its own. Finds nothing where the system does not tell, or
    /// not in time.
    pub async fn look(store: &Store) -> Self {
        let none = Self::none(store);
        let store = store.clone();
        let look = on_blocking_thread(move || Ok(Self::find(&store)));
        match tokio::time::timeout(LOOK_TIMEOUT, look).await {
            Ok(Ok(found)) => found,
            _ => none,
        }
    }

    /// As [`RunningPrograms::look`]. Blocking.
    pub(crate) fn find(store: &Store) -> Self {
        let mut found = Self::none(store);
        let seen = Seen::of(store);
        let mut all: Vec<_> = Process::all()
            .filter_map(|process| seen.judge(process))
            .collect();
        if let Some(daemon) = seen.registered_daemon()
            && !all.iter().any(|it| it.program.pid == daemon.program.pid)
        {
            all.push(daemon);
        }
        let had_any = !all.is_empty();
        drop_launchers(&mut all);
        let programs = all.into_iter().filter(|it| it.has_session);
        found.programs = programs.map(|it| it.program).collect();
        found.programs.sort_by_key(|program| program.pid);
        if found.programs.len() > 1 {
            // Called by a command that runs as the account, we have inherited its lock.
            let us = std::process::id();
            found.programs.retain(|program| program.pid != us);
        }
        found.only_idle = had_any && found.programs.is_empty();
        found
    }

    fn none(store: &Store) -> Self {
        let program = store.program();
        let daemon = program.and_then(|it| Some((it.executable.clone(), it.daemon.clone()?)));
        let home = store.home();
        Self {
            programs: Vec::new(),
            only_idle: false,
            home: home.canonicalize().unwrap_or_else(|_| home.to_owned()),
            variable: store.product().home_variable.clone(),
            daemon,
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.programs.is_empty()
    }

    /// Returns the process ids of the product's own programs.
    pub fn pids(&self) -> Vec<u32> {
        let own = self
            .programs
            .iter()
            .filter(|it| it.kind != ProgramKind::Command);
        own.map(|program| program.pid).collect()
    }

    /// Returns those that were started before the credentials of `store` last changed. All of them
    /// where nobody is signed in, or where the system does not tell.
    #[cfg(feature = "screen")]
    pub(crate) fn started_before_the_change(&self, store: &Store) -> Self {
        let file = store.path().metadata().ok();
        let changed = file.and_then(|file| crate::platform::last_change(&file));
        let mut earlier = self.clone();
        earlier
            .programs
            .retain(|program| match (program.started_at(), changed) {
                (Some(started), Some(changed)) => started < changed,
                _ => true,
            });
        earlier
    }

    /// Returns the programs without which the account could be moved: those that hold its lock.
    pub(super) fn holders(&self) -> Self {
        let mut holders = self.clone();
        holders.programs.retain(|program| program.holds_account);
        holders
    }

    /// Returns whether one of them holds the account where it is.
    pub fn is_held(&self) -> bool {
        self.programs.iter().any(|program| program.holds_account)
    }

    /// Returns whether a command was started as the account and goes on: only its end lets the
    /// account go.
    pub fn is_held_by_command(&self) -> bool {
        let is_daemon = |it: &RunningProgram| matches!(it.kind, ProgramKind::Daemon(_));
        let mut programs = self.programs.iter();
        programs.any(|it| it.holds_account && !is_daemon(it))
    }

    /// Returns whether the product's own command ends all of them.
    fn can_be_stopped(&self) -> bool {
        let is_daemon = |it: &RunningProgram| matches!(it.kind, ProgramKind::Daemon(_));
        !self.is_empty() && self.programs.iter().all(is_daemon)
    }

    /// Returns whether the product's own command ends one of them.
    pub fn has_daemon(&self) -> bool {
        let mut programs = self.programs.iter();
        programs.any(|it| matches!(it.kind, ProgramKind::Daemon(_)))
    }

    /// Returns the command that ends the daemon, for a shell.
    pub fn stop_command(&self) -> Option<String> {
        let (executable, daemon) = self.daemon.as_ref().filter(|_| self.has_daemon())?;
        let home = shell_word(&self.home.to_string_lossy());
        let variable = self.variable.as_ref().map(|name| format!("{name}={home}"));
        let words = std::iter::once(executable).chain(&daemon.stop);
        let words = words.map(|word| shell_word(word));
        Some(
            variable
                .into_iter()
                .chain(words)
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    /// The error of a change that has to wait for them.
    pub(super) fn in_use(&self, account: &str) -> Error {
        let programs: Vec<_> = self.programs.iter().map(ToString::to_string).collect();
        let who = if programs.is_empty() {
            "a command".to_owned()
        } else {
            programs.join(", ")
        };
        let hint = match self.stop_command().filter(|_| self.can_be_stopped()) {
            Some(command) => format!("End it first: {command}"),
            None => "End it first, then try again".to_owned(),
        };
        Error::storage(format!("The account {account} is in use by {who}")).with_hint(hint)
    }
}

/// What processes are compared with.
struct Seen<'a> {
    store: &'a Store,
    home: Option<(u64, u64)>,
    owner: Option<u32>,
    lock: Option<std::fs::Metadata>,
}

/// A process that runs as the account.
struct Found {
    program: RunningProgram,
    process: Process,
    has_session: bool,
    is_launcher: bool,
}

impl<'a> Seen<'a> {
    fn of(store: &'a Store) -> Self {
        let home = store.home().metadata().ok();
        Self {
            store,
            owner: home.as_ref().and_then(ownership).map(|home| home.user),
            home: home.and_then(|home| file_id(&home)),
            lock: store.home().join(EXEC_LOCK).symlink_metadata().ok(),
        }
    }

    fn judge(&self, process: Process) -> Option<Found> {
        let holds_account = self.lock.as_ref().is_some_and(|lock| process.shares(lock));
        let arguments = process.arguments();
        let program = self.store.program();
        let program = program.filter(|program| process.runs(program, &arguments));
        let runs_here = program.is_some_and(|program| {
            let home = self.home_of(process, program);
            home.is_some() && home == self.home && self.may_be_of(process.user())
        });
        (holds_account || runs_here)
            .then(|| self.found(process, &arguments, program, holds_account))
    }

    /// Returns whether a process of this user may hold the session. Root sees those of everybody,
    /// who may call a program as they like, and its home.
    fn may_be_of(&self, user: Option<u32>) -> bool {
        user.is_none() || [Some(0), self.owner, user_id()].contains(&user)
    }

    fn home_of(&self, process: Process, program: &Program) -> Option<(u64, u64)> {
        let variable = self.store.product().home_variable.as_deref();
        process.home(variable, &program.default_home)
    }

    fn found(
        &self,
        process: Process,
        arguments: &[String],
        program: Option<&Program>,
        holds_account: bool,
    ) -> Found {
        let daemon = program.and_then(|program| program.daemon.as_ref());
        let product = || self.store.product().name.clone().into_owned();
        let kind = match (program, daemon) {
            (_, Some(daemon)) if is_daemon(daemon, arguments) => ProgramKind::Daemon(product()),
            (Some(_), _) => ProgramKind::Program(product()),
            (None, _) => ProgramKind::Command,
        };
        let name = program.map(|program| program.executable.to_string());
        let name = name.or_else(|| process.name()).unwrap_or_default();
        Found {
            has_session: !(daemon.is_some_and(|daemon| is_idle(daemon, arguments))
                || is_below_daemon(process, self.store)),
            is_launcher: program.is_some_and(|program| is_launcher(program, arguments)),
            process,
            program: RunningProgram {
                name: clean_short(&name, 30),
                pid: process.pid,
                kind,
                holds_account,
                started: process.started(),
            },
        }
    }

    /// By the file that the daemon itself has written: its environment may be unreadable.
    fn registered_daemon(&self) -> Option<Found> {
        let program = self.store.program()?;
        let daemon = program.daemon.as_ref()?;
        let process = Process {
            pid: pid_in(&self.store.home().join(daemon.pid_file.as_ref()))?,
        };
        let arguments = process.arguments();
        // Another process may have the number by now, or the file is a copy from another home.
        let is_here = (self.home_of(process, program)).is_none_or(|home| Some(home) == self.home);
        let is_it = is_daemon(daemon, &arguments) && process.runs(program, &arguments);
        (is_here && is_it && self.may_be_of(process.user()))
            .then(|| self.found(process, &arguments, Some(program), false))
    }
}

/// A script that waits for the program itself is no second one, unless it has the lock.
fn drop_launchers(all: &mut Vec<Found>) {
    let parents: Vec<_> = all
        .iter()
        .filter_map(|it| Some(it.process.parent()?.pid))
        .collect();
    all.retain(|it| {
        !it.is_launcher || it.program.holds_account || !parents.contains(&it.program.pid)
    });
}

fn is_daemon(daemon: &Daemon, arguments: &[String]) -> bool {
    let has = |wanted: &Text| arguments.iter().any(|argument| argument == wanted);
    !daemon.arguments.is_empty() && daemon.arguments.iter().all(has)
}

fn is_idle(daemon: &Daemon, arguments: &[String]) -> bool {
    let wanted = &daemon.without_session;
    !wanted.is_empty() && arguments.windows(wanted.len()).any(|words| words == wanted)
}

/// What a daemon has started inherits the lock, and ends with it.
fn is_below_daemon(process: Process, store: &Store) -> bool {
    let Some(program) = store.program() else {
        return false;
    };
    let Some(daemon) = &program.daemon else {
        return false;
    };
    let parents = std::iter::successors(process.parent(), |process| process.parent());
    parents.take(16).any(|process| {
        let arguments = process.arguments();
        is_daemon(daemon, &arguments) && process.runs(program, &arguments)
    })
}

/// A process id, alone or in a JSON object.
fn pid_in(path: &Path) -> Option<u32> {
    let metadata = path.symlink_metadata().ok()?;
    let text = (metadata.is_file() && metadata.len() < 64 * 1024).then_some(path)?;
    let text = std::fs::read_to_string(text).ok()?;
    let value: Value = serde_json::from_str(&text).ok()?;
    let pid = value.get("pid").unwrap_or(&value).as_u64()?;
    pid.try_into().ok()
}
