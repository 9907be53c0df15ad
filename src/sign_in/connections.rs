//! The open connections: at most 64, and idle ones give way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::Instant;

use super::guard::{GRACE, MAX_CONNECTIONS};

/// The progress of one connection, shared by its task and the table.
#[derive(Debug, Default)]
pub struct Progress {
    requested: AtomicBool,
    answered: Notify,
}

impl Progress {
    /// Records that a whole request head has arrived: the connection is worth keeping.
    pub fn mark_requested(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// Records that the answer is known, and only has to be taken.
    pub fn mark_answered(&self) {
        self.answered.notify_one();
    }

    /// Waits for [`Progress::mark_answered`].
    pub async fn answered(&self) {
        self.answered.notified().await;
    }
}

/// The table. Dropping it ends every connection.
#[derive(Debug, Default)]
pub struct Connections {
    tasks: JoinSet<()>,
    open: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    accepted: Instant,
    progress: Arc<Progress>,
    task: AbortHandle,
}

impl Connections {
    /// Returns when the next connection may be accepted; `None` when one has to end first.
    pub fn room_at(&self, now: Instant) -> Option<Instant> {
        if self.open.len() < MAX_CONNECTIONS {
            return Some(now);
        }
        self.oldest_idle().map(|at| self.open[at].accepted + GRACE)
    }

    /// Adds a connection, and drops the oldest idle one when there are too many.
    pub fn add<F>(&mut self, progress: Arc<Progress>, serve: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if self.open.len() >= MAX_CONNECTIONS
            && let Some(oldest) = self.oldest_idle()
        {
            self.open.remove(oldest).task.abort();
        }
        let task = self.tasks.spawn(serve);
        self.open.push(Connection {
            accepted: Instant::now(),
            progress,
            task,
        });
    }

    /// Waits for a connection to end; for ever without one. Cancel safe.
    pub async fn next_end(&mut self) -> Id {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(ended)) => ended.id(),
            None => std::future::pending().await,
        };
        self.open.retain(|connection| connection.task.id() != id);
        id
    }

    /// Ends every connection, and waits until it has ended.
    pub async fn close(&mut self) {
        self.tasks.shutdown().await;
        self.open.clear();
    }

    /// Finds the oldest idle connection: they are in order of acceptance.
    fn oldest_idle(&self) -> Option<usize> {
        self.open
            .iter()
            .position(|connection| !connection.progress.requested.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(connections: &mut Connections) -> Arc<Progress> {
        let progress = Arc::new(Progress::default());
        connections.add(Arc::clone(&progress), std::future::pending());
        progress
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_idle_connection_gives_way_but_not_before_its_grace_is_over() {
        let mut connections = Connections::default();
        let busy = idle(&mut connections);
        busy.mark_requested();
        for _ in 1..MAX_CONNECTIONS {
            idle(&mut connections);
        }
        let now = Instant::now();
        assert_eq!(connections.room_at(now), Some(now + GRACE));
        let second = connections.open[1].task.id();
        idle(&mut connections);
        assert_eq!(connections.open.len(), MAX_CONNECTIONS);
        assert_eq!(connections.next_end().await, second);
    }

    #[tokio::test]
    async fn connections_that_wait_for_an_answer_are_never_dropped() {
        let mut connections = Connections::default();
        for _ in 0..MAX_CONNECTIONS {
            idle(&mut connections).mark_requested();
        }
        assert_eq!(connections.room_at(Instant::now()), None);
    }
}
