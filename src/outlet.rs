//! Output that never blocks its writer. A reader that has stopped (Ctrl-S, a full pipe) delays it
//! only for a moment.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// The longest time that a write waits for the reader. Usually the reader is fast, so texts on two
/// streams of one terminal stay in order.
const PATIENCE: Duration = Duration::from_millis(100);

/// The thread ends after this time without a write, so that a program that waits for hours keeps no
/// thread.
const LINGER: Duration = Duration::from_millis(50);

/// The most bytes that wait for a reader: far more than any conversation.
const MAX_WAITING: usize = 256 * 1024;

/// Written in place of dropped lines, once the reader goes on.
const GAP: &[u8] = b"(Some lines are missing here: nobody read them in time)\n";

/// Writes on a separate thread, in order. A write starts the thread.
#[derive(Clone)]
pub struct Outlet(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    drained: Notify,
    /// Locked by the thread while it runs.
    writer: Mutex<Box<dyn Write + Send>>,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<Vec<u8>>,
    /// Bytes that are not written yet: the pieces, and the one that is being written.
    waiting: usize,
    /// Set while the thread runs, and will write the pieces that are added.
    has_thread: bool,
    /// Set once the reader has stopped: later writes do not wait for it.
    late: bool,
    /// Set if bytes were dropped, and [`GAP`] is not written yet.
    gap: bool,
    failure: Option<io::Error>,
}

impl State {
    fn add(&mut self, piece: &[u8]) {
        self.waiting += piece.len();
        self.pieces.push_back(piece.to_owned());
    }

    fn result(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all pieces, and those that are added within `linger` of the last one.
    fn write_pieces(&self, linger: Duration) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        loop {
            let Some(piece) = state.pieces.pop_front() else {
                let is_idle = |state: &mut State| state.pieces.is_empty();
                let waited = self.changed.wait_timeout_while(state, linger, is_idle);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                if state.pieces.is_empty() {
                    state.has_thread = false;
                    return;
                }
                continue;
            };
            drop(state);
            let result = writer.write_all(&piece).and_then(|()| writer.flush());
            state = self.state();
            state.waiting -= piece.len();
            if let Err(error) = result {
                state.failure = Some(error);
            }
            if state.waiting == 0 {
                if std::mem::take(&mut state.gap) {
                    state.add(GAP);
                } else {
                    state.late = false;
                    self.drained.notify_waiters();
                }
            }
            self.changed.notify_all();
        }
    }

    /// Waits until everything is written, and returns whether it is. Gives up after `patience`
    /// without progress.
    fn wait(&self, patience: Duration) -> bool {
        let mut state = self.state();
        while state.waiting > 0 {
            let before = state.waiting;
            let (now, waited) = self
                .changed
                .wait_timeout_while(state, patience, |state| state.waiting == before)
                .unwrap_or_else(PoisonError::into_inner);
            state = now;
            if waited.timed_out() {
                return false;
            }
        }
        true
    }
}

