//! Programs that run as an account and hold its session in memory: commands under the
//! account's lock, and the product's own program, for example a Codex in this codex home.

mod process;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::EXEC_LOCK;
use crate::auth::store::Store;
use crate::auth::system::on_blocking_thread;
use crate::error::{Error, Result};
use crate::platform::{file_id, ownership, user_id};
use crate::product::{Daemon, Text};
use crate::text::{clean_short, shell_word};
use process::{Process, is_launcher};

/// The time limit for a look at all processes, which takes milliseconds.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit for a daemon's own command, which waits for its work to end: 5 to 8 s, seen.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// The time limit for the end of the daemon after that.
const END_TIMEOUT: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(50);

/// The programs that run as one account, as far as the system tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunningPrograms {
    /// The programs, by their ids.
    pub programs: Vec<RunningProgram>,
    /// Processes hold the account's lock, but no session.
    pub(super) only_idle: bool,
    store: Store,
}

/// A running program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningProgram {
    /// Its name; the product's name for the product's own programs.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgramKind {
    /// A command that was started as the account.
    Command,
    /// The product's own program.
    Program,
    /// A process that the product's program leaves running.
    Daemon,
}

impl fmt::Display for RunningProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, pid, .. } = self;
        match self.kind {
            ProgramKind::Command => write!(f, "{name} (process {pid})"),
            _ => write!(f, "a running {name} (pid {pid})"),
        }
    }
}

impl RunningProgram {
    fn is_daemon(&self) -> bool {
        self.kind == ProgramKind::Daemon
    }

    /// Returns when it started, if the system tells. It may have been a little later: the system
    /// counts in hundredths of a second, and dates files by a clock as coarse.
    #[cfg(feature = "screen")]
    fn started_at(&self) -> Option<std::time::SystemTime> {
        let now = std::time::SystemTime::now();
        let started = Duration::from_millis(self.started?.checked_mul(10)?);
        let age = crate::platform::uptime()?.checked_sub(started)?;
        now.checked_sub(age + Duration::from_millis(10))
    }
}

impl RunningPrograms {
    /// Looks for them on a thread of its own. Finds nothing if the system does not tell, or not in
    /// time.
    pub async fn look(store: &Store) -> Self {
        let copy = store.clone();
        let look = on_blocking_thread(move || Ok(Self::find(&copy)));
        match tokio::time::timeout(LOOK_TIMEOUT, look).await {
            Ok(Ok(found)) => found,
            _ => Self {
                programs: Vec::new(),
                only_idle: false,
                store: store.clone(),
            },
        }
    }

