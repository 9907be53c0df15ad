//! A terminal as an SVG: still, or frame after frame by CSS, without a script.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// The size of a cell, and the margin around all of them, as anstyle-svg lays out its text.
const CELL: (f64, f64) = (8.4, 18.0);
const MARGIN: f64 = 10.0;
/// From the top of the first row to the top of its cells: a baseline is lower than a cell's top.
const ASCENT: f64 = 4.0;
/// The height of the bar with the caption.
const BAR: f64 = 34.0;
const COLUMNS: f64 = 80.0;

/// The looks of a terminal in the two schemes. QR codes are black on white in both.
const CSS: &str = "
svg { --ground: #fbfcfd; --bar: #eceff2; --edge: #d1d9e0; --ink: #1f2328; --soft: #59636e; --cyan: #0b7285; --green: #1a7f37; --red: #c8102e; }
@media (prefers-color-scheme: dark) {
svg { --ground: #0d1117; --bar: #1b2129; --edge: #3d444d; --ink: #e6edf3; --soft: #9198a1; --cyan: #56d4dd; --green: #3fb950; --red: #ff7b72; }
}
text, tspan { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace; white-space: pre; }
.ground { fill: var(--ground); stroke: var(--edge); }
.bar { fill: var(--bar); }
.dot { fill: var(--edge); }
.caption { fill: var(--soft); }
.fg, .bg-white { fill: var(--ink); }
.fg-black { fill: var(--ground); }
.fg-cyan { fill: var(--cyan); }
.fg-green { fill: var(--green); }
.fg-red { fill: var(--red); }
.bold { font-weight: bold; }
.underline { text-decoration: underline; }
.dimmed { fill: var(--soft); }
path { shape-rendering: crispEdges; }
.qr-dark { fill: #000; }
.qr-light { fill: #fff; }
";

/// A picture, of one frame or of several that follow each other.
pub struct Picture {
    pub name: &'static str,
    pub frames: Vec<Frame>,
}

/// A terminal at one moment.
pub struct Frame {
    caption: &'static str,
    seconds: f64,
    rows: usize,
    text: String,
    /// The block characters as areas, by their class: glyphs would leave gaps between rows.
    areas: BTreeMap<&'static str, String>,
}

impl Frame {
    /// A screen.
    pub fn of(buffer: &Buffer, caption: &'static str) -> Self {
        let width = usize::from(buffer.area.width);
        let mut areas = BTreeMap::new();
        let mut text = String::new();
        for (y, row) in buffer.content().chunks(width).enumerate() {
            for (x, cell) in row.iter().enumerate() {
                paint(&mut areas, cell, x, y);
            }
            text.push_str(&ansi(row));
        }
        Self {
            areas,
            ..Self::of_lines(&text, caption)
        }
    }

    /// Lines with escape sequences for their styles.
    pub fn of_lines(text: &str, caption: &'static str) -> Self {
        let text = text.trim_end_matches('\n');
        let svg = anstyle_svg::Term::new().render_svg(text);
        let start = svg.find("<text").unwrap();
        let end = svg.find("</text>").unwrap() + "</text>".len();
        Self {
            caption,
            seconds: 1.0,
            rows: text.lines().count(),
            text: svg[start..end].to_owned(),
            areas: BTreeMap::new(),
        }
    }

    pub fn lasting(mut self, seconds: f64) -> Self {
        self.seconds = seconds;
        self
    }

    /// Returns the frame as a group of this class.
    fn group(&self, class: &str) -> String {
        let areas = self.areas.iter().fold(String::new(), |mut areas, it| {
            writeln!(areas, "<path class=\"{}\" d=\"{}\" />", it.0, it.1).unwrap();
            areas
        });
        format!(
            "<g class=\"{class}\">\n<text class=\"caption\" x=\"80\" y=\"22\">{}</text>\n\
             <g transform=\"translate(0 {BAR})\">\n{areas}{}\n</g>\n</g>\n",
            self.caption, self.text
        )
    }
}

impl Picture {
    pub fn svg(&self) -> String {
        let rows = self.frames.iter().map(|frame| frame.rows).max().unwrap();
        let rows = f64::from(u32::try_from(rows).unwrap());
        let width = COLUMNS * CELL.0 + 2.0 * MARGIN;
        let height = BAR + rows * CELL.1 + 2.0 * MARGIN;
        let frames = (0..).zip(&self.frames);
        let frames: String = frames
            .map(|(number, frame)| frame.group(&format!("frame at-{number}")))
            .collect();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\">\n<style>{CSS}{}</style>\n\
             <rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\" />\n\
             <path class=\"bar\" d=\"M1 {BAR}V8a7 7 0 0 1 7-7H{}a7 7 0 0 1 7 7V{BAR}Z\" />\n\
             <circle class=\"dot\" cx=\"20\" cy=\"17\" r=\"6\" />\
             <circle class=\"dot\" cx=\"40\" cy=\"17\" r=\"6\" />\
             <circle class=\"dot\" cx=\"60\" cy=\"17\" r=\"6\" />\n{frames}</svg>\n",
            self.motion(),
            width - 1.0,
            height - 1.0,
            width - 8.0,
        )
    }

    /// Returns the rules that show one frame at a time, three times; then, and where motion is
    /// reduced, the first one stays.
    fn motion(&self) -> String {
        if self.frames.len() == 1 {
            return String::new();
        }
        let all: f64 = self.frames.iter().map(|frame| frame.seconds).sum();
        let mut css = ".frame { visibility: hidden; }\n.at-0 { visibility: visible; }\n\
                       @media (prefers-reduced-motion: no-preference) {\n"
            .to_owned();
        let mut start = 0.0;
        for (number, frame) in self.frames.iter().enumerate() {
            let [from, to] = [start, start + frame.seconds].map(|at| at / all * 100.0);
            let before = if number == 0 {
                ""
            } else {
                "0% { visibility: hidden; } "
            };
            writeln!(
                css,
                ".at-{number} {{ animation: at-{number} {all}s step-end 3; }}\n\
                 @keyframes at-{number} {{ {before}{from:.3}% {{ visibility: visible; }} \
                 {to:.3}%, 100% {{ visibility: hidden; }} }}"
            )
            .unwrap();
            start += frame.seconds;
        }
        css + "}\n"
    }
}

/// Returns a row as text with escape sequences, and blanks where areas are.
fn ansi(row: &[Cell]) -> String {
    let end = row.iter().rposition(|cell| cell.symbol() != " ");
    let mut text = String::new();
    let mut style = String::new();
    for cell in &row[..end.map_or(0, |end| end + 1)] {
        let next = sgr(cell);
        if next != style {
            write!(text, "\u{1b}[0{next}m").unwrap();
            style = next;
        }
        text.push_str(if halves(cell).is_some() {
            " "
        } else {
            cell.symbol()
        });
    }
    text + "\u{1b}[0m\n"
}

fn sgr(cell: &Cell) -> String {
    if halves(cell).is_some() {
        return String::new();
    }
    let color = match cell.fg {
        Color::Reset | Color::White => "",
        Color::Red => ";31",
        Color::Green => ";32",
        Color::Cyan => ";36",
        other => panic!("no picture knows {other}"),
    };
    let modifiers = [
        (Modifier::BOLD, ";1"),
        (Modifier::DIM, ";2"),
        (Modifier::UNDERLINED, ";4"),
        (Modifier::REVERSED, ";7"),
    ];
    let has = |modifier| cell.modifier.contains(modifier);
    let codes = modifiers.iter().filter(|it| has(it.0)).map(|it| it.1);
    color.to_owned() + &codes.collect::<String>()
}

/// Whether a block's upper and lower half are filled; `None` for a letter. In a QR code, which
/// is the only thing with a background, a blank is a block too.
fn halves(cell: &Cell) -> Option<(bool, bool)> {
    match cell.symbol() {
        "█" => Some((true, true)),
        "▀" => Some((true, false)),
        "▄" => Some((false, true)),
        " " if cell.bg == Color::Black => Some((false, false)),
        _ => None,
    }
}

fn paint(areas: &mut BTreeMap<&'static str, String>, cell: &Cell, x: usize, y: usize) {
    let Some((upper, lower)) = halves(cell) else {
        return;
    };
    let qr = cell.bg == Color::Black;
    let class = match cell.fg {
        _ if qr => "qr-light",
        Color::Cyan => "fg-cyan",
        _ => "fg",
    };
    let mut fill = |class, half: f64, rows: f64| {
        let [x, y] = [x, y].map(|at| f64::from(u32::try_from(at).unwrap()));
        let left = MARGIN + x * CELL.0;
        let top = MARGIN + ASCENT + (y + half) * CELL.1;
        let (width, height) = (CELL.0, rows * CELL.1);
        let area = format!("M{left:.1} {top}h{width}v{height}h-{width}z");
        areas.entry(class).or_default().push_str(&area);
    };
    if qr {
        fill("qr-dark", 0.0, 1.0);
    }
    if upper {
        fill(class, 0.0, 0.5);
    }
    if lower {
        fill(class, 0.5, 0.5);
    }
}
