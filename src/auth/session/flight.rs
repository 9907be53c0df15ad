//! One refresh at a time, wherever the account is: later callers join the one that is under way.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::refresh::{Need, Refresh};
use super::{Session, SessionState};
use crate::auth::accounts::Accounts;
use crate::auth::system::on_blocking_thread;
use crate::error::{Error, ErrorKind, Result};

/// The limit for everything, from the wait for the lock to the answer.
const REFRESH_TIMEOUT: Duration = Duration::from_mins(1);

/// The number of times an account is followed when other programs keep moving it.
const MOST_MOVES: usize = 20;

/// Receives the result of a refresh; empty until it has ended.
pub type Refreshing = watch::Receiver<Option<Result<()>>>;

/// Returns a refresh that has ended, for a session that has not made one yet.
pub fn none_yet() -> Refreshing {
    watch::channel(Some(Ok(()))).1
}

impl Session {
    /// Joins the refresh that is under way, or starts one.
    pub(super) async fn refresh_for(&self, need: Need) -> Result<()> {
        let refreshing = {
            let mut last = self.last_refreshing();
            let is_under_way = last.borrow().is_none() && last.has_changed().is_ok();
            if !is_under_way {
                *last = start(&self.shared, need);
            }
            last.clone()
        };
        result_of(refreshing).await
    }

    /// Waits until no refresh is under way, for 60 seconds at most. Call it before the host exits,
    /// so that no arriving tokens are lost.
    pub async fn settle(&self) {
        let refreshing = self.last_refreshing().clone();
        // The callers of the refresh receive its result.
        let _ = result_of(refreshing).await;
    }

    fn last_refreshing(&self) -> MutexGuard<'_, Refreshing> {
        let last = self.shared.refresh.lock();
        last.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a task of its own: the caller's future may be dropped while the issuer rotates the
/// refresh token.
fn start(shared: &Arc<SessionState>, need: Need) -> Refreshing {
    let (ended, refreshing) = watch::channel(None);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let result = refresh_wherever_it_is(&shared, &need).await;
        ended.send_replace(Some(result));
    });
    refreshing
}

async fn result_of(mut refreshing: Refreshing) -> Result<()> {
    match refreshing.wait_for(Option::is_some).await {
        Ok(result) => result.clone().unwrap_or(Ok(())),
        // The task panicked, or the runtime is shutting down.
        Err(_) => Err(Error::internal("The refresh was interrupted")),
    }
}

/// Refreshes, and follows the account if another program moved it during the wait for its lock.
async fn refresh_wherever_it_is(shared: &Arc<SessionState>, need: &Need) -> Result<()> {
    let deadline = Instant::now() + REFRESH_TIMEOUT;
    let mut tries = 1;
    loop {
        let result = Refresh::new(shared, need, deadline).run().await;
        let is_elsewhere = matches!(&result, Err(error) if error.kind() == ErrorKind::NotSignedIn);
        if !is_elsewhere || tries == MOST_MOVES || !follow(shared).await {
            return result;
        }
        tries += 1;
    }
}

/// Looks for the account among all that are stored, and returns whether it is still signed in.
async fn follow(shared: &SessionState) -> bool {
    let (accounts, owner) = {
        let current = shared.current();
        let accounts = Accounts::new(current.store.clone());
        (accounts, current.credentials.owner())
    };
    let found = on_blocking_thread(move || accounts.of_owner(&owner)).await;
    let found = found.ok().flatten();
    let Some(found) = found.filter(|found| found.details.is_ok()) else {
        return false;
    };
    shared.change().store = found.store().clone();
    true
}
