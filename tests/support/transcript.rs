//! A program's output so far, for a test that waits for its words.

use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::patience::PATIENCE;

/// A growing text. Its clones share it.
#[derive(Clone, Default)]
pub struct Transcript(Arc<Shared>);

#[derive(Default)]
struct Shared {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Default)]
struct Said {
    text: String,
    is_complete: bool,
}

impl Transcript {
    /// Reads a stream to its end, on a thread of its own.
    pub fn of(mut stream: impl Read + Send + 'static) -> Self {
        let transcript = Self::default();
        let mut writer = transcript.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                let _ = writer.write(&buffer[..count]);
            }
            writer.change(|said| said.is_complete = true);
        });
        transcript
    }

    pub fn so_far(&self) -> String {
        self.0.said.lock().unwrap().text.clone()
    }

    /// Waits until these words were said.
    #[track_caller]
    pub fn hears(&self, words: &str) {
        self.until(words, |text| text.contains(words));
    }

    /// Waits until the text is like this, and returns it.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let (text, so) = self.wait(|said| is_so(&said.text));
        assert!(so, "waited for {what:?}, but heard:\n{text}");
        text
    }

    /// Returns everything once the stream has ended; `None` when it goes on.
    pub fn all(&self) -> Option<String> {
        let (text, complete) = self.wait(|said| said.is_complete);
        complete.then_some(text)
    }

    fn wait(&self, is_so: impl Fn(&Said) -> bool) -> (String, bool) {
        let said = self.0.said.lock().unwrap();
        let (said, _) = self
            .0
            .changed
            .wait_timeout_while(said, PATIENCE, |said| !is_so(said))
            .unwrap_or_else(PoisonError::into_inner);
        (said.text.clone(), is_so(&said))
    }

    fn change(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.0.said.lock().unwrap());
        self.0.changed.notify_all();
    }
}

impl Write for Transcript {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.change(|said| said.text.push_str(&String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
