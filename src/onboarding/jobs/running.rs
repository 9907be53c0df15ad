//! What is looked up after a change: the programs that still use the sign-in from before, and the
//! name of the workspace. Nothing waits for it.

use super::Jobs;
use crate::auth::accounts::RunningPrograms;
use crate::auth::{Check, Session, on_blocking_thread};
use crate::onboarding::known::Running;
use crate::onboarding::message::Message;

impl Jobs {
    pub(super) fn look_for_running(&self, earlier: bool) {
        let (store, report) = (self.options.store.clone(), self.report.clone());
        tokio::spawn(async move {
            let mut found = RunningPrograms::look(&store).await;
            if earlier {
                found = found.started_before_the_change(&store);
            }
            let _ = report.send(Message::Running(Running::from(&found)));
        });
    }

    /// The program's command goes on by itself, should this one end.
    pub(super) fn end_running(&self) {
        let (store, report) = (self.options.store.clone(), self.report.clone());
        tokio::spawn(async move {
            let ended = RunningPrograms::look(&store).await.stop(&store).await;
            let left = Running::from(&RunningPrograms::look(&store).await);
            let _ = report.send(Message::RunningEnded(ended, left));
        });
    }

    pub(super) fn ask_workspace(&self) {
        let (session, report) = (self.session.clone(), self.report.clone());
        tokio::spawn(async move {
            let load = move || Session::load(&session);
            if let Ok(Some(session)) = on_blocking_thread(load).await
                && let Check::Alive(Some(workspace)) = session.check().await
                && let Some(name) = workspace.name
            {
                let _ = report.send(Message::Workspace(name));
            }
        });
    }
}

impl From<&RunningPrograms> for Running {
    fn from(found: &RunningPrograms) -> Self {
        Self {
            programs: found.programs.iter().map(ToString::to_string).collect(),
            stop_command: found.stop_command(),
            ending: false,
        }
    }
}
