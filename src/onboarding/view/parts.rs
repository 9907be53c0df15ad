//! The parts of a screen as blocks.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::block::Block;
use super::text::{address, hanging, paragraph};
use super::{ACCENT, BAD, BADGE, GOOD, QUIET, STRONG, Space, TEXT};
use crate::error::Error;
use crate::onboarding::clock::FRAME;
use crate::onboarding::model::Model;
use crate::onboarding::screens::{Described, Item, Kind, LONGEST, Mark, On, Part, Weight, marked};
use crate::onboarding::text_field::{TextField, last_4};
use crate::product::Product;
use crate::text::{clean, clean_short};

/// The longest name or address, in characters.
const LONGEST_FACT: usize = 120;

/// The least height with room for whole sentences.
const ROOMY: u16 = 18;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// Returns the screen as blocks, without the whole link if that does not fit.
pub(super) fn blocks(model: &Model, described: &Described<'_>, space: Space) -> Vec<Block> {
    let whole = compose(model, described, true, space);
    let needed = whole.iter().filter(|block| block.weight == Weight::Needed);
    let rows: usize = needed.map(|block| block.lines.len()).sum();
    let has_link = described.parts.iter().any(|part| part.on == On::NoLink);
    if has_link && rows > space.height() {
        return compose(model, described, false, space);
    }
    whole
}

fn compose(model: &Model, described: &Described<'_>, whole_link: bool, space: Space) -> Vec<Block> {
    let mut blocks = Vec::new();
    if described.mark == Mark::Purpose {
        blocks.push(wordmark(&model.facts.product, space));
    }
    blocks.push(title(model, described, space));
    let is_shown = |part: &&Part<'_>| match part.on {
        On::Both | On::Screen => true,
        On::Lines => false,
        On::Tall => space.area.height >= ROOMY,
        On::Low => space.area.height < ROOMY,
        On::WholeLink => whole_link,
        On::NoLink => !whole_link,
    };
    let parts = described.parts.iter().filter(is_shown);
    blocks.extend(parts.flat_map(|part| part_blocks(part, space)));
    blocks
}

/// Returns the program's name or, in a demo, the note that it is one. The choices have the
/// wordmark instead of the name.
pub(super) fn header(model: &Model, described: &Described<'_>, space: Space) -> Option<Block> {
    if model.facts.demo {
        let badge = Span::styled(" DEMO ", BADGE);
        let words = match space.text {
            ..34 => " all stays here",
            34..50 => " Nothing leaves this machine",
            50.. => " This is a demo: nothing leaves this machine",
        };
        let line = Line::from(vec![badge, Span::styled(words, TEXT)]);
        return Some(Block::new(Weight::Needed, vec![line]));
    }
    if described.mark == Mark::Purpose && !model.help {
        return None;
    }
    let name = paragraph(&model.facts.product.title, QUIET, space.text);
    Some(Block::new(Weight::Decoration, name))
}

/// Returns the wordmark, or the name if the wordmark does not fit.
fn wordmark(product: &Product, space: Space) -> Block {
    let name = paragraph(&product.title, STRONG, space.text);
    let wordmark = product.wordmark.as_deref().unwrap_or_default();
    let width = wordmark.lines().map(|line| line.chars().count()).max();
    let mut block = Block::new(Weight::Decoration, name).apart();
    if width.is_some_and(|width| width <= usize::from(space.text)) {
        let lines = wordmark
            .lines()
            .map(|line| Line::styled(line.to_owned(), ACCENT));
        block.instead = std::mem::replace(&mut block.lines, lines.collect());
    }
    block
}

