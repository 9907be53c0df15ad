//! A thread and a small runtime for a keyring alone. The keyring is then the same for callers
//! that may block and for those that may not, whatever runtime the host has; and when a
//! request is given up, nothing of it is left in the host's runtime.

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::{KeyringAnswer, KeyringFailure};

/// Enough for the bus's messages and the key agreement.
const STACK: usize = 512 * 1024;

/// Runs `work` to its end; when the future is dropped, `work` is, and the thread ends.
pub async fn run<T: Send + 'static>(work: KeyringAnswer<T>) -> Result<T, KeyringFailure> {
    let (mut reply, answer) = oneshot::channel();
    spawn(move || {
        let answered = block_on(async {
            tokio::select! {
                answer = work => Some(answer),
                () = reply.closed() => None,
            }
        });
        if let Some(answer) = answered.unwrap_or_else(|failure| Some(Err(failure))) {
            // The caller may have lost interest meanwhile.
            let _ = reply.send(answer);
        }
    })?;
    answer.await.unwrap_or_else(|_| Err(died()))
}

/// The same for a caller that may block.
pub fn wait<T: Send + 'static>(work: KeyringAnswer<T>) -> Result<T, KeyringFailure> {
    let thread = spawn(move || block_on(work).and_then(|answer| answer))?;
    thread.join().unwrap_or_else(|_| Err(died()))
}

fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<std::thread::JoinHandle<T>, KeyringFailure> {
    let thread = std::thread::Builder::new()
        .name("keyring".to_owned())
        .stack_size(STACK);
    thread.spawn(work).map_err(|error| broken(&error))
}

fn block_on<T>(work: impl Future<Output = T>) -> Result<T, KeyringFailure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| broken(&error))?;
    let answer = runtime.block_on(work);
    // A system's call that hangs must not keep this thread.
    runtime.shutdown_background();
    Ok(answer)
}

fn broken(error: &std::io::Error) -> KeyringFailure {
    KeyringFailure::Broken(error.to_string())
}

fn died() -> KeyringFailure {
    KeyringFailure::Broken("the request was interrupted".to_owned())
}
