//! An address as a QR code, ready to be drawn.

use qrcode::{Color, EcLevel, QrCode};

/// The blank margin that a reader needs on every side (ISO/IEC 18004, 9.1).
const QUIET_ZONE: usize = 4;

/// The modules of a QR code, quiet zone included. Made once, when the address
/// arrives: a frame only draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qr {
    side: usize,
    dark: Vec<bool>,
}

impl Qr {
    /// Returns the smallest code for `text`, or `None` when it is too long for any.
    pub fn new(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        let side = code.width() + 2 * QUIET_ZONE;
        let inside = QUIET_ZONE..side - QUIET_ZONE;
        let dark = (0..side * side)
            .map(|at| (at % side, at / side))
            .map(|(x, y)| {
                inside.contains(&x)
                    && inside.contains(&y)
                    && code[(x - QUIET_ZONE, y - QUIET_ZONE)] == Color::Dark
            })
            .collect();
        Some(Self { side, dark })
    }

    /// Returns the columns and rows that it takes.
    pub fn size(&self) -> (usize, usize) {
        (self.side, self.side.div_ceil(2))
    }

    /// Returns it as text, with two modules in each character, one above the other. The light
    /// modules are drawn, so that the code is right on a dark terminal even without colour.
    pub fn rows(&self) -> Vec<String> {
        (0..self.side)
            .step_by(2)
            .map(|y| {
                (0..self.side)
                    .map(|x| match (self.is_dark(x, y), self.is_dark(x, y + 1)) {
                        (false, false) => '█',
                        (false, true) => '▀',
                        (true, false) => '▄',
                        (true, true) => ' ',
                    })
                    .collect()
            })
            .collect()
    }

    /// Treats everything below the last row as quiet zone.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        self.dark.get(y * self.side + x).copied().unwrap_or(false)
    }
}
