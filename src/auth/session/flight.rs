//! One refresh at a time: later callers join the one that is under way.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::refresh::{Need, REFRESH_TIMEOUT, Refresh};
use super::{Session, SessionState};
use crate::error::{Error, ErrorKind, Result};

/// The number of folders in which an account is looked for that other programs keep moving.
const TRIES: usize = 20;

/// The refresh that is under way, if there is one.
#[derive(Default)]
pub struct Flight(Mutex<Option<Landing>>);

/// Receives the result of a refresh; empty until it has ended.
type Landing = watch::Receiver<Option<Result<()>>>;

impl Flight {
    /// Joins the refresh that is under way, or starts one.
    fn join_or_start(&self, shared: &Arc<SessionState>, need: Need) -> Landing {
        let mut flight = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = flight.as_ref()
            && running.borrow().is_none()
            && running.has_changed().is_ok()
        {
            return running.clone();
        }
        let (ended, landing) = watch::channel(None);
        *flight = Some(landing.clone());
        let shared = Arc::clone(shared);
        // A task of its own: the caller's future may be dropped while the issuer rotates.
        tokio::spawn(async move {
            let result = refresh_wherever_it_is(&shared, &need).await;
            ended.send_replace(Some(result));
        });
        landing
    }

    fn current(&self) -> Option<Landing> {
        let flight = self.0.lock();
        flight.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Session {
    /// Joins the refresh that is under way, or starts one.
    pub(super) async fn refresh_for(&self, need: Need) -> Result<()> {
        landed(self.shared.flight.join_or_start(&self.shared, need)).await
    }

    /// Waits until no refresh is under way: before a host exits, so that no arriving tokens are
    /// lost. At most 60 seconds.
    pub async fn settle(&self) {
        if let Some(flight) = self.shared.flight.current() {
            // The callers of the refresh receive its result.
            let _ = landed(flight).await;
        }
    }
}

/// Refreshes, and follows the account when another program moved it while its lock was waited
/// for.
async fn refresh_wherever_it_is(shared: &Arc<SessionState>, need: &Need) -> Result<()> {
    let deadline = Instant::now() + REFRESH_TIMEOUT;
    let mut tries = 1;
    loop {
        let result = Refresh::new(shared, need, deadline).run().await;
        let is_elsewhere = matches!(&result, Err(error) if error.kind() == ErrorKind::NotSignedIn);
        if !is_elsewhere || tries == TRIES || !shared.follow().await {
            return result;
        }
        tries += 1;
    }
}

async fn landed(mut flight: Landing) -> Result<()> {
    match flight.wait_for(Option::is_some).await {
        Ok(result) => result.clone().unwrap_or(Ok(())),
        // The task panicked, or the runtime is shutting down.
        Err(_) => Err(Error::internal("The refresh was interrupted")),
    }
}
