//! A whole sign-in's save: the locks, then the write.

use futures_core::future::BoxFuture;
use tokio::time::Instant;

use super::notify::Notify;
use super::{LOCK_TIMEOUT, PreparedSave, Store, StoreLock};
use crate::auth::file::auth_file::AuthFile;
use crate::auth::system::on_blocking_thread;
use crate::error::Result;

/// Credentials that are ready to be written: both locks are held.
pub struct LockedSave {
    file: Box<AuthFile>,
    save: PreparedSave,
    lock: StoreLock,
}

impl LockedSave {
    /// Takes the locks. `file` is awaited under the first one, so it may depend on what is stored.
    pub async fn prepare(
        store: &Store,
        notify: &Notify,
        file: impl Future<Output = Result<Box<AuthFile>>>,
    ) -> Result<Self> {
        let lock = store.lock(Instant::now() + LOCK_TIMEOUT, notify).await?;
        let file = file.await?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        let save = store.prepare(&lock, deadline, notify).await?;
        Ok(Self { file, save, lock })
    }

    /// Begins to write at once, beside the task: fsync can take long on a bad disk, and the
    /// screen must stay alive meanwhile. Dropping the future does not stop the write. The text
    /// is a warning.
    pub fn commit(self) -> BoxFuture<'static, Result<Option<String>>> {
        Box::pin(on_blocking_thread(move || {
            let saved = self.save.commit(&self.file);
            drop(self.lock);
            saved
        }))
    }
}