fn title(model: &Model, described: &Described<'_>, space: Space) -> Block {
    let (weight, style) = match described.mark {
        Mark::Plain | Mark::Busy => (Weight::Needed, STRONG),
        Mark::Done => (Weight::Needed, GOOD),
        Mark::Purpose => (Weight::Explaining, TEXT),
    };
    let mark = match described.mark {
        Mark::Busy if model.facts.animations => {
            let frame = model.now.as_millis() / FRAME.as_millis() % SPINNER.len() as u128;
            let glyph = usize::try_from(frame).map_or(SPINNER[0], |at| SPINNER[at]);
            Span::styled(format!("{glyph} "), ACCENT)
        }
        Mark::Done => Span::styled("✓ ", GOOD),
        Mark::Plain | Mark::Busy | Mark::Purpose => Span::default(),
    };
    Block::new(weight, hanging(mark, &described.title, style, space.text)).apart()
}

fn part_blocks(part: &Part<'_>, space: Space) -> Vec<Block> {
    let mut block = Block::new(part.weight, Vec::new());
    block.gap = part.apart;
    if let Some(short) = &part.short {
        block.instead = match part.kind {
            Kind::Remark(_) => remark(short, space),
            _ => say(short, space),
        };
    }
    block.lines = match &part.kind {
        Kind::Text(text) => say(text, space),
        Kind::Advice(text, keys) => say(&format!("{text} {keys}"), space),
        Kind::Step(number, text) => say(&format!("{number}. {text}"), space),
        Kind::Info(text) => marked_text(Span::styled("› ", ACCENT), text, TEXT, space),
        Kind::Remark(text) => remark(text, space),
        Kind::Command(how, command) => {
            let mut lines = say(how, space);
            lines.extend(paragraph(command, STRONG, space.text));
            lines
        }
        Kind::Link { text, url, flush } => {
            block.flush = *flush || text.width() > usize::from(space.text);
            block.url = Some(clean(url));
            let width = if block.flush {
                space.area.width
            } else {
                space.text
            };
            address(text, width)
        }
        Kind::Code(code) => {
            block.instead = paragraph(code, STRONG, space.text);
            boxed(code)
        }
        Kind::Fact(name, value) => {
            let name = Span::styled(format!("{name:<11}"), QUIET);
            // The value is the last thing in its row, because it may run right to left.
            hanging(name, &clean_short(value, LONGEST_FACT), TEXT, space.text)
        }
        Kind::Field {
            field,
            focused,
            revealed,
            placeholder,
        } => {
            let (line, cursor) = masked_field(field, *focused, *revealed, placeholder, space);
            block.cursor = focused.then_some(cursor);
            vec![line]
        }
        Kind::Choices { items, selected } => return choices(items, *selected, space),
        Kind::Error(error) => return problem(error, space),
    };
    vec![block]
}

fn say(text: &str, space: Space) -> Vec<Line<'static>> {
    paragraph(text, TEXT, space.text)
}

/// Returns "Note:" or "Warning:" and a sentence.
fn remark(text: &str, space: Space) -> Vec<Line<'static>> {
    let (mark, text) = marked(text);
    marked_text(Span::styled(mark, STRONG), text, TEXT, space)
}

fn marked_text(mark: Span<'static>, text: &str, style: Style, space: Space) -> Vec<Line<'static>> {
    hanging(mark, &clean_short(text, LONGEST), style, space.text)
}

/// Returns an error's message, causes and hint.
fn problem(error: &Error, space: Space) -> Vec<Block> {
    let block =
        |weight, mark, text: &str, style| Block::new(weight, marked_text(mark, text, style, space));
    let failed = Span::styled("✗ ", BAD);
    let mut blocks = vec![block(Weight::Needed, failed, error.message(), STRONG).apart()];
    for cause in error.causes() {
        blocks.push(block(Weight::Useful, Span::raw("  "), &cause, TEXT));
    }
    if let Some(hint) = error.hint() {
        let next = Span::styled("→ ", ACCENT);
        blocks.push(block(Weight::Important, next, hint, TEXT));
    }
    blocks
}

/// Returns the code in a box, in one piece so that a double click selects it.
fn boxed(code: &str) -> Vec<Line<'static>> {
    let bar = "━".repeat(code.width() + 6);
    let edge = |text| Span::styled(text, ACCENT);
    let code = Span::styled(code.to_owned(), STRONG);
    vec![
        edge(format!("┏{bar}┓")).into(),
        vec![edge("┃   ".to_owned()), code, edge("   ┃".to_owned())].into(),
        edge(format!("┗{bar}┛")).into(),
    ]
}

