//! Standard output and standard error. A reader that has stopped never stops the program.

use std::io;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use codex_onboarding::outlet::Outlet;
use codex_onboarding::signals::{ExitSignal, ExitSignals};

static OUT: LazyLock<Outlet> = LazyLock::new(|| Outlet::new(io::stdout()));
static ERR: LazyLock<Outlet> = LazyLock::new(|| Outlet::new(io::stderr()));

/// A result, which has to be complete, waits for a reader.
static RESULT_WAITS: AtomicBool = AtomicBool::new(false);

/// The longest wait at the program's end for a reader of the conversation that has stopped.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Writes a part of the conversation to standard error. A closed one is not an error.
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

/// Waits until the results are complete, or for a signal, which a command may have caught.
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

/// Waits for the readers before the program ends.
pub fn finish() {
    let patience = if RESULT_WAITS.load(Relaxed) {
        Duration::MAX
    } else {
        LAST_WORDS
    };
    // An error has no receiver any more.
    let _ = OUT.finish(patience);
    let _ = ERR.finish(LAST_WORDS);
}
