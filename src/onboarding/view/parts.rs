//! The parts of a screen as blocks.

use ratatui::style::Style;
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr;

use super::field;
use super::figures::{beside, boxed, spinner, wordmark};
use super::fit::Block;
use super::layout::{Layout, Space};
use super::rows::{Row, address, hanging, paragraph, span};
use crate::error::Error;
use crate::onboarding::model::{Model, Note, Screen, SignInStep};
use crate::onboarding::screens::{Described, Kind, LONGEST, Line, Mark, On, Part, Weight, marked};
use crate::onboarding::theme::Theme;
use crate::text::clean_short;

/// Longest name or address, in characters.
const LONGEST_FACT: usize = 120;

/// The least height with room for whole sentences.
const ROOMY: u16 = 18;

/// Lays out a screen with the whole link where it fits, and without it elsewhere.
pub(super) fn layout(
    model: &Model,
    described: &Described<'_>,
    theme: Theme,
    space: Space,
) -> Layout {
    let whole = compose(model, described, true, theme, space);
    let has_link = described.parts.iter().any(|part| part.on == On::NoLink);
    if !has_link || whole.least() <= usize::from(space.area.height) {
        return whole;
    }
    compose(model, described, false, theme, space)
}

fn compose(
    model: &Model,
    described: &Described<'_>,
    whole: bool,
    theme: Theme,
    space: Space,
) -> Layout {
    let mut layout = Layout::default();
    // A QR code leaves fewer columns for the text.
    let space = beside(&mut layout, model, theme, space);
    if described.mark == Mark::Purpose {
        layout.add(wordmark(&model.facts.product, theme, space));
    }
    layout.add(title(model, described, theme, space));
    let is_shown = |part: &&Part<'_>| match part.on {
        On::Both | On::Screen => true,
        On::Lines => false,
        On::Tall => space.area.height >= ROOMY,
        On::Low => space.area.height < ROOMY,
        On::WholeLink => whole,
        On::NoLink => !whole,
    };
    for part in described.parts.iter().filter(is_shown) {
        layout.add_all(blocks(part, theme, space));
    }
    layout
}

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

fn title(model: &Model, described: &Described<'_>, theme: Theme, space: Space) -> Block {
    let text = &described.title;
    let mark = match described.mark {
        Mark::Busy if model.facts.animations => {
            let spinner = format!("{} ", spinner(model));
            vec![Span::styled(spinner, theme.accent())]
        }
        Mark::Done => vec![Span::styled("✓ ", theme.good())],
        Mark::Plain | Mark::Busy | Mark::Purpose => Vec::new(),
    };
    let (weight, style) = match described.mark {
        Mark::Plain | Mark::Busy => (Weight::Needed, Theme::strong()),
        Mark::Done => (Weight::Needed, theme.good()),
        Mark::Purpose => (Weight::Explaining, Theme::text()),
    };
    Block::new(weight, hanging(&mark, text, style, space.text)).apart()
}

fn blocks(part: &Part<'_>, theme: Theme, space: Space) -> Vec<Block> {
    match &part.kind {
        Kind::Error(error) => problem(error, theme, space),
        Kind::Note(Note::Problem(error)) => problem(error, theme, space),
        Kind::Choices { lines, selected } if lines.iter().any(|line| line.why.is_some()) => {
            explained(lines, *selected, theme, space)
        }
        kind => {
            let block = Block::new(part.weight, rows(kind, theme, space));
            let block = match (&part.short, kind) {
                (Some(short), Kind::Remark(_)) => block.or(remark(short, space)),
                (Some(short), _) => block.or(say(short, space)),
                (None, Kind::Code(code)) => block.or(paragraph(code, Theme::strong(), space.text)),
                (None, _) => block,
            };
            vec![if part.apart { block.apart() } else { block }]
        }
    }
}

