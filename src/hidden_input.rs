//! Lines from standard input that are not echoed: pasted callbacks and API keys. Reading never
//! blocks the program, and the end of the input only means that no more lines come.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;

use crate::error::Result;
use crate::terminal::{Terminal, TerminalEvent, TerminalMode, is_in_background};
use crate::text::without_paste_markers;

/// The longest line. A longer one is cut, which bounds the memory; it would be refused anyway.
const MAX_LINE: usize = 64 * 1024;

/// The pause after which a paste has ended.
const SETTLE: Duration = Duration::from_millis(25);

/// The longest time between two lines of one text, on a slow connection or a busy machine.
const TOGETHER: Duration = Duration::from_millis(250);

/// Standard input, line by line.
#[derive(Debug)]
pub struct HiddenInput {
    source: InputSource,
    line: Vec<u8>,
}

#[derive(Debug)]
enum InputSource {
    Terminal(Terminal),
    Pipe(mpsc::Receiver<Vec<u8>>),
    /// The input has ended.
    Over,
    /// The terminal has been closed.
    Gone,
}

impl HiddenInput {
    /// Starts reading. At a terminal, the echo is off until this is dropped. A program in the
    /// background reads nothing, because the system would stop it for reading.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when the terminal cannot be used.
    pub fn open() -> Result<Self> {
        Self::open_with(false)
    }

    /// Starts reading without catching SIGTSTP, for a host that catches it itself. If the program
    /// is stopped, the echo stays off.
    ///
    /// # Errors
    /// As [`HiddenInput::open`].
    pub fn open_without_job_control() -> Result<Self> {
        Self::open_with(true)
    }

    fn open_with(host_catches_signals: bool) -> Result<Self> {
        let source = if !io::stdin().is_terminal() {
            InputSource::Pipe(read_pipe())
        } else if is_in_background(io::stdin()) {
            InputSource::Over
        } else {
            let mode = TerminalMode::HiddenLine;
            InputSource::Terminal(Terminal::enter(mode, host_catches_signals)?)
        };
        Ok(Self {
            source,
            line: Vec::new(),
        })
    }

    /// Reads from a channel, in pieces of any size, for tests and hosts with an input of their own.
    pub fn from_pieces(pieces: mpsc::Receiver<Vec<u8>>) -> Self {
        Self {
            source: InputSource::Pipe(pieces),
            line: Vec::new(),
        }
    }

