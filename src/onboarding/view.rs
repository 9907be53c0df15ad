//! Draws the model. No state of its own: the same model, the same picture.

mod account;
mod api_key;
mod device_code;
mod exchanging;
mod failure;
mod field;
mod fit;
mod help;
mod keep;
mod keys;
mod layout;
mod parts;
mod rows;
mod success;
mod waiting;
mod welcome;

use ratatui::Frame;
use ratatui::layout::Rect;

use self::layout::Space;
use super::model::{Model, Screen, SignInStep};
use super::theme::Theme;

/// The smallest terminal that a screen fits.
pub const SMALLEST: (u16, u16) = (24, 8);

/// A link that was drawn. The backend wraps its cells in OSC 8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hyperlink {
    /// Its cells, a rectangle of height 1 for each row.
    pub rows: Vec<Rect>,
    /// The target, whatever the text.
    pub url: String,
}

/// Draws the screen, and answers where its links are.
pub fn view(model: &Model, frame: &mut Frame<'_>) -> Vec<Hyperlink> {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(frame);
        return Vec::new();
    }
    let theme = Theme::new(model.facts.color);
    let keys = keys::of(model);
    let footer = keys::footer(&keys, model.foreign_letter, area);
    let space = Space::above(footer.len(), area);
    let layout = if model.help {
        let more = match &model.screen {
            Screen::SignIn(screen) if screen.step == SignInStep::DeviceCode => {
                device_code::help(model)
            }
            _ => None,
        };
        help::layout(
            &keys::below_help(model),
            model.screen.commands(),
            more.as_deref(),
            space,
        )
    } else {
        match &model.screen {
            Screen::Welcome(screen) => welcome::layout(model, screen, theme, space),
            Screen::SignIn(screen) => match screen.step {
                SignInStep::Waiting => waiting::layout(model, screen, theme, space),
                SignInStep::DeviceCode => device_code::layout(model, screen, theme, space),
                SignInStep::Exchanging => exchanging::layout(model, screen, theme, space),
            },
            Screen::ApiKey(screen) => api_key::layout(model, screen, theme, space),
            Screen::Success(screen) => success::layout(model, screen, theme, space),
            Screen::Failure(screen) => failure::layout(model, screen, theme, space),
            Screen::Account(screen) => account::layout(model, screen, theme, space),
            Screen::Keep(screen) => keep::layout(model, screen, theme, space),
        }
    };
    let layout = layout.under(parts::header(model, space));
    let clock = parts::elapsed(model);
    keys::draw(footer, clock, area, frame.buffer_mut());
    layout.draw(space, frame)
}

/// As much of it as there is room for.
fn too_small(frame: &mut Frame<'_>) {
    let area = frame.area();
    let lines = ["too small", "needs 24x8"];
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        let width = usize::from(area.width);
        frame
            .buffer_mut()
            .set_stringn(area.x, y, line, width, Theme::text());
    }
}
