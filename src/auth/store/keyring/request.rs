//! A request to a keyring. It runs on a thread with a small runtime of its own: so it works for
//! callers that may block and those that may not, whatever runtime the host has, and an abandoned
//! request leaves nothing behind in the host's runtime.

use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::{KeyringAnswer, KeyringFailure};
use crate::auth::store::notify::Notify;

/// The time limit for a person to unlock the keyring.
const UNLOCK_TIMEOUT: Duration = Duration::from_mins(1);

/// The time limit when the person is not asked to unlock anything.
const UNASKED_TIMEOUT: Duration = Duration::from_secs(4);

/// The time after which the person is told what is being waited for.
const QUIET_WAIT: Duration = Duration::from_millis(500);

/// The size of the thread's stack, enough for the bus's messages and the key agreement.
const STACK: usize = 512 * 1024;

/// A request that has not begun yet.
#[must_use]
pub struct KeyringRequest<T>(KeyringAnswer<T>);

impl<T: Send + 'static> KeyringRequest<T> {
    /// Limits `work` to four seconds, or to a minute if the person may be asked to unlock the
    /// keyring. Then `ask` receives the reason for the wait.
    pub fn new(work: KeyringAnswer<T>, ask: Option<&Notify>) -> Self {
        let ask = ask.cloned();
        Self(Box::pin(async move {
            match ask {
                Some(notify) => tokio::time::timeout(UNLOCK_TIMEOUT, with_notice(work, notify))
                    .await
                    .unwrap_or(Err(KeyringFailure::Locked)),
                None => tokio::time::timeout(UNASKED_TIMEOUT, work)
                    .await
                    .unwrap_or(Err(KeyringFailure::Silent)),
            }
        }))
    }

    /// Waits for the answer. Dropping the future gives up, and the thread ends.
    pub async fn answer(self) -> Result<T, KeyringFailure> {
        let (mut reply, answer) = oneshot::channel();
        spawn(async move {
            tokio::select! {
                // The caller may have lost interest meanwhile.
                answer = self.0 => drop(reply.send(answer)),
                () = reply.closed() => {}
            }
        })?;
        answer.await.unwrap_or_else(|_| Err(interrupted()))
    }

    /// Waits for the answer on this thread, which must be one that may block.
    pub fn wait(self) -> Result<T, KeyringFailure> {
        let (reply, answer) = mpsc::sync_channel(1);
        spawn(async move { _ = reply.send(self.0.await) })?;
        answer.recv().unwrap_or_else(|_| Err(interrupted()))
    }
}

/// Tells the person what is being waited for when `work` takes long.
async fn with_notice<T>(mut work: KeyringAnswer<T>, notify: Notify) -> Result<T, KeyringFailure> {
    tokio::select! {
        answer = &mut work => return answer,
        () = tokio::time::sleep(QUIET_WAIT) => {}
    }
    notify.tell_wait("Waiting for the system's keyring: it may have to be unlocked");
    work.await
}

fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Result<(), KeyringFailure> {
    let run = move || {
        // Without a runtime, the request is dropped, which interrupts it.
        if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
            runtime.block_on(work);
            // A system call that hangs must not keep this thread.
            runtime.shutdown_background();
        }
    };
    let thread = std::thread::Builder::new()
        .name("keyring".to_owned())
        .stack_size(STACK);
    let spawned = thread.spawn(run).map(drop);
    spawned.map_err(|error| KeyringFailure::Broken(error.to_string()))
}

fn interrupted() -> KeyringFailure {
    KeyringFailure::Broken("the request was interrupted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_person_has_a_minute_to_unlock_and_a_keyring_that_asks_nobody_four_seconds() {
        for (ask, seconds, late) in [
            (Some(&Notify::default()), 60, "Locked"),
            (None, 4, "Silent"),
        ] {
            let begun = tokio::time::Instant::now();
            let silent: KeyringAnswer<()> = Box::pin(std::future::pending());
            let failure = KeyringRequest::new(silent, ask).0.await.unwrap_err();
            assert_eq!(begun.elapsed().as_secs(), seconds);
            assert_eq!(format!("{failure:?}"), late);
        }
    }
}