    /// As [`RunningPrograms::look`]. Blocking.
    pub(crate) fn find(store: &Store) -> Self {
        let search = Search::new(store);
        let mut found: Vec<_> = Process::all()
            .filter_map(|process| search.judge(process))
            .collect();
        // A script that waits for the program itself is no second one, unless it has the lock.
        let parents: Vec<_> = found.iter().filter_map(|it| it.process.parent()).collect();
        found.retain(|it| {
            !it.is_launcher || it.program.holds_account || !parents.contains(&it.process)
        });
        let has_any = !found.is_empty();
        let with_session = found.into_iter().filter(|it| it.has_session);
        let mut programs: Vec<_> = with_session.map(|it| it.program).collect();
        programs.sort_by_key(|program| program.pid);
        if programs.len() > 1 {
            // Called by a command that runs as the account, we have inherited its lock.
            let us = std::process::id();
            programs.retain(|program| program.pid != us);
        }
        Self {
            only_idle: has_any && programs.is_empty(),
            programs,
            store: store.clone(),
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.programs.is_empty()
    }

    /// Returns the process ids of the product's own programs.
    pub fn pids(&self) -> Vec<u32> {
        let programs = self.programs.iter();
        let own = programs.filter(|it| it.kind != ProgramKind::Command);
        own.map(|program| program.pid).collect()
    }

    /// Returns those that were started before the credentials last changed; all of them if nobody
    /// is signed in, or the system does not tell.
    #[cfg(feature = "screen")]
    pub(crate) fn started_before_the_change(&self) -> Self {
        let file = self.store.path().metadata().ok();
        let changed = file.and_then(|file| crate::platform::last_change(&file));
        let mut earlier = self.clone();
        earlier.programs.retain(|program| {
            let times = program.started_at().zip(changed);
            times.is_none_or(|(started, changed)| started < changed)
        });
        earlier
    }

    /// Returns whether one of them holds the account where it is.
    pub fn is_held(&self) -> bool {
        self.programs.iter().any(|program| program.holds_account)
    }

    /// Returns whether a command was started as the account and still runs: the account cannot be
    /// moved before it ends.
    pub fn is_held_by_command(&self) -> bool {
        let mut programs = self.programs.iter();
        programs.any(|it| it.holds_account && !it.is_daemon())
    }

    /// Returns whether the product's own command ends one of them.
    pub fn has_daemon(&self) -> bool {
        self.programs.iter().any(RunningProgram::is_daemon)
    }

    /// Returns the command that ends the daemon, for a shell.
    pub fn stop_command(&self) -> Option<String> {
        let program = self.store.program()?;
        let daemon = program.daemon.as_ref().filter(|_| self.has_daemon())?;
        let home = shell_word(&self.home().to_string_lossy());
        let variable = self.store.product().home_variable.as_ref();
        let variable = variable.map(|name| format!("{name}={home}"));
        let words = std::iter::once(&program.executable).chain(&daemon.stop);
        let words = variable.into_iter().chain(words.map(|it| shell_word(it)));
        Some(words.collect::<Vec<_>>().join(" "))
    }

    fn home(&self) -> PathBuf {
        let home = self.store.home();
        home.canonicalize().unwrap_or_else(|_| home.to_owned())
    }

    /// Returns the error of a change that has to wait for them.
    pub(super) fn in_use(&self, account: &str) -> Error {
        let who = if self.is_empty() {
            "a command".to_owned()
        } else {
            listed(self.programs.iter())
        };
        let hint = match self.stop_command() {
            Some(command) if self.programs.iter().all(RunningProgram::is_daemon) => {
                format!("End it first: {command}")
            }
            _ => "End it first, then try again".to_owned(),
        };
        Error::storage(format!("The account {account} is in use by {who}")).with_hint(hint)
    }

    /// Ends the daemon by its own program's command, and waits until it has ended. Other programs
    /// are left running, and none is ever killed.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the command cannot be run or
    /// fails, or the daemon keeps running; the hint is the command.
    pub async fn stop(&self) -> Result<()> {
        let program = self.store.program();
        let daemon = program.and_then(|program| program.daemon.as_ref());
        let (Some(program), Some(daemon), Some(hint)) = (program, daemon, self.stop_command())
        else {
            return Ok(());
        };
        let failed = |why: &str| {
            let daemons = listed(self.programs.iter().filter(|it| it.is_daemon()));
            Error::storage(format!("Could not end {daemons}: {why}"))
                .with_hint(format!("End it first: {hint}"))
        };
        let executable = &program.executable;
        let mut command = Command::new(executable.as_ref());
        command
            // A relative folder on the PATH must not run a program of our working folder.
            .current_dir("/")
            .args(daemon.stop.iter().map(AsRef::<str>::as_ref))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(variable) = &self.store.product().home_variable {
            command.env(variable.as_ref(), self.home());
        }
        let started = command.spawn();
        let mut child = started.map_err(|error| {
            failed(&format!("{executable} could not be run")).with_source(error)
        })?;
        let deadline = Instant::now() + COMMAND_TIMEOUT;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => sleep(POLL).await,
                Ok(None) => return Err(failed("its command takes too long")),
                Err(error) => return Err(failed("its command was lost").with_source(error)),
            }
        };
        if !status.success() {
            return Err(failed(&format!("its command failed ({status})")));
        }
        let deadline = Instant::now() + END_TIMEOUT;
        while Self::look(&self.store).await.has_daemon() {
            if Instant::now() >= deadline {
                return Err(failed("it goes on"));
            }
            sleep(POLL).await;
        }
        Ok(())
    }
}

fn listed<'a>(programs: impl Iterator<Item = &'a RunningProgram>) -> String {
    let programs: Vec<_> = programs.map(ToString::to_string).collect();
    programs.join(", ")
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

/// A process that runs as the account.
struct Found {
    program: RunningProgram,
    process: Process,
    has_session: bool,
    is_launcher: bool,
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
                // Its environment may be unreadable. Another process may have the id by now.
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

    /// Returns whether the daemon started it: it has inherited the lock, and ends with the daemon.
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
