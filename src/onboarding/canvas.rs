//! Turns the model into bytes for the terminal: ratatui's backend, with hyperlinks (OSC 8).

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::{Buffer, Cell, CellDiffOption};
use ratatui::layout::{Position, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::model::Model;
use super::view::{Hyperlink, view};
use crate::environment::{Environment, Multiplexer};

/// The picture, and the bytes that have not been sent to the terminal yet.
pub struct Canvas {
    terminal: Terminal<LinkBackend>,
    wire: Wire,
    multiplexer: Option<Multiplexer>,
}

impl Canvas {
    /// Returns a canvas of `size`. Nothing is written yet.
    pub fn new(size: Size, environment: &Environment) -> io::Result<Self> {
        let wire = Wire::default();
        // The Linux console prints sequences that it does not know.
        let hyperlinks = environment.get("TERM") != Some("linux");
        let backend = LinkBackend {
            inner: CrosstermBackend::new(wire.clone()),
            wire: wire.clone(),
            size,
            hyperlinks,
        };
        let viewport = Viewport::Fullscreen;
        Ok(Self {
            terminal: Terminal::with_options(backend, TerminalOptions { viewport })?,
            wire,
            multiplexer: environment.multiplexer(),
        })
    }

    /// Draws what has changed; the bytes wait for [`Canvas::take_bytes`].
    pub fn draw(&mut self, model: &Model, size: Size) -> io::Result<()> {
        self.terminal.backend_mut().size = size;
        let wire = self.wire.clone();
        self.terminal.draw(|frame| {
            let new = view(model, frame);
            let mut links = wire.links();
            if *links != new {
                // These cells may keep their text and change their target.
                for link in links.iter().chain(&new) {
                    mark_changed(frame.buffer_mut(), link);
                }
                *links = new;
            }
        })?;
        Ok(())
    }

    /// Returns the size of the last picture.
    pub fn size(&self) -> Size {
        self.terminal.backend().size
    }

    /// Forgets what the terminal shows: the next draw draws everything.
    pub fn invalidate(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    /// Puts `text` on the clipboard of the terminal in front of the person (OSC 52).
    pub fn copy(&mut self, text: &str) {
        self.wire.add(&copying(text, self.multiplexer));
    }

    /// Takes the bytes that are to be sent to the terminal.
    pub fn take_bytes(&self) -> Vec<u8> {
        std::mem::take(&mut *self.wire.bytes())
    }
}

fn mark_changed(buffer: &mut Buffer, link: &Hyperlink) {
    for row in &link.rows {
        for position in row.intersection(buffer.area).positions() {
            buffer[position].set_diff_option(CellDiffOption::AlwaysUpdate);
        }
    }
}

/// Returns the sequence that copies a text (OSC 52), past a multiplexer if there is one.
fn copying(text: &str, multiplexer: Option<Multiplexer>) -> Vec<u8> {
    let plain = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
    match multiplexer {
        None => plain.into_bytes(),
        // tmux handles the first one where `set-clipboard` is on, and passes the second one
        // on where `allow-passthrough` is.
        Some(Multiplexer::Tmux) => {
            let doubled = plain.replace('\x1b', "\x1b\x1b");
            format!("{plain}\x1bPtmux;{doubled}\x1b\\").into_bytes()
        }
        // GNU screen cuts a string at 768 bytes; the terminal joins the pieces.
        Some(Multiplexer::GnuScreen) => {
            let pieces = plain.as_bytes().chunks(512);
            let pieces = pieces.map(|piece| [b"\x1bP", piece, b"\x1b\\"].concat());
            pieces.flatten().collect()
        }
    }
}

/// Shared by the backend, which only writes, and the loop, which sends when the terminal is
/// ready: the bytes, and the links of this frame.
#[derive(Clone, Default)]
struct Wire {
    bytes: Arc<Mutex<Vec<u8>>>,
    links: Arc<Mutex<Vec<Hyperlink>>>,
}

impl Wire {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn links(&self) -> MutexGuard<'_, Vec<Hyperlink>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, bytes: &[u8]) {
        self.bytes().extend_from_slice(bytes);
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A backend that never queries the terminal: a query hangs where nothing answers.
struct LinkBackend {
    inner: CrosstermBackend<Wire>,
    wire: Wire,
    size: Size,
    hyperlinks: bool,
}

impl Backend for LinkBackend {
    type Error = io::Error;

    /// Splits the cells into runs, and puts OSC 8 sequences around each run of a link. The
    /// same id tells the terminal that all rows belong to one link.
    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        if !self.hyperlinks {
            return self.inner.draw(content);
        }
        let cells: Vec<_> = content.collect();
        let links = self.wire.links().clone();
        let link = |&(x, y, _): &(u16, u16, &Cell)| {
            links
                .iter()
                .position(|link| link.rows.iter().any(|row| row.contains((x, y).into())))
        };
        for run in cells.chunk_by(|a, b| link(a) == link(b)) {
            let link = run.first().and_then(link);
            if let Some(number) = link {
                let url = &links[number].url;
                self.wire
                    .add(format!("\x1b]8;id=link{number};{url}\x1b\\").as_bytes());
            }
            self.inner.draw(run.iter().copied())?;
            if link.is_some() {
                self.wire.add(b"\x1b]8;;\x1b\\");
            }
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.inner.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.inner.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.inner.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::ZERO,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