impl Outlet {
    /// Creates an outlet to `writer`. Nothing is written yet.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::default(),
            changed: Condvar::new(),
            drained: Notify::new(),
            writer: Mutex::new(Box::new(writer)),
        }))
    }

    /// Writes `bytes`, or leaves them to the thread when the reader has stopped. If too many bytes
    /// wait already they are dropped, and a line says so later.
    ///
    /// # Errors
    /// This write failed, or an earlier one whose error is not returned yet.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let inner = &self.0;
        let mut state = inner.state();
        state.result()?;
        if state.waiting > 0 && state.waiting + bytes.len() > MAX_WAITING {
            state.gap = true;
            return Ok(());
        }
        state.add(bytes);
        let has_thread = std::mem::replace(&mut state.has_thread, true);
        let late = state.late;
        drop(state);
        inner.changed.notify_all();
        if !has_thread && self.start_thread().is_err() {
            // Without a thread, the caller writes.
            inner.write_pieces(Duration::ZERO);
        }
        let written = late || inner.wait(PATIENCE);
        let mut state = inner.state();
        state.late |= !written && state.waiting > 0;
        state.result()
    }

    fn start_thread(&self) -> io::Result<()> {
        let inner = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name("output".to_owned());
        let thread = thread.stack_size(64 * 1024);
        thread.spawn(move || inner.write_pieces(LINGER)).map(drop)
    }

    /// Waits until everything is written, and returns whether it is. Gives up after `patience`
    /// without progress.
    ///
    /// # Errors
    /// A write failed, and its error is not returned yet.
    pub fn finish(&self, patience: Duration) -> io::Result<bool> {
        let written = self.0.wait(patience);
        self.0.state().result().map(|()| written)
    }

    /// Waits until everything is written, however long that takes. Cancel safe.
    ///
    /// # Errors
    /// A write failed, and its error is not returned yet.
    pub async fn drained(&self) -> io::Result<()> {
        loop {
            let drained = self.0.drained.notified();
            {
                let mut state = self.0.state();
                if state.waiting == 0 {
                    return state.result();
                }
            }
            drained.await;
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes).map(|()| bytes.len())
    }

    /// Does nothing: the write has waited long enough.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outlet")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A reader that accepts nothing until it is told to.
    #[derive(Clone, Default)]
    struct Reader {
        taken: Arc<Mutex<Vec<u8>>>,
        reads: Arc<(Mutex<bool>, Condvar)>,
    }

    impl Reader {
        fn takes_all(&self) {
            *self.reads.0.lock().unwrap() = true;
            self.reads.1.notify_all();
        }

        fn text(&self) -> String {
            String::from_utf8(self.taken.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let reads = self.reads.0.lock().unwrap();
            drop(self.reads.1.wait_while(reads, |reads| !*reads).unwrap());
            self.taken.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn output_that_nobody_takes_stops_nobody_and_is_all_there_later_in_order() {
        let reader = Reader::default();
        let outlet = Outlet::new(reader.clone());
        for line in 0..1000 {
            outlet.send(format!("{line}\n").as_bytes()).unwrap();
        }
        assert!(!outlet.finish(Duration::ZERO).unwrap());
        reader.takes_all();
        assert!(outlet.finish(LONG).unwrap());
        let lines: Vec<_> = (0..1000).map(|line| line.to_string()).collect();
        assert_eq!(reader.text().lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn what_waits_is_bounded_and_a_gap_is_said_once() {
        let reader = Reader::default();
        let outlet = Outlet::new(reader.clone());
        for _ in 0..MAX_WAITING {
            outlet.send(b"refused\n").unwrap();
        }
        reader.takes_all();
        assert!(outlet.finish(LONG).unwrap());
        let text = reader.text();
        let gap = String::from_utf8(GAP.to_vec()).unwrap();
        assert!(text.len() <= MAX_WAITING + GAP.len(), "{}", text.len());
        assert_eq!(text.matches(&gap).count(), 1);
        outlet.send(b"last").unwrap();
        assert!(outlet.finish(LONG).unwrap());
        assert!(reader.text().ends_with(&format!("{gap}last")));
    }

    #[test]
    fn the_thread_ends_when_nothing_is_written_and_the_next_write_starts_another() {
        let outlet = Outlet::new(io::sink());
        for _ in 0..2 {
            outlet.send(b"a line").unwrap();
            let started = Instant::now();
            while outlet.0.state().has_thread {
                assert!(started.elapsed() < LONG);
                std::thread::yield_now();
            }
            assert!(outlet.finish(Duration::ZERO).unwrap());
        }
    }

    #[tokio::test]
    async fn a_failed_write_is_told_to_the_one_who_writes() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let outlet = Outlet::new(Full);
        // A busy machine may take longer than the write waits.
        let told = match outlet.send(b"lost") {
            Ok(()) => outlet.drained().await,
            failed => failed,
        };
        assert_eq!(told.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
