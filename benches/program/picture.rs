//! The growth table as a picture: one panel a series, both curves from zero to their own
//! maximum.

use std::fmt::Write as _;

use crate::footprint::count;
use crate::growth::{Point, Series};

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 160.0;
const MARGIN: f64 = 36.0;

/// Returns an SVG document.
pub fn svg(all: &[Series]) -> String {
    let panel = HEIGHT + 2.0 * MARGIN;
    let (width, height) = (WIDTH + 2.0 * MARGIN, panel * count(all.len()));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"none\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (series, top) in all
        .iter()
        .zip((0..).map(|row| panel * f64::from(row) + MARGIN))
    {
        let Series { name, points } = series;
        let most = points.last().map_or(0, |point| point.count);
        let bottom = top + HEIGHT;
        let _ = writeln!(
            svg,
            "<path d=\"M{MARGIN} {top}V{bottom}H{}\" stroke=\"#999\"/>\n\
             <text x=\"{MARGIN}\" y=\"{}\" fill=\"black\">{name}</text>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"black\">{most}</text>",
            MARGIN + WIDTH,
            top - 20.0,
            MARGIN + WIDTH,
            bottom + 14.0,
        );
        let memory = |point: &Point| point.memory;
        let time = |point: &Point| point.time;
        curve(&mut svg, points, top, memory, "#1f77b4", ("MB", MARGIN));
        curve(
            &mut svg,
            points,
            top,
            time,
            "#d62728",
            ("ms", MARGIN + 80.0),
        );
    }
    svg + "</svg>\n"
}

fn curve(
    svg: &mut String,
    points: &[Point],
    top: f64,
    value: fn(&Point) -> f64,
    color: &str,
    (unit, label_at): (&str, f64),
) {
    let highest = points.iter().map(value).fold(f64::MIN_POSITIVE, f64::max);
    let most = points
        .last()
        .map_or(1.0, |point| count(point.count).max(1.0));
    let corners = points.iter().map(|point| {
        let x = MARGIN + WIDTH * count(point.count) / most;
        let y = top + HEIGHT * (1.0 - value(point) / highest);
        format!("{x:.1},{y:.1} ")
    });
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" stroke=\"{color}\" stroke-width=\"2\"/>\n\
         <text x=\"{label_at}\" y=\"{}\" fill=\"{color}\">{highest:.2} {unit}</text>",
        corners.collect::<String>().trim_end(),
        top - 6.0,
    );
}
