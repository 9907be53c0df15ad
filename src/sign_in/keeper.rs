//! Keeps a running sign-in in its file while its device code lives, so that a closed window or a
//! lost connection leaves it for another process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use chrono::Utc;

use super::kept::Kept;
use super::pending::{Destination, PendingFile, Polling};
use crate::error::Result;

/// The file of a running sign-in, and the right to poll for it.
#[derive(Debug)]
pub struct Keeper {
    file: PendingFile,
    destination: Destination,
    /// Keeps other processes from polling.
    polling: OnceLock<Polling>,
    /// The sign-in was written down: it is not made anew after somebody has removed it.
    is_kept: AtomicBool,
}

impl Keeper {
    /// Keeps a new sign-in for this destination.
    pub fn new(file: PendingFile, destination: Destination) -> Self {
        Self {
            file,
            destination,
            polling: OnceLock::new(),
            is_kept: AtomicBool::new(false),
        }
    }

    /// As [`Keeper::new`], with the right to poll from the beginning: for a sign-in that was left.
    ///
    /// # Errors
    /// As [`PendingFile::poll`].
    pub fn polling(file: PendingFile, destination: Destination) -> Result<Self> {
        let polling = file.poll()?.into();
        Ok(Self {
            polling,
            ..Self::new(file, destination)
        })
    }

    /// Writes the sign-in down, if it has a device code.
    pub fn keep(&self, kept: Kept) {
        if kept.next_poll_in(Utc::now()).is_none() {
            return;
        }
        let pending = self.file.pending(kept, self.destination.clone());
        if self.is_kept.load(Relaxed) {
            // The next process asks the issuer no sooner than this one would.
            let _ = self.file.update(&pending);
            return;
        }
        match self.file.save(&pending) {
            Ok(()) => self.is_kept.store(true, Relaxed),
            Err(error) => tracing::warn!(?error, "the sign-in cannot be resumed"),
        }
        // Another process may still poll for an earlier sign-in, which this one replaces.
        if self.polling.get().is_none()
            && let Ok(polling) = self.file.poll()
        {
            let _ = self.polling.set(polling);
        }
    }

    /// Leaves the sign-in for later and returns the time that is left for it; `None` when it
    /// cannot be approved any more, or when its file was removed or replaced meanwhile.
    pub fn leave(&self, kept: Kept) -> Option<Duration> {
        let now = Utc::now();
        let left = kept.expires_in(now);
        let has_code = kept.next_poll_in(now).is_some();
        let pending = self.file.pending(kept.clone(), self.destination.clone());
        if !has_code || left.is_zero() {
            self.file.remove(&pending);
            return None;
        }
        self.keep(kept);
        // A sign-out has removed it, or a later sign-in has replaced it, unless it is there.
        self.file.holds(&pending).then_some(left)
    }

    /// Removes the sign-in: it has ended.
    pub fn forget(&self, kept: Kept) {
        self.file
            .remove(&self.file.pending(kept, self.destination.clone()));
    }
}