    /// Returns whether the input is a terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self.source, InputSource::Terminal(..))
    }

    /// Returns whether the input ended because the terminal was closed.
    pub fn is_gone(&self) -> bool {
        matches!(self.source, InputSource::Gone)
    }

    /// Hides or shows what is typed from now on; it is hidden at first.
    pub fn hide(&mut self, hidden: bool) {
        if let InputSource::Terminal(terminal) = &mut self.source
            && terminal.hide(hidden).is_err()
        {
            self.source = InputSource::Gone;
        }
    }

    /// Waits for the next line and returns it without its line break; `None` at the end of
    /// the input. At a terminal, a text that `is_complete` needs no Enter. Cancel safe.
    pub async fn next_line(&mut self, is_complete: fn(&str) -> bool) -> Option<SecretString> {
        loop {
            if let Some(line) = self.take_line() {
                return Some(line);
            }
            let is_whole =
                self.is_terminal() && std::str::from_utf8(&self.line).is_ok_and(is_complete);
            if !self.read_within(is_whole.then_some(SETTLE)).await {
                return self.take_rest();
            }
        }
    }

    /// As [`HiddenInput::next_line`], together with the lines that arrive right after it. Lines
    /// that are pasted or piped in at once are one text, of which a single line might pass for a
    /// key.
    pub async fn next_text(&mut self) -> Option<SecretString> {
        loop {
            let is_whole = self.line.contains(&b'\n');
            let has_more = self.read_within(is_whole.then_some(TOGETHER)).await;
            if !has_more || (is_whole && self.line.len() >= MAX_LINE) {
                return self.take_rest();
            }
        }
    }

    /// Reads some more, within `limit` if there is one. Returns whether something came.
    async fn read_within(&mut self, limit: Option<Duration>) -> bool {
        match limit {
            Some(limit) => tokio::time::timeout(limit, self.read())
                .await
                .unwrap_or(false),
            None => self.read().await,
        }
    }

    /// Reads some more. Returns false at the end of the input.
    async fn read(&mut self) -> bool {
        loop {
            match &mut self.source {
                InputSource::Over | InputSource::Gone => return false,
                InputSource::Pipe(pieces) => match pieces.recv().await {
                    Some(piece) => {
                        self.append(&piece);
                        return true;
                    }
                    None => self.source = InputSource::Over,
                },
                InputSource::Terminal(terminal) => {
                    let mut buffer = [0; 4096];
                    match terminal.next(&mut buffer, &[]).await {
                        Ok(TerminalEvent::Read(0)) => self.source = InputSource::Over,
                        Err(_) => self.source = InputSource::Gone,
                        Ok(TerminalEvent::Read(count)) => {
                            self.edit(&buffer[..count]);
                            return true;
                        }
                        // Nothing is drawn here.
                        Ok(_) => {}
                    }
                }
            }
        }
    }

    /// Appends a piece from a pipe: a line, or a part of one that is too long.
    fn append(&mut self, piece: &[u8]) {
        self.line.extend(piece);
        if self.line.len() > MAX_LINE {
            self.line.truncate(MAX_LINE);
            if piece.ends_with(b"\n") {
                self.line.push(b'\n');
            }
        }
    }

    /// Handles the keys that the line discipline would have handled.
    fn edit(&mut self, bytes: &[u8]) {
        let after_break = |line: &[u8]| line.iter().rposition(|&byte| byte == b'\n');
        let mut start = after_break(&self.line).map_or(0, |at| at + 1);
        for &byte in bytes {
            match byte {
                // Backspace, and Ctrl-H where that is Backspace.
                0x7f | 0x08 => {
                    let is_middle = |byte: u8| (0x80..0xc0).contains(&byte);
                    while self.line.len() > start && self.line.pop().is_some_and(is_middle) {}
                }
                // Ctrl-U
                0x15 => self.line.truncate(start),
                // Ctrl-D on an empty line
                0x04 if self.line.len() == start => self.source = InputSource::Over,
                0x04 => {}
                // This also ends a line that is too long.
                b'\r' | b'\n' => {
                    self.line.push(b'\n');
                    start = self.line.len();
                }
                _ if self.line.len() - start < MAX_LINE => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn take_line(&mut self) -> Option<SecretString> {
        let end = self.line.iter().position(|&byte| byte == b'\n')?;
        let rest = self.line.split_off(end + 1);
        let line = std::mem::replace(&mut self.line, rest);
        Some(text(&line))
    }

    fn take_rest(&mut self) -> Option<SecretString> {
        let rest = std::mem::take(&mut self.line);
        (!rest.is_empty()).then(|| text(&rest))
    }
}

fn text(line: &[u8]) -> SecretString {
    let text = String::from_utf8_lossy(line);
    without_paste_markers(text.trim_end_matches(['\r', '\n'])).into()
}

/// Reads standard input in a thread, because not every file can be polled. The thread ends with the
/// input or with the program.
fn read_pipe() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(1);
    // If no thread starts, there is no input.
    let _ = std::thread::Builder::new()
        .name("stdin".to_owned())
        .stack_size(64 * 1024)
        .spawn(move || {
            let mut stdin = io::stdin().lock();
            loop {
                let mut line = Vec::new();
                let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
                match stdin.by_ref().take(limit).read_until(b'\n', &mut line) {
                    Ok(1..) => {
                        if sender.blocking_send(line).is_err() {
                            return;
                        }
                    }
                    _ => return,
                }
            }
        });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn input() -> HiddenInput {
        HiddenInput {
            source: InputSource::Over,
            line: Vec::new(),
        }
    }

    async fn lines(mut input: HiddenInput) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = input.next_line(|_| false).await {
            lines.push(line.expose_secret().to_owned());
        }
        lines
    }

    #[tokio::test]
    async fn editing_keys_work_without_the_line_discipline() {
        let mut input = input();
        input.edit("wrong\u{15}abé\u{7f}\u{7f}c\rnext\n".as_bytes());
        assert_eq!(lines(input).await, ["ac", "next"]);
    }

    #[tokio::test]
    async fn a_line_is_longer_than_4095_bytes_and_the_last_needs_no_line_break() {
        let mut input = input();
        input.edit(&[b'x'; 9000]);
        assert_eq!(lines(input).await[0].len(), 9000);
    }

    #[tokio::test(start_paused = true)]
    async fn lines_that_come_together_are_one_text_and_a_later_one_is_another() {
        let (sender, pieces) = mpsc::channel(8);
        let mut input = HiddenInput::from_pieces(pieces);
        for piece in ["sk-first", " half\n", "second half"] {
            sender.send(piece.into()).await.unwrap();
        }
        let text = input.next_text().await.unwrap();
        assert_eq!(text.expose_secret(), "sk-first half\nsecond half");
        sender.send(b"one\n".to_vec()).await.unwrap();
        tokio::spawn(async move {
            tokio::time::sleep(2 * TOGETHER).await;
            sender.send(b"later".to_vec()).await
        });
        assert_eq!(input.next_text().await.unwrap().expose_secret(), "one");
        assert_eq!(input.next_text().await.unwrap().expose_secret(), "later");
        assert!(input.next_text().await.is_none());
    }

    #[tokio::test]
    async fn a_text_that_never_ends_is_cut() {
        let (sender, pieces) = mpsc::channel(1);
        let endless =
            tokio::spawn(async move { while sender.send(b"y\n".to_vec()).await.is_ok() {} });
        let mut input = HiddenInput::from_pieces(pieces);
        let text = input.next_text().await.unwrap();
        assert!(text.expose_secret().len() >= MAX_LINE - 4);
        drop(input);
        endless.await.unwrap();
    }

    #[tokio::test]
    async fn a_line_that_never_ends_takes_no_more_memory_and_enter_still_ends_it() {
        let mut typed = input();
        let mut piped = input();
        for _ in 0..100 {
            typed.edit(&[b'x'; 4096]);
            piped.append(&vec![b'x'; MAX_LINE]);
        }
        assert!(typed.line.len() <= MAX_LINE && piped.line.len() <= MAX_LINE);
        typed.edit(b"\rnext\r");
        piped.append(b"\n");
        assert_eq!(lines(typed).await[1], "next");
        assert!(piped.take_line().is_some());
    }
}
