//! The few styles there are. Only the 16 ANSI colours, which a terminal's own
//! theme keeps readable, and never colour alone: a mark or a word says the same.

use ratatui::style::{Color, Modifier, Style};

/// The styles, with or without colour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    color: bool,
}

impl Theme {
    pub fn new(color: bool) -> Self {
        Self { color }
    }

    /// Running text: the terminal's own colours.
    pub fn text() -> Style {
        Style::new()
    }

    /// Titles, key names, the chosen line.
    pub fn strong() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Text that nobody needs.
    pub fn quiet() -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Addresses.
    pub fn link() -> Style {
        Style::new().add_modifier(Modifier::UNDERLINED)
    }

    /// A word on a bar of its own.
    pub fn badge() -> Style {
        Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    /// Marks: the pointer, the spinner, the wordmark.
    pub fn accent(self) -> Style {
        self.colored(Color::Cyan)
    }

    /// Success.
    pub fn good(self) -> Style {
        self.colored(Color::Green).add_modifier(Modifier::BOLD)
    }

    /// Failure.
    pub fn bad(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// A QR code's light modules on its dark ones, whatever the terminal's background.
    pub fn qr(self) -> Style {
        if self.color {
            Style::new().fg(Color::White).bg(Color::Black)
        } else {
            Style::new()
        }
    }

    fn colored(self, color: Color) -> Style {
        if self.color {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }
}
