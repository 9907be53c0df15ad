//! The open connections: at most 64, and idle ones give way: first those that can deliver
//! nothing.

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

/// The use of a connection for the sign-in, as far as the system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It may bring the callback.
    Possible,
    /// Its other end is another user's, or nobody's.
    None,
}

#[derive(Debug)]
struct Connection {
    accepted: Instant,
    of_use: Use,
    progress: Arc<Progress>,
    task: AbortHandle,
}

impl Connections {
    /// Returns when the next connection may be accepted; `None` when one has to end first.
    pub fn room_at(&self, now: Instant) -> Option<Instant> {
        if self.open.len() < MAX_CONNECTIONS || self.idle_without_use().is_some() {
            return Some(now);
        }
        self.oldest_idle().map(|at| self.open[at].accepted + GRACE)
    }

    /// Adds a connection, and drops an idle one when there are too many: one without use, this
    /// one included, else the oldest.
    pub fn add<F>(&mut self, progress: Arc<Progress>, of_use: Use, serve: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if self.open.len() >= MAX_CONNECTIONS {
            if of_use == Use::None {
                return;
            }
            if let Some(idle) = self.idle_without_use().or_else(|| self.oldest_idle()) {
                self.open.remove(idle).task.abort();
            }
        }
        let task = self.tasks.spawn(serve);
        self.open.push(Connection {
            accepted: Instant::now(),
            of_use,
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
        self.open.iter().position(Connection::is_idle)
    }

    fn idle_without_use(&self) -> Option<usize> {
        self.open
            .iter()
            .position(|connection| connection.of_use == Use::None && connection.is_idle())
    }
}

impl Connection {
    fn is_idle(&self) -> bool {
        !self.progress.requested.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(connections: &mut Connections) -> Arc<Progress> {
        let progress = Arc::new(Progress::default());
        let never = std::future::pending();
        connections.add(Arc::clone(&progress), Use::Possible, never);
        progress
    }

    #[tokio::test(start_paused = true)]
    async fn connections_without_use_give_way_at_once_and_take_no_place_of_others() {
        let mut connections = Connections::default();
        let add = |connections: &mut Connections, of_use| {
            connections.add(Arc::default(), of_use, std::future::pending());
        };
        for _ in 1..MAX_CONNECTIONS {
            add(&mut connections, Use::Possible);
        }
        add(&mut connections, Use::None);
        let now = Instant::now();
        assert_eq!(connections.room_at(now), Some(now));
        let useless = connections.open[MAX_CONNECTIONS - 1].task.id();
        add(&mut connections, Use::Possible);
        assert_eq!(connections.next_end().await, useless);
        // Full of others: one without use is not even begun.
        let before: Vec<_> = connections.open.iter().map(|it| it.task.id()).collect();
        add(&mut connections, Use::None);
        let after: Vec<_> = connections.open.iter().map(|it| it.task.id()).collect();
        assert_eq!(before, after);
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
