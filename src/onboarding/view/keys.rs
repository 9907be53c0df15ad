//! The keys of each screen, in the footer and in the help: one list for both.
//!
//! ```text
//! o open again   c copy link   u bare link   d device code   p paste
//! ? help   Press Esc to cancel                                       0:42
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::onboarding::model::{
    AccountScreen, AccountStep, CodeStep, Method, Model, Screen, SignInScreen, SignInStep,
};
use crate::onboarding::theme::Theme;

/// A key, its label in the footer, and its meaning in the help.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyHint {
    pub key: &'static str,
    pub label: &'static str,
    pub meaning: &'static str,
}

const fn hint(key: &'static str, label: &'static str, meaning: &'static str) -> KeyHint {
    KeyHint {
        key,
        label,
        meaning,
    }
}

/// The ways back where `?` is text and no help can name the second one.
const BACK: &str = "Esc, Ctrl-G";
const HELP: KeyHint = hint("?", "help", "Show these keys");
const MOVE: KeyHint = hint("↑↓", "move", "Move up or down (or k and j)");
const CHOOSE: KeyHint = hint("Enter", "choose", "Choose (or press the number)");
const DEVICE: KeyHint = hint("d", "device code", "Sign in on another device");
const COPY_LINK: KeyHint = hint("c", "copy link", "Copy the link to the clipboard");
const BARE_LINK: KeyHint = hint("u", "full link", "Show the link alone, to copy it");
const PASTE: KeyHint = hint("p", "type", "Type into the paste field");

/// Returns the keys of this screen, the most important first.
pub(super) fn of(model: &Model) -> Vec<KeyHint> {
    if model.help {
        return vec![hint("any key", "go back", "Close the help")];
    }
    match &model.screen {
        Screen::Welcome(_) => welcome(model),
        Screen::SignIn(screen) => match screen.step {
            SignInStep::Waiting if screen.typing => typing(),
            SignInStep::Waiting => waiting(model, screen),
            SignInStep::DeviceCode => device_code(model, screen),
            SignInStep::Exchanging => {
                vec![hint("", "Press Esc to cancel", "End this sign-in"), HELP]
            }
        },
        Screen::ApiKey(screen) if screen.saving => {
            vec![hint("Ctrl-C", "quit", "Quit")]
        }
        Screen::ApiKey(_) => api_key(model),
        Screen::Success(_) => {
            let end = hint(
                "e",
                "end it",
                "End the program that uses the earlier sign-in",
            );
            let end = model.facts.endable().map(|_| end);
            let finish = hint("Enter", "finish", "Quit");
            [finish].into_iter().chain(end).chain([HELP]).collect()
        }
        Screen::Failure(_) => vec![
            hint("r", "retry", "Try again, with a new link"),
            DEVICE,
            hint("Esc", "back", "Go back to the choices"),
            HELP,
        ],
        Screen::Account(screen) => of_account(model, screen),
        Screen::Keep(screen) if screen.removing => vec![hint("Ctrl-C", "quit", "Quit")],
        Screen::Keep(_) => vec![MOVE, CHOOSE, hint("Esc", "keep", "Keep it"), HELP],
    }
}

/// Returns every key of the screen below the overlay.
pub(super) fn below_help(model: &Model) -> Vec<KeyHint> {
    let mut below = model.clone();
    below.help = false;
    let mut keys = of(&below);
    if keys.iter().any(|hint| matches!(hint.key, "" | "Esc" | "q")) {
        keys.push(hint("Ctrl-G", "", "The same as Esc"));
    }
    keys.push(hint("Ctrl-C", "quit", "Quit"));
    keys
}

fn welcome(model: &Model) -> Vec<KeyHint> {
    let leave = if model.facts.signed_in.is_some() {
        hint("Esc", "back", "Go back to the account")
    } else {
        hint("q", "quit", "Quit (or Esc)")
    };
    vec![MOVE, CHOOSE, leave, HELP]
}

fn typing() -> Vec<KeyHint> {
    vec![
        hint("Enter", "submit", "Submit the text"),
        hint("Ctrl-U", "clear", "Clear the field"),
        hint(BACK, "leave the field", "Leave the field"),
    ]
}

fn waiting(model: &Model, screen: &SignInScreen) -> Vec<KeyHint> {
    let mut keys = Vec::new();
    let remote = model.facts.remote.is_some();
    let linked = screen.link.is_some();
    if remote {
        keys.extend([DEVICE, PASTE]);
    } else if linked {
        keys.push(hint("o", "open again", "Open the link in your browser"));
    }
    if linked {
        keys.extend([COPY_LINK, BARE_LINK]);
    }
    if !remote {
        keys.extend([DEVICE, PASTE]);
    }
    if !screen.paste.is_blank() {
        keys.push(hint("Enter", "submit", "Submit the text"));
    }
    keys.push(HELP);
    keys.push(hint("", "Press Esc to cancel", "End this sign-in"));
    keys
}

