//! Standard output and standard error. A reader that has stopped does not stop the program.

use std::io;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use codex_onboarding::outlet::Outlet;
use codex_onboarding::signals::{ExitSignal, ExitSignals};

static OUT: LazyLock<Outlet> = LazyLock::new(|| Outlet::new(io::stdout()));
static ERR: LazyLock<Outlet> = LazyLock::new(|| Outlet::new(io::stderr()));

/// Set once a result was printed, which must reach its reader completely.
static RESULT_WAITS: AtomicBool = AtomicBool::new(false);

/// The longest wait at the end for a reader of the conversation that has stopped.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Writes a part of the conversation to standard error. A closed stderr is not an error.
pub fn say(text: &[u8]) {
    let _ = ERR.send(text);
}

/// Writes an event of a running command to standard output.
pub fn tell(event: &[u8]) -> io::Result<()> {
    OUT.send(event)
}

/// Writes a result to standard output. The program does not end before it is complete.
pub fn print(result: &[u8]) -> io::Result<()> {
    RESULT_WAITS.store(true, Relaxed);
    OUT.send(result)
}

/// Waits until the results are written, or for a signal. (A command may have caught the signals, and
/// then they do not end the program.)
pub async fn delivered() -> io::Result<Option<ExitSignal>> {
    if !RESULT_WAITS.load(Relaxed) || OUT.finish(Duration::ZERO)? {
        return Ok(None);
    }
    let mut signals = ExitSignals::catch_for_good()?;
    tokio::select! {
        delivered = OUT.drained() => delivered.map(|()| None),
        signal = signals.next() => {
            RESULT_WAITS.store(false, Relaxed);
            Ok(Some(signal))
        }
    }
}

/// Waits for the readers at the end of the program.
pub fn finish() {
    let patience = if RESULT_WAITS.load(Relaxed) {
        Duration::MAX
    } else {
        LAST_WORDS
    };
    // An error cannot be reported any more.
    let _ = OUT.finish(patience);
    let _ = ERR.finish(LAST_WORDS);
}
