//! A terminal that is used through another process's descriptor: it blocks, and making it
//! non-blocking would change it for the shell. So threads read and write.

use std::fs::File;
use std::io::{self, Read as _};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::unix::AsyncFd;
use tokio::sync::{Mutex, oneshot};

use crate::outlet::Outlet;

/// The read that is under way.
type PendingRead = oneshot::Receiver<io::Result<Vec<u8>>>;

/// The threads of such a terminal.
#[derive(Debug)]
pub struct Shared {
    printer: Outlet,
    reading: Mutex<Option<PendingRead>>,
}

impl Shared {
    pub fn new(tty: File) -> Self {
        Self {
            printer: Outlet::new(tty),
            reading: Mutex::default(),
        }
    }

    /// Returns what writes to the terminal, in order and in a thread.
    pub fn printer(&self) -> Outlet {
        self.printer.clone()
    }

    /// Reads what was typed. A read begins only when there is something to read, so that it takes
    /// nothing from the shell later; another reader, or a flush by Ctrl-C, that was faster stops
    /// its thread alone. Cancel safe: what was read is for the next caller.
    pub async fn read(&self, tty: &AsyncFd<File>, buffer: &mut [u8]) -> io::Result<usize> {
        let mut reading = self.reading.lock().await;
        let read = match &mut *reading {
            Some(read) => read,
            none => none.insert(begin(tty, buffer.len()).await?),
        };
        let bytes = read.await;
        *reading = None;
        // Without the thread there is nothing to read any more.
        let bytes = bytes.unwrap_or_else(|_| Ok(Vec::new()))?;
        // All callers have buffers of the same length.
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Writes all of it once everything before it is written, while `hold` returns a guard.
    pub async fn write<T>(&self, bytes: &[u8], hold: impl Fn() -> Option<T>) -> io::Result<usize> {
        self.printer.drained().await?;
        if let Some(_held) = hold() {
            self.printer.send(bytes)?;
        }
        Ok(bytes.len())
    }
}

/// Waits until there is something to read, and starts to read it.
async fn begin(tty: &AsyncFd<File>, limit: usize) -> io::Result<PendingRead> {
    loop {
        let mut ready = tty.readable().await?;
        if is_readable(tty.get_ref())? {
            return start(tty.get_ref().try_clone()?, limit);
        }
        ready.clear_ready();
    }
}

/// Asks anew: tokio only remembers that there once was something to read.
fn is_readable(tty: &File) -> io::Result<bool> {
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut descriptors = [PollFd::new(tty, PollFlags::IN)];
    Ok(poll(&mut descriptors, Some(&at_once))? > 0)
}

fn start(mut tty: File, limit: usize) -> io::Result<PendingRead> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .name("terminal".to_owned())
        .stack_size(64 * 1024)
        .spawn(move || {
            let mut bytes = vec![0; limit];
            let read = loop {
                match tty.read(&mut bytes) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            let read = read.map(|count| {
                bytes.truncate(count);
                bytes
            });
            // Without a receiver the terminal has been given back in the meantime.
            let _ = sender.send(read);
        })?;
    Ok(receiver)
}
