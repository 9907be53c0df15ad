//! The steps of a refresh, on a disk that does what a test wants at any of them.

use std::sync::Arc;

use rustix::io::Errno;

#[path = "../../support/disk.rs"]
mod hooked;

pub use hooked::*;

impl Step {
    /// All steps of a refresh in their order; the request is between the third and the fourth.
    pub const REFRESH: [Self; 10] = [
        Self::Create,
        Self::Write,
        Self::HalfWritten,
        Self::Sync,
        Self::Write,
        Self::HalfWritten,
        Self::Sync,
        Self::Rename,
        Self::SyncFolder,
        Self::Done,
    ];
    /// All steps of a sign-in's save in their order.
    pub const SAVE: [Self; 7] = [
        Self::Create,
        Self::Write,
        Self::HalfWritten,
        Self::Sync,
        Self::Rename,
        Self::SyncFolder,
        Self::Done,
    ];
    /// The number of a refresh's steps before its request.
    pub const BEFORE_REQUEST: usize = 4;
}

impl HookedDisk {
    /// Fails once, at this step.
    pub fn failing_at(number: usize, errno: Errno) -> Arc<Self> {
        Self::new(move |count, _| {
            if count == number {
                Err(errno.into())
            } else {
                Ok(())
            }
        })
    }
}
