//! Output whose reader has stopped (Ctrl-S, a full pipe, a stopped terminal) delays its writer for
//! a moment and never blocks it.

use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// The longest that output which is not taken delays its writer, once. Usually it is taken at
/// once, and so what goes to two streams of one terminal stays in order.
const PATIENCE: Duration = Duration::from_millis(100);

/// The most bytes that wait for a reader: far more than any conversation.
const MAX_WAITING: usize = 256 * 1024;

/// Follows a gap, once there is a reader again.
const GAP: &[u8] = b"(Some lines are missing here: nobody read them in time)\n";

/// Writes in a thread of its own, in order. The thread begins with the first write, and ends
/// once all that came before the last clone was dropped is written.
#[derive(Clone)]
pub struct Outlet(Arc<Inner>);

struct Inner {
    queue: Arc<Queue>,
    way: Mutex<WritePath>,
}

enum WritePath {
    /// No thread has started, or the system starts none: then the caller writes.
    Direct(Option<Box<dyn Write + Send>>),
    Thread(Sender<Vec<u8>>),
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    drained: Notify,
}

#[derive(Default)]
struct State {
    /// Bytes that are not written yet.
    waiting: usize,
    /// The reader has stopped: later writes do not wait for it.
    late: bool,
    /// Bytes were dropped, and no line has said so yet.
    gap: bool,
    failure: Option<io::Error>,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes `bytes`, and after a gap the line that says so.
    fn write(&self, writer: &mut dyn Write, mut bytes: &[u8]) {
        loop {
            let result = writer.write_all(bytes).and_then(|()| writer.flush());
            let mut state = self.state();
            state.waiting -= bytes.len();
            if let Err(error) = result {
                state.failure = Some(error);
            }
            let gap = state.waiting == 0 && std::mem::take(&mut state.gap);
            if gap {
                bytes = GAP;
                state.waiting = bytes.len();
            }
            if state.waiting == 0 {
                state.late = false;
                self.drained.notify_waiters();
            }
            self.changed.notify_all();
            if !gap {
                return;
            }
        }
    }

    /// Waits until all is written, for as long as `patience` between two signs of progress.
    /// Returns whether it is.
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

impl State {
    fn result(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

impl Outlet {
    /// Creates an outlet to `writer`. Nothing is written yet.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Inner {
            queue: Arc::default(),
            way: Mutex::new(WritePath::Direct(Some(Box::new(writer)))),
        }))
    }

    /// Writes all of `bytes`, or leaves them to the thread when the reader has stopped. If too
    /// many wait already they are dropped, and a line says so later.
    ///
    /// # Errors
    /// This write failed, or an earlier one whose error was not returned yet.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let queue = &self.0.queue;
        let mut state = queue.state();
        state.result()?;
        if state.waiting > 0 && state.waiting + bytes.len() > MAX_WAITING {
            state.gap = true;
            return Ok(());
        }
        state.waiting += bytes.len();
        let late = state.late;
        drop(state);
        self.hand_over(bytes);
        let written = late || queue.wait(PATIENCE);
        let mut state = queue.state();
        state.late |= !written && state.waiting > 0;
        state.result()
    }

    /// Waits until all is written, for as long as `patience` between two signs of progress.
    /// Returns whether it is.
    ///
    /// # Errors
    /// A write failed whose error was not returned yet.
    pub fn finish(&self, patience: Duration) -> io::Result<bool> {
        let written = self.0.queue.wait(patience);
        self.0.queue.state().result().map(|()| written)
    }

    /// Waits until all is written, however long that takes. Cancel safe.
    ///
    /// # Errors
    /// A write failed whose error was not returned yet.
    pub async fn drained(&self) -> io::Result<()> {
        let queue = &self.0.queue;
        loop {
            let drained = queue.drained.notified();
            {
                let mut state = queue.state();
                if state.waiting == 0 {
                    return state.result();
                }
            }
            drained.await;
        }
    }

    fn hand_over(&self, bytes: &[u8]) {
        let queue = &self.0.queue;
        let mut way = self.0.way.lock().unwrap_or_else(PoisonError::into_inner);
        if let WritePath::Direct(writer) = &mut *way
            && let Some(thread) = start(queue)
            && let Some(writer) = writer.take()
        {
            // The thread waits for it.
            let _ = thread.writer.send(writer);
            *way = WritePath::Thread(thread.bytes);
        }
        match &mut *way {
            // It lives as long as this sender.
            WritePath::Thread(sender) => _ = sender.send(bytes.to_owned()),
            WritePath::Direct(Some(writer)) => queue.write(writer, bytes),
            WritePath::Direct(None) => {}
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes).map(|()| bytes.len())
    }

    /// Waits no longer than the write did.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outlet")
    }
}

/// The senders to a thread that has started.
struct Started {
    writer: Sender<Box<dyn Write + Send>>,
    bytes: Sender<Vec<u8>>,
}

/// Starts the thread. The writer follows, because it would be lost where no thread can start.
fn start(queue: &Arc<Queue>) -> Option<Started> {
    let (writer, its_writer) = mpsc::channel::<Box<dyn Write + Send>>();
    let (bytes, its_bytes) = mpsc::channel::<Vec<u8>>();
    let queue = Arc::clone(queue);
    std::thread::Builder::new()
        .name("output".to_owned())
        .stack_size(64 * 1024)
        .spawn(move || {
            if let Ok(mut writer) = its_writer.recv() {
                for bytes in its_bytes {
                    queue.write(&mut writer, &bytes);
                }
            }
        })
        .ok()?;
    Some(Started { writer, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that takes nothing until it is told to.
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
