//! Turns the model into bytes for the terminal: ratatui's cells, with hyperlinks (OSC 8) around
//! some of them. Never queries the terminal: a query hangs where nothing answers.

use std::io::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratatui::backend::{Backend as _, ClearType, CrosstermBackend};
use ratatui::buffer::{Buffer, Cell, CellDiffOption};
use ratatui::layout::{Rect, Size};

use super::model::Model;
use super::view::{Drawn, Hyperlink, view};
use crate::environment::{Environment, Multiplexer};

/// The picture on the terminal.
pub struct Canvas {
    shown: Buffer,
    links: Vec<Hyperlink>,
    /// Bytes that the terminal has not accepted yet.
    pub bytes: Vec<u8>,
    hyperlinks: bool,
    multiplexer: Option<Multiplexer>,
}

impl Canvas {
    /// Returns a blank canvas.
    pub fn new(environment: &Environment) -> Self {
        Self {
            shown: Buffer::default(),
            links: Vec::new(),
            bytes: Vec::new(),
            // The Linux console prints sequences that it does not know.
            hyperlinks: environment.get("TERM") != Some("linux"),
            multiplexer: environment.multiplexer(),
        }
    }

    /// Draws what has changed.
    pub fn draw(&mut self, model: &Model, size: Size) -> io::Result<()> {
        let area = Rect::from(size);
        let mut backend = CrosstermBackend::new(&mut self.bytes);
        if self.shown.area != area {
            self.shown = Buffer::empty(area);
            backend.clear_region(ClearType::All)?;
        }
        let mut picture = Buffer::empty(area);
        let Drawn { mut links, cursor } = view(model, &mut picture);
        if !self.hyperlinks {
            links.clear();
        }
        if self.links != links {
            // A cell may keep its text but change its link target, which the cell diff does not
            // show.
            for row in self.links.iter().chain(&links).flat_map(|link| &link.rows) {
                for position in row.intersection(area).positions() {
                    picture[position].set_diff_option(CellDiffOption::AlwaysUpdate);
                }
            }
        }
        let link_at = |&(x, y, _): &(u16, u16, &Cell)| {
            let is_there = |row: &Rect| row.contains((x, y).into());
            links.iter().position(|link| link.rows.iter().any(is_there))
        };
        let changed = self.shown.diff(&picture);
        for run in changed.chunk_by(|a, b| link_at(a) == link_at(b)) {
            let link = link_at(&run[0]);
            if let Some(number) = link {
                // The same id tells the terminal that all rows belong to one link.
                write!(
                    backend,
                    "\x1b]8;id=link{number};{}\x1b\\",
                    links[number].url
                )?;
            }
            backend.draw(run.iter().copied())?;
            if link.is_some() {
                backend.write_all(b"\x1b]8;;\x1b\\")?;
            }
        }
        match cursor {
            None => backend.hide_cursor()?,
            Some(position) => {
                backend.show_cursor()?;
                backend.set_cursor_position(position)?;
            }
        }
        self.shown = picture;
        self.links = links;
        Ok(())
    }

    /// Returns the size of the last picture.
    pub fn size(&self) -> Size {
        self.shown.area.as_size()
    }

    /// Forgets what the terminal shows: the next draw draws everything.
    pub fn invalidate(&mut self) {
        // The rest of the last picture is useless now.
        self.bytes.clear();
        self.shown = Buffer::default();
    }

    /// Puts `text` on the clipboard of the terminal in front of the person (OSC 52).
    pub fn copy(&mut self, text: &str) {
        self.bytes.extend(copying(text, self.multiplexer));
    }
}

/// Returns the sequence that copies a text (OSC 52), passed through a multiplexer if there is one.
fn copying(text: &str, multiplexer: Option<Multiplexer>) -> Vec<u8> {
    let plain = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
    match multiplexer {
        None => plain.into_bytes(),
        // tmux handles the first sequence if `set-clipboard` is on, and passes on the second if
        // `allow-passthrough` is on.
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
