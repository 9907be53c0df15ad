//! Parts that several screens share.

use ratatui::style::Style;
use ratatui::text::Span;

use super::fit::{Block, Weight};
use super::layout::Space;
use super::rows::{Row, hanging, paragraph, span};
use crate::auth::Account;
use crate::error::Error;
use crate::onboarding::clock::FRAME;
use crate::onboarding::model::{Model, Note, Screen, SignInStep};
use crate::onboarding::theme::Theme;
use crate::onboarding::wording;
use crate::text::clean_short;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// Longest text from outside, in characters.
const LONGEST: usize = 300;

/// Longest name or address, in characters.
const LONGEST_FACT: usize = 120;

/// Returns the program's name or, in a demo, the note that it is one. The choices have the
/// wordmark instead of the name.
pub(super) fn header(model: &Model, space: Space) -> Option<Block> {
    if model.facts.demo {
        let badge = Span::styled(" DEMO ", Theme::badge());
        let words = match space.text {
            ..34 => " all stays here",
            34..50 => " Nothing leaves this machine",
            50.. => " This is a demo: nothing leaves this machine",
        };
        let row = Row::of(vec![badge, Span::styled(words, Theme::text())]);
        return Some(Block::new(Weight::Needed, vec![row]));
    }
    if matches!(model.screen, Screen::Welcome(_)) && !model.help {
        return None;
    }
    let name = paragraph(&model.facts.product.title, Theme::quiet(), space.text);
    Some(Block::new(Weight::Decoration, name))
}

/// Returns the title of a screen.
pub(super) fn title(text: &str, space: Space) -> Block {
    Block::new(Weight::Needed, paragraph(text, Theme::strong(), space.text)).apart()
}

/// Returns the title of a screen while something is going on.
pub(super) fn busy(model: &Model, text: &str, space: Space) -> Block {
    let theme = Theme::new(model.facts.color);
    if !model.facts.animations {
        return title(text, space);
    }
    let frame = model.now.as_millis() / FRAME.as_millis() % SPINNER.len() as u128;
    let glyph = usize::try_from(frame).map_or(SPINNER[0], |at| SPINNER[at]);
    let mark = [Span::styled(format!("{glyph} "), theme.accent())];
    let rows = hanging(&mark, text, Theme::strong(), space.text);
    Block::new(Weight::Needed, rows).apart()
}

/// Returns how long the sign-in has been going on, where clocks may move.
pub(super) fn elapsed(model: &Model) -> Option<String> {
    let Screen::SignIn(screen) = &model.screen else {
        return None;
    };
    // The device code has a clock of its own.
    let since = screen
        .since
        .filter(|_| screen.step != SignInStep::DeviceCode)?;
    let seconds = model.now.saturating_sub(since).as_secs();
    model
        .facts
        .animations
        .then(|| format!("{}:{:02}", seconds / 60, seconds % 60))
}

/// Returns a line about what just happened.
pub(super) fn note(note: &Note, theme: Theme, space: Space) -> Vec<Block> {
    match note {
        Note::Info(text) => {
            let text = clean_short(text, LONGEST);
            let mark = [Span::styled("› ", theme.accent())];
            let rows = hanging(&mark, &text, Theme::text(), space.text);
            vec![Block::new(Weight::Needed, rows).apart()]
        }
        Note::Problem(error) => problem(error, theme, space),
    }
}

/// Returns what failed, why, and what to do next.
pub(super) fn problem(error: &Error, theme: Theme, space: Space) -> Vec<Block> {
    let mark = [Span::styled("✗ ", theme.bad())];
    let message = clean_short(error.message(), LONGEST);
    let what = hanging(&mark, &message, Theme::strong(), space.text);
    let mut blocks = vec![Block::new(Weight::Needed, what).apart()];
    for cause in error.causes() {
        let cause = clean_short(&cause, LONGEST);
        let rows = hanging(&[Span::raw("  ")], &cause, Theme::text(), space.text);
        blocks.push(Block::new(Weight::Useful, rows));
    }
    if let Some(hint) = error.hint() {
        let mark = [Span::styled("→ ", theme.accent())];
        let hint = clean_short(hint, LONGEST);
        let rows = hanging(&mark, &hint, Theme::text(), space.text);
        blocks.push(Block::new(Weight::Important, rows));
    }
    blocks
}

/// Returns "Note:" or "Warning:" and a sentence.
pub(super) fn remark(weight: Weight, text: &str, space: Space) -> Block {
    let (mark, text) = wording::marked(text);
    let mark = [Span::styled(mark, Theme::strong())];
    let text = clean_short(text, LONGEST);
    Block::new(weight, hanging(&mark, &text, Theme::text(), space.text))
}

/// Returns the notices of what the person did last.
pub(super) fn notices(model: &Model, space: Space) -> impl Iterator<Item = Block> {
    model
        .notices
        .iter()
        .map(move |text| remark(Weight::Important, text, space).apart())
}

/// Returns the warning that programs still use the sign-in from before; where there is no room for
/// it, without what to do.
pub(super) fn running(model: &Model, space: Space) -> Option<Block> {
    let text = wording::running(&model.facts)?;
    let whole = remark(Weight::Important, &text, space);
    let short = model.facts.endable().map(wording::still_used);
    let block = match short {
        Some(short) => whole.or(remark(Weight::Important, &short, space).rows().to_vec()),
        None => whole,
    };
    Some(block.apart())
}

/// Returns the lines about an account. Each value ends its row, because it may run right to
/// left.
pub(super) fn account(account: &Account, workspace: Option<&str>, space: Space) -> Vec<Block> {
    let plan = account.plan.as_ref().map(ToString::to_string);
    let facts = [
        (Weight::Needed, "Account", account.email.as_deref()),
        (Weight::Explaining, "Plan", plan.as_deref()),
        (
            Weight::Explaining,
            "Workspace",
            workspace.or(account.account_id.as_deref()),
        ),
    ];
    facts
        .into_iter()
        .filter_map(|(weight, name, value)| Some(fact(weight, name, value?, space)))
        .collect()
}

/// Returns a name and its value.
pub(super) fn fact(weight: Weight, name: &str, value: &str, space: Space) -> Block {
    let mark = [span(&format!("{name:<11}"), Theme::quiet())];
    let value = clean_short(value, LONGEST_FACT);
    Block::new(weight, hanging(&mark, &value, Theme::text(), space.text))
}

/// Returns a line that can be chosen.
pub(super) fn choice(
    digit: usize,
    label: &str,
    chosen: bool,
    theme: Theme,
    space: Space,
) -> Vec<Row> {
    let pointer = if chosen { "› " } else { "  " };
    let style = if chosen {
        Theme::strong()
    } else {
        Theme::text()
    };
    let mark = [
        Span::styled(pointer, theme.accent()),
        Span::styled(digit_of(digit), style),
    ];
    hanging(&mark, label, style, space.text)
}

/// A choice beyond the ninth has no key of its own: the first digit would choose at once.
fn digit_of(number: usize) -> String {
    match number {
        1..=9 => format!("{number}  "),
        _ => "   ".to_owned(),
    }
}

/// Returns a line below a choice.
pub(super) fn beneath(text: &str, style: Style, space: Space) -> Vec<Row> {
    hanging(&[Span::raw("     ")], text, style, space.text)
}
