//! The report for a tired person: problems first, with the next step in bold; the rest is one line
//! for each group, unless everything is asked for.

use super::finding::{Detail, Finding, Health};
use super::{Examined, Report};

/// The layout of the printed report.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Style {
    /// Columns to wrap at.
    pub columns: usize,
    /// Bold may be used.
    pub bold: bool,
    /// Shows every check with its details.
    pub everything: bool,
}

impl Style {
    /// Chooses plain text for this many columns.
    pub fn plain(columns: usize) -> Self {
        Self {
            columns,
            bold: false,
            everything: false,
        }
    }
}

/// Returns the report as lines of text.
pub fn render(report: &Report, style: Style) -> String {
    let mut lines = vec![headline(report), String::new()];
    let mut problems: Vec<&Examined> = report
        .checks
        .iter()
        .filter(|check| is_problem(check))
        .collect();
    // A stable sort: groups stay in their order.
    problems.sort_by_key(|check| std::cmp::Reverse(check.finding.health));
    for check in problems {
        lines.extend(one(check, style));
        lines.push(String::new());
    }
    if style.everything {
        let fine = report.checks.iter().filter(|check| !is_problem(check));
        lines.extend(fine.flat_map(|check| one(check, style)));
    } else {
        lines.extend(groups(report, style));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn is_problem(check: &Examined) -> bool {
    check.finding.health > Health::Ok
}

fn headline(report: &Report) -> String {
    let count = |health| {
        let of_it = |check: &&Examined| check.finding.health == health;
        report.checks.iter().filter(of_it).count()
    };
    let (failed, warnings) = (count(Health::Fail), count(Health::Warning));
    let plural = |count, one: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    match (failed, warnings) {
        (0, 0) => "Nothing is wrong".to_owned(),
        (0, warnings) => plural(warnings, "warning"),
        (failed, 0) => plural(failed, "problem"),
        (failed, warnings) => format!(
            "{}, {}",
            plural(failed, "problem"),
            plural(warnings, "warning")
        ),
    }
}

/// Writes a check: its state, its finding and the next step.
fn one(check: &Examined, style: Style) -> Vec<String> {
    let Finding {
        health,
        summary,
        remediation,
        details,
    } = &check.finding;
    let mark = mark(*health);
    let mut lines = wrapped(&format!("{mark:<9}{}: {summary}", check.id), 9, style);
    if let Some(remediation) = remediation {
        let text = wrapped(&format!("         Next: {remediation}"), 9, style).join("\n");
        lines.push(commands(&text, style));
    }
    if style.everything {
        for (name, detail) in details {
            let value = match detail {
                Detail::One(value) => value.clone(),
                Detail::Many(values) => values.join(", "),
            };
            if !value.is_empty() {
                lines.extend(wrapped(&format!("         {name}: {value}"), 11, style));
            }
        }
    }
    lines
}

fn mark(health: Health) -> &'static str {
    match health {
        Health::Ok => "ok",
        Health::Skipped => "skipped",
        Health::Warning => "warning",
        Health::Fail => "failed",
    }
}

/// Writes the checks without a problem, one line a group: the ids without the group's name.
fn groups(report: &Report, style: Style) -> Vec<String> {
    let mut groups: Vec<(&str, Health, Vec<&str>)> = Vec::new();
    for check in report.checks.iter().filter(|check| !is_problem(check)) {
        let name = check.id.rsplit('.').next().unwrap_or(check.id);
        let health = check.finding.health;
        match groups.last_mut() {
            Some((group, of_group, names)) if *group == check.category() && *of_group == health => {
                names.push(name);
            }
            _ => groups.push((check.category(), health, vec![name])),
        }
    }
    groups
        .into_iter()
        .flat_map(|(group, health, names)| {
            let text = format!("{:<9}{group}: {}", mark(health), names.join(", "));
            wrapped(&text, 9, style)
        })
        .collect()
}

/// Wraps a text, and indents the lines after the first.
fn wrapped(text: &str, indent: usize, style: Style) -> Vec<String> {
    let indent = if style.columns < 60 { 2 } else { indent };
    let text = if style.columns < 60 {
        text.trim_start().to_owned()
    } else {
        text.to_owned()
    };
    let blank = " ".repeat(indent);
    let options = textwrap::Options::new(style.columns)
        .subsequent_indent(&blank)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(&text, options)
        .into_iter()
        .map(std::borrow::Cow::into_owned)
        .collect()
}

/// Commands are in backticks, or in bold where that is possible.
fn commands(text: &str, style: Style) -> String {
    if !style.bold {
        return text.to_owned();
    }
    let parts = text.split('`').enumerate().map(|(position, part)| {
        if position % 2 == 1 {
            format!("\u{1b}[1m{part}\u{1b}[0m")
        } else {
            part.to_owned()
        }
    });
    parts.collect()
}