fn rows(kind: &Kind<'_>, theme: Theme, space: Space) -> Vec<Row> {
    match kind {
        Kind::Text(text) => say(text, space),
        Kind::Advice(text, keys) => say(&format!("{text} {keys}"), space),
        Kind::Step(number, text) => say(&format!("{number}. {text}"), space),
        Kind::Command(how, command) => {
            let mut rows = say(how, space);
            rows.extend(paragraph(command, Theme::strong(), space.text));
            rows
        }
        Kind::Link { text, url, flush } => {
            let flush = *flush || text.width() > usize::from(space.text);
            let width = if flush { space.area.width } else { space.text };
            address(text, url, Theme::link(), width, flush)
        }
        Kind::Code(code) => boxed(code, theme),
        Kind::Fact(name, value) => {
            let mark = [span(&format!("{name:<11}"), Theme::quiet())];
            // Each value ends its row, because it may run right to left.
            let value = clean_short(value, LONGEST_FACT);
            hanging(&mark, &value, Theme::text(), space.text)
        }
        Kind::Choices { lines, selected } => listed(lines, *selected, theme, space),
        Kind::Field {
            field,
            focused,
            revealed,
            placeholder,
        } => {
            let text = (*revealed, *placeholder);
            vec![field::row(field, *focused, text, theme, space.text)]
        }
        Kind::Note(Note::Info(text)) => {
            let mark = [Span::styled("› ", theme.accent())];
            let text = clean_short(text, LONGEST);
            hanging(&mark, &text, Theme::text(), space.text)
        }
        Kind::Notice(text) => remark(text, space),
        Kind::Remark(text) => remark(text, space),
        // Several blocks each.
        Kind::Error(_) | Kind::Note(Note::Problem(_)) => Vec::new(),
    }
}

fn say(text: &str, space: Space) -> Vec<Row> {
    paragraph(text, Theme::text(), space.text)
}

/// Returns "Note:" or "Warning:" and a sentence.
fn remark(text: &str, space: Space) -> Vec<Row> {
    let (mark, text) = marked(text);
    let mark = [Span::styled(mark, Theme::strong())];
    let text = clean_short(text, LONGEST);
    hanging(&mark, &text, Theme::text(), space.text)
}

/// Returns what failed, why, and what to do next.
fn problem(error: &Error, theme: Theme, space: Space) -> Vec<Block> {
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

/// Returns choices with a reason below each.
fn explained(lines: &[Line<'_>], selected: usize, theme: Theme, space: Space) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let label = choice(at, line, at == selected, theme, space);
        blocks.push(Block::new(Weight::Needed, label).apart());
        let (weight, style) = if line.stressed {
            (Weight::Important, Theme::text())
        } else {
            (Weight::Useful, Theme::quiet())
        };
        let why = line.why.iter();
        blocks.extend(why.map(|why| Block::new(weight, beneath(why, style, space))));
    }
    blocks
}

/// Returns as many choices as there is room for, with the one that is pointed at among them.
fn listed(lines: &[Line<'_>], selected: usize, theme: Theme, space: Space) -> Vec<Row> {
    // A heading and the account are above them.
    let mut room = usize::from(space.area.height).saturating_sub(3).max(1);
    let is_cut = lines.len() > room;
    if is_cut {
        room = room.saturating_sub(1).max(1);
    }
    let first = selected.saturating_sub(room - 1);
    let shown = lines.iter().enumerate().skip(first).take(room);
    let rows = shown.flat_map(|(at, line)| choice(at, line, at == selected, theme, space));
    let mut rows: Vec<_> = rows.collect();
    if is_cut {
        let text = format!("{} of {}", selected + 1, lines.len());
        rows.extend(beneath(&text, Theme::quiet(), space));
    }
    rows
}

fn choice(at: usize, line: &Line<'_>, chosen: bool, theme: Theme, space: Space) -> Vec<Row> {
    let (pointer, style) = if chosen {
        ("› ", Theme::strong())
    } else {
        ("  ", Theme::text())
    };
    // A choice beyond the ninth has no key of its own: the first digit would choose at once.
    let digit = match at {
        ..9 => format!("{}  ", at + 1),
        _ => "   ".to_owned(),
    };
    let mark = [
        Span::styled(pointer, theme.accent()),
        Span::styled(digit, style),
    ];
    hanging(&mark, &line.label, style, space.text)
}

/// Returns a line below a choice.
fn beneath(text: &str, style: Style, space: Space) -> Vec<Row> {
    hanging(&[Span::raw("     ")], text, style, space.text)
}