/// Returns a field that shows how much was entered, but never what, and the cursor's column:
/// `▌ ••••••••••••••••••••••••••••ab12  32 characters`.
fn masked_field(
    field: &TextField,
    focused: bool,
    revealed: bool,
    placeholder: &'static str,
    space: Space,
) -> (Line<'static>, u16) {
    let chars = field.chars();
    let count = match chars {
        1 => "  1 character".to_owned(),
        many => format!("  {many} characters"),
    };
    let room = usize::from(space.text)
        .saturating_sub(2 + count.len() + 1)
        .max(1);
    // If the text is too long for the row, the part before the cursor is shown.
    let from = field.cursor().saturating_sub(room);
    let prompt = if focused { "▌ " } else { "│ " };
    let mut line = Line::from(Span::styled(prompt, ACCENT));
    if chars == 0 {
        line.push_span(Span::styled(placeholder, QUIET));
    } else {
        let shown_from = match last_4(field.text()) {
            Some(_) if revealed => chars - 4,
            _ => chars,
        };
        let text = field.text().chars().enumerate().skip(from).take(room);
        let mask = |(at, c): (usize, char)| match c {
            c if at >= shown_from && c.is_ascii_graphic() => c,
            _ => '•',
        };
        line.push_span(Span::raw(text.map(mask).collect::<String>()));
        line.push_span(Span::styled(count, QUIET));
    }
    let column = 2 + field.cursor() - from;
    (line, u16::try_from(column).unwrap_or(u16::MAX))
}

/// Returns choices, each with the reason below it. Of a long list without reasons, it returns as
/// many as there is room for, the selected one among them.
fn choices(items: &[Item<'_>], selected: usize, space: Space) -> Vec<Block> {
    let has_reasons = items.iter().any(|item| item.why.is_some());
    // The heading and the account are above the choices.
    let room = space.height().saturating_sub(3).max(1);
    let is_cut = items.len() > room && !has_reasons;
    let (first, count) = if is_cut {
        let count = (room - 1).max(1);
        (selected.saturating_sub(count - 1), count)
    } else {
        (0, items.len())
    };
    let mut blocks = Vec::new();
    for (at, item) in items.iter().enumerate().skip(first).take(count) {
        let mut label = Block::new(Weight::Needed, choice(at, item, at == selected, space));
        label.gap = has_reasons || at == first;
        blocks.push(label);
        let (weight, style) = if item.stressed {
            (Weight::Important, TEXT)
        } else {
            (Weight::Useful, QUIET)
        };
        let why = item.why.iter();
        blocks.extend(why.map(|why| Block::new(weight, beneath(why, style, space))));
    }
    if is_cut {
        let text = format!("{} of {}", selected + 1, items.len());
        blocks.push(Block::new(Weight::Needed, beneath(&text, QUIET, space)));
    }
    blocks
}

fn choice(at: usize, item: &Item<'_>, chosen: bool, space: Space) -> Vec<Line<'static>> {
    let (pointer, style) = if chosen {
        ("› ", STRONG)
    } else {
        ("  ", TEXT)
    };
    // There is no tenth digit key, and 1 chooses at once.
    let digit = match at {
        ..9 => format!("{}  ", at + 1),
        _ => "   ".to_owned(),
    };
    let mark = vec![Span::styled(pointer, ACCENT), Span::styled(digit, style)];
    hanging(mark, &item.label, style, space.text)
}

/// Returns a line below a choice.
fn beneath(text: &str, style: Style, space: Space) -> Vec<Line<'static>> {
    hanging("     ", text, style, space.text)
}
