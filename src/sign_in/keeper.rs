//! Keeps a running sign-in in its file while its device code is valid, so that another process can
//! resume it after a closed window or a lost connection.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use chrono::Utc;

use super::SignIn;
use super::kept::Kept;
use super::pending::{Destination, PendingFile, PollingLock};
use super::status::Status;
use crate::error::{Error, ErrorKind, Result};

/// The file of a running sign-in, and the right to poll for it.
#[derive(Debug)]
pub struct Keeper {
    file: PendingFile,
    destination: Destination,
    /// Keeps other processes from polling.
    polling: OnceLock<PollingLock>,
    /// Set once the sign-in is in the file. If another process then removes it, it is not written
    /// again.
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

    /// Keeps a sign-in that is already in the file, and takes the right to poll.
    ///
    /// # Errors
    /// As [`PendingFile::lock_polling`].
    pub fn resume(file: PendingFile, destination: Destination) -> Result<Self> {
        let polling = file.lock_polling()?.into();
        Ok(Self {
            polling,
            is_kept: true.into(),
            ..Self::new(file, destination)
        })
    }

    /// Follows the sign-in's reports: keeps it when it has a device code, and removes it when it
    /// has ended. After a network failure it stays, because the code is still valid.
    ///
    /// # Errors
    /// As [`Keeper::check`], when an approval comes. The caller must then cancel the sign-in.
    pub fn follow(&self, status: &Status, sign_in: &SignIn) -> Result<()> {
        match status {
            Status::DeviceCode(_) => self.keep(sign_in.kept()),
            Status::Exchanging => return self.check(&sign_in.kept()),
            Status::Completed(_) => self.forget(&sign_in.kept()),
            Status::Failed(error) | Status::DeviceCodeFailed(error)
                if error.kind() != ErrorKind::Network =>
            {
                self.forget(&sign_in.kept());
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that the sign-in is still in the file, once it was written there.
    ///
    /// # Errors
    /// [`ErrorKind::NotSignedIn`] when a sign-out or another process has removed or replaced it.
    pub fn check(&self, kept: &Kept) -> Result<()> {
        // An expired sign-in may have been removed by any process.
        if !self.is_kept.load(Relaxed) || kept.has_expired(Utc::now()) || self.file.holds(kept) {
            return Ok(());
        }
        let message = "The sign-in was replaced or finished by another process";
        Err(Error::not_signed_in(message).with_hint("Start again"))
    }

    /// Writes the sign-in to the file, if it has a device code. The time of the last poll is
    /// written too, so that the next process polls no sooner than this one would.
    pub fn keep(&self, kept: Kept) {
        if !kept.has_device_code() {
            return;
        }
        let destination = self.destination.clone();
        let written = if self.is_kept.load(Relaxed) {
            self.file.update(kept, destination)
        } else {
            self.file.save(kept, destination)
        };
        match written {
            Ok(()) => self.is_kept.store(true, Relaxed),
            Err(error) => tracing::warn!(?error, "the sign-in cannot be resumed"),
        }
        // Another process may still be polling for the sign-in that this one replaces.
        if self.polling.get().is_none()
            && let Ok(polling) = self.file.lock_polling()
        {
            let _ = self.polling.set(polling);
        }
    }

    /// Leaves the sign-in for later and returns the time that is left for it; `None` when it
    /// cannot be approved any more, or when its file was removed or replaced meanwhile.
    pub fn leave(&self, kept: &Kept) -> Option<Duration> {
        let left = kept.expires_in(Utc::now());
        if !kept.has_device_code() || left.is_zero() {
            self.file.remove(kept);
            return None;
        }
        self.keep(kept.clone());
        self.file.holds(kept).then_some(left)
    }

    /// Removes a sign-in that has ended from the file.
    pub fn forget(&self, kept: &Kept) {
        self.is_kept.store(false, Relaxed);
        self.file.remove(kept);
    }
}
