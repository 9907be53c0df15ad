//! Disk work off the runtime's thread: an fsync can take long.

use crate::error::{Error, Result};
use crate::platform::check_threads;

/// Starts `work` on a blocking thread at once. Dropping the future does not stop it.
pub fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> impl Future<Output = Result<T>> + Send + 'static {
    // tokio panics where it cannot start its first thread.
    let job = check_threads().map(|()| tokio::task::spawn_blocking(work));
    async move {
        let job = job.map_err(|error| {
            Error::internal("Could not start a thread for the credentials").with_source(error)
        })?;
        job.await.unwrap_or_else(|died| {
            Err(Error::internal("The work on the credentials was interrupted").with_source(died))
        })
    }
}
