//! The measurements as Markdown, one row a metric.

use std::fmt::Write as _;
use std::fs::read_to_string;

/// The goal of the real program.
#[derive(Clone, Copy)]
pub enum Goal {
    /// At most so many times the floor.
    Times(f64),
    /// At most so much more than the floor.
    Plus(f64),
    /// At most so much, whatever the floor needs.
    AtMost(f64),
    /// Only shown.
    None,
}

/// The unit of a number.
#[derive(Clone, Copy)]
pub enum Unit {
    Milliseconds,
    Megabytes,
    Count,
}

/// Measurements of the real program and of the floor.
#[derive(Default)]
pub struct Pair {
    pub ours: Vec<f64>,
    pub floor: Vec<f64>,
}

/// Prints rows as they come.
pub struct Table {
    filter: Option<String>,
    pub is_short: bool,
}

impl Table {
    pub fn new(filter: Option<String>, is_short: bool) -> Self {
        Self { filter, is_short }
    }

    /// The number of rounds instead of this one, if the run is a short one.
    pub fn rounds(&self, rounds: usize) -> usize {
        if self.is_short {
            rounds.div_ceil(50)
        } else {
            rounds
        }
    }

    /// Returns whether one of these rows is asked for.
    pub fn wants(&self, names: &[&str]) -> bool {
        let wanted = |name: &&str| self.filter.as_ref().is_none_or(|part| name.contains(part));
        names.iter().any(wanted)
    }

    pub fn head() {
        println!("| metric | goal | min | median | p95 | floor | ratio | met |");
        println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    }

    pub fn row(&self, name: &str, unit: Unit, goal: Goal, mut pair: Pair) {
        if !self.wants(&[name]) {
            return;
        }
        pair.ours.sort_by(f64::total_cmp);
        pair.floor.sort_by(f64::total_cmp);
        let ours = quantile(&pair.ours, 50);
        let floor = (!pair.floor.is_empty()).then(|| quantile(&pair.floor, 50));
        let mut row = format!("| {name} | {} |", goal.text(unit));
        for percent in [0, 50, 95] {
            let _ = write!(row, " {} |", unit.text(quantile(&pair.ours, percent)));
        }
        let _ = match floor {
            Some(floor) if floor > 0.0 => {
                write!(row, " {} | {:.2}x |", unit.text(floor), ours / floor)
            }
            Some(floor) => write!(row, " {} | |", unit.text(floor)),
            None => write!(row, " | |"),
        };
        println!("{row} {} |", goal.verdict(ours, floor.unwrap_or_default()));
    }
}

impl Goal {
    fn text(self, unit: Unit) -> String {
        match self {
            Self::Times(times) => format!("{times:.1}x"),
            Self::Plus(more) => format!("floor + {}", unit.text(more)),
            Self::AtMost(most) => unit.text(most),
            Self::None => String::new(),
        }
    }

    fn verdict(self, ours: f64, floor: f64) -> &'static str {
        let met = match self {
            Self::Times(times) => ours <= floor * times,
            Self::Plus(more) => ours <= floor + more,
            Self::AtMost(most) => ours <= most,
            Self::None => return "",
        };
        if met { "yes" } else { "no" }
    }
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Megabytes => format!("{value:.2} MB"),
            Self::Count => format!("{value:.0}"),
        }
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 50)
}

/// Returns a quantile of a sorted list, by nearest rank: every number shown was measured.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get(last * percent / 100)
        .copied()
        .unwrap_or(f64::NAN)
}

/// Describes the machine, for the line above the table.
pub fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once([':', '=']));
        value.map_or_else(
            || "?".to_owned(),
            |(_, value)| value.trim().trim_matches('"').to_owned(),
        )
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{}, {} x {cores}, Linux {}, load {}, {}",
        field("/etc/os-release", "PRETTY_NAME"),
        field("/proc/cpuinfo", "model name"),
        read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_default()
            .trim(),
        load.split(' ').next().unwrap_or_default(),
        chrono::Utc::now().format("%Y-%m-%d"),
    )
}
