//! Ends a daemon by its own program's command. Nothing is ever killed.

use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{ProgramKind, RunningPrograms};
use crate::auth::store::Store;
use crate::error::{Error, Result};

/// The time limit for the command, which waits for the daemon's work to end: 5 to 8 s, seen.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// The time limit for the end of the daemon after that.
const END_TIMEOUT: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(50);

impl RunningPrograms {
    /// Ends the daemon by its own program's command, and waits until it has ended. What else
    /// runs goes on.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the command cannot be run or
    /// fails, or the daemon goes on; the hint is the command.
    pub async fn stop(&self, store: &Store) -> Result<()> {
        let (Some((executable, daemon)), Some(hint)) = (&self.daemon, self.stop_command()) else {
            return Ok(());
        };
        let failed = |why: &str| {
            let message = format!("Could not end {}: {why}", self.daemons());
            Error::storage(message).with_hint(format!("End it first: {hint}"))
        };
        let mut command = Command::new(executable.as_ref());
        command
            // Relative folders on the PATH lead to no program of the folder that we are in.
            .current_dir("/")
            .args(daemon.stop.iter().map(AsRef::<str>::as_ref))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(variable) = &self.variable {
            command.env(variable.as_ref(), &self.home);
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
        while Self::look(store).await.has_daemon() {
            if Instant::now() >= deadline {
                return Err(failed("it goes on"));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    fn daemons(&self) -> String {
        let daemons = self.programs.iter();
        let daemons = daemons.filter(|it| matches!(it.kind, ProgramKind::Daemon(_)));
        let daemons: Vec<_> = daemons.map(ToString::to_string).collect();
        daemons.join(", ")
    }
}
