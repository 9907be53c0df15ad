//! Programs that run as an account and hold its session in memory: commands under the
//! account's lock, and the product's own program, for example a Codex in this codex home.

mod process;

use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::auth::store::Store;
use crate::auth::system::on_blocking_thread;
use crate::error::{Error, Result};
use crate::text::shell_word;
use process::find;

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
    /// Some processes hold the account's lock, but none holds a session.
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
    /// The program holds the account's lock, so the account cannot be moved until it ends.
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

    /// Returns when the program started, if the system tells. The result may be slightly too early:
    /// the system counts in hundredths of a second, and file times are as coarse.
    #[cfg(feature = "screen")]
    fn started_at(&self) -> Option<std::time::SystemTime> {
        let now = std::time::SystemTime::now();
        let started = Duration::from_millis(self.started?.checked_mul(10)?);
        let age = crate::platform::uptime()?.checked_sub(started)?;
        now.checked_sub(age + Duration::from_millis(10))
    }
}

impl RunningPrograms {
    /// Searches for running programs on a separate thread. Finds none if the system does not tell,
    /// or not in time.
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
        let found = find(store);
        let has_any = !found.is_empty();
        let with_session = found.into_iter().filter(|it| it.has_session);
        let mut programs: Vec<_> = with_session.map(|it| it.program).collect();
        programs.sort_by_key(|program| program.pid);
        if programs.len() > 1 {
            // If such a command has called us, we have inherited its lock.
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

    /// Returns the programs that were started before the credentials last changed; all of them when
    /// signed out, or when the system does not tell.
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

    /// Returns whether one of them prevents the account from being moved.
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
            // A relative folder in PATH must not make us run a program from the working folder.
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