fn device_code(model: &Model, screen: &SignInScreen) -> Vec<KeyHint> {
    let mut keys = Vec::new();
    match screen.code {
        CodeStep::Issued { .. } => {
            keys.push(hint("c", "copy code", "Copy the code to the clipboard"));
            if model.facts.remote.is_none() {
                keys.push(hint(
                    "o",
                    "open address",
                    "Open the address in your browser",
                ));
            }
        }
        CodeStep::Failed(_) => keys.push(hint("r", "retry", "Ask for another code")),
        CodeStep::Asked | CodeStep::NotAsked => {}
    }
    keys.push(HELP);
    keys.push(if screen.method == Method::Browser {
        hint("Esc", "back to the link", "Go back; the code stays valid")
    } else {
        hint("", "Press Esc to cancel", "End this sign-in")
    });
    keys
}

fn api_key(model: &Model) -> Vec<KeyHint> {
    let mut keys = vec![hint("Enter", "save", "")];
    if model.facts.environment_key.is_some() {
        keys.push(hint("Ctrl-O", "use the environment's key", ""));
    }
    keys.extend([
        hint("Tab", "show last 4", ""),
        hint("Ctrl-U", "clear", ""),
        hint(BACK, "back", ""),
    ]);
    keys
}

fn of_account(model: &Model, screen: &AccountScreen) -> Vec<KeyHint> {
    match screen.step {
        AccountStep::Choosing => {
            let quit = if model.facts.signed_in.is_some() {
                "Quit, still signed in (or Esc)"
            } else {
                "Quit (or Esc)"
            };
            vec![MOVE, CHOOSE, hint("q", "quit", quit), HELP]
        }
        AccountStep::ConfirmingUse(..) => vec![
            hint("y", "switch anyway", "Use the other account anyway"),
            hint("n", "cancel", "Leave it as it is (or Esc)"),
        ],
        AccountStep::Confirming => vec![
            hint("y", "sign out", "Delete the credentials"),
            hint("n", "stay signed in", "Stay signed in (or Esc)"),
        ],
        AccountStep::SigningOut | AccountStep::Using => {
            vec![hint("Ctrl-C", "quit", "Quit")]
        }
    }
}

/// The keys in rows. Where there is no room, the last before Esc go first: the
/// help still has them.
///
/// Above them stands what to do where the keyboard has no Latin letters.
pub(super) fn footer(keys: &[KeyHint], foreign: bool, area: Rect) -> Vec<Line<'static>> {
    let most = match area.height {
        ..10 => 2,
        _ => 3,
    };
    if foreign {
        let advice = hint("", "Use digits, arrows and Enter, or ?", "");
        let mut rows = flow(&[advice], area.width);
        rows.extend(fitting(keys, most - 1, area.width));
        return rows;
    }
    fitting(keys, most, area.width)
}

fn fitting(keys: &[KeyHint], most: usize, width: u16) -> Vec<Line<'static>> {
    let mut keys = keys.to_vec();
    loop {
        let rows = flow(&keys, width);
        let spare = keys
            .iter()
            .rposition(|hint| !matches!(hint.key, "" | "Esc" | BACK | "?"));
        match spare {
            Some(at) if rows.len() > most => keys.remove(at),
            _ => return rows,
        };
    }
}

fn flow(keys: &[KeyHint], width: u16) -> Vec<Line<'static>> {
    let (margin, between) = if width < 60 { (1, 2) } else { (3, 3) };
    let room = usize::from(width).saturating_sub(margin);
    let mut rows: Vec<Line<'static>> = Vec::new();
    for hint in keys {
        let word = word(hint);
        let needs: usize = word.iter().map(Span::width).sum();
        match rows.last_mut() {
            Some(row) if row.width() + between + needs <= room => {
                row.push_span(Span::raw(" ".repeat(between)));
                row.extend(word);
            }
            _ => {
                let mut row = Line::raw(" ".repeat(margin));
                row.extend(word);
                rows.push(row);
            }
        }
    }
    rows
}

fn word(hint: &KeyHint) -> Vec<Span<'static>> {
    if hint.key.is_empty() {
        return vec![Span::styled(hint.label, Theme::text())];
    }
    vec![
        Span::styled(hint.key, Theme::strong()),
        Span::raw(" "),
        Span::styled(hint.label, Theme::text()),
    ]
}

/// Draws the footer at the bottom, and the clock at the end of its last row.
pub(super) fn draw(
    footer: Vec<Line<'static>>,
    clock: Option<String>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let height = u16::try_from(footer.len())
        .unwrap_or(u16::MAX)
        .min(area.height);
    let used = footer.last().map_or(0, Line::width);
    for (y, line) in (area.bottom() - height..area.bottom()).zip(footer) {
        buffer.set_line(area.x, y, &line, area.width);
    }
    if let Some(clock) = clock {
        let clock = Line::styled(clock, Theme::quiet());
        let margin = if area.width < 60 { 1 } else { 3 };
        let width = u16::try_from(clock.width()).unwrap_or(u16::MAX);
        let x = area.right().saturating_sub(width.saturating_add(margin));
        if usize::from(x) > used + 1 {
            buffer.set_line(x, area.bottom() - 1, &clock, width);
        }
    }
}
