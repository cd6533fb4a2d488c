use std::fmt::Write;

use crate::axes::{Axes, Labels, span};
use crate::colour;
use crate::curve::{check_series, line, runs};
use crate::error::PlotError;
use crate::svg::{Num, Svg};
use crate::ticks::{Ticks, nice_limits, position_step};

/// How the values of a [`Track`] are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mark {
    /// A bar from 0 at each position.
    #[default]
    Bars,
    /// A line from position to position.
    Line,
    /// A line with the area to 0 filled.
    Area,
}

/// One value for each position of a sequence, such as the largest |delta|.
///
/// ```
/// let track = cistron_plot::Track { values: &[0.1, 0.4, f64::NAN], ..Default::default() };
/// assert!(cistron_plot::track(&track).is_ok());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Track<'a> {
    /// The heading, broken at blanks where it is long; empty for none.
    pub title: &'a str,
    /// (L): one value a position; NaN = none, a gap.
    pub values: &'a [f64],
    /// The number on the axis of the first position; 0 by default.
    pub first_position: i64,
    /// What the values measure; empty by default.
    pub value_label: &'a str,
    /// The horizontal axis; `position` by default.
    pub position_label: &'a str,
    /// Bars by default.
    pub mark: Mark,
}

impl Default for Track<'_> {
    fn default() -> Self {
        Self {
            title: "",
            values: &[],
            first_position: 0,
            value_label: "",
            position_label: "position",
            mark: Mark::default(),
        }
    }
}

const TRACK_HEIGHT: f64 = 170.0;
/// Beyond this number of positions a track shows one value for each of its columns.
const MAX_MARKS: usize = 4000;
/// Draws one value a position as the text of an SVG file.
///
/// Bars and areas stand on 0, so their axis holds it. Beyond 4,000 positions neighbours share a column, which
/// shows the value of largest size among them.
///
/// # Errors
/// [`PlotError::Empty`] without values, [`PlotError::SeriesValue`] for an infinite value.
///
/// ```
/// let track = cistron_plot::Track { title: "max |Δ|", values: &[0.0, 0.5, 0.2], ..Default::default() };
/// assert!(cistron_plot::track(&track)?.starts_with("<svg"));
/// # Ok::<(), cistron_plot::PlotError>(())
/// ```
pub fn track(track: &Track<'_>) -> Result<String, PlotError> {
    if track.values.is_empty() {
        return Err(PlotError::Empty { what: "track" });
    }
    check_series(track.title, track.values.iter().copied())?;
    let values = columns(track.values);
    // Places count from 0; the axis alone knows the first position, which may be beyond what a float tells apart.
    let x = (-0.5, track.values.len() as f64 - 0.5);
    let base = (track.mark != Mark::Line).then_some(0.0);
    let y = span(values.iter().map(|(_, value)| *value).chain(base));
    let y = nice_limits(y.0, y.1, 5);
    let labels = Labels {
        title: track.title,
        x: track.position_label,
        y: track.value_label,
        x_ticks: position_ticks(track.first_position, track.values.len()),
        y_ticks: Ticks::new(y.0, y.1, 5),
        headroom: 6.0,
    };
    let (axes, mut svg) = Axes::draw(x, y, Axes::page(TRACK_HEIGHT), &labels);
    match track.mark {
        Mark::Bars => bars(&mut svg, &axes, &values),
        Mark::Line => line(&mut svg, &axes, &values, colour::curve(0)),
        Mark::Area => area(&mut svg, &axes, &values),
    }
    Ok(svg.finish())
}

/// Values with the offset of the middle of their column; of neighbours that share one, the largest in size.
fn columns(values: &[f64]) -> Vec<(f64, f64)> {
    let share = values.len().div_ceil(MAX_MARKS);
    let largest = |chunk: &[f64]| {
        let numbers = chunk.iter().copied().filter(|value| !value.is_nan());
        numbers.reduce(|a, b| if b.abs() > a.abs() { b } else { a }).unwrap_or(f64::NAN)
    };
    let middle = |index: usize, n: usize| (index * share) as f64 + (n as f64 - 1.0) / 2.0;
    values.chunks(share).enumerate().map(|(i, chunk)| (middle(i, chunk.len()), largest(chunk))).collect()
}

/// Round positions, written digit by digit, at their offsets from the first.
fn position_ticks(first: i64, n: usize) -> Ticks {
    let number = |offset: usize| first.saturating_add(i64::try_from(offset).unwrap_or(i64::MAX));
    let digits = number(n).to_string().len().max(first.to_string().len());
    let step = position_step(n as f64 * (digits * 7 + 40) as f64 / Axes::page(TRACK_HEIGHT).0);
    let before = usize::try_from(first.rem_euclid(step)).unwrap_or(0);
    let stride = usize::try_from(step).unwrap_or(usize::MAX);
    let mut offsets: Vec<usize> = ((stride - before) % stride..n).step_by(stride).collect();
    if offsets.is_empty() {
        offsets.push(0);
    }
    Ticks {
        values: offsets.iter().map(|&offset| offset as f64).collect(),
        labels: offsets.into_iter().map(|offset| number(offset).to_string()).collect(),
        exponent: 0,
    }
}

fn bars(svg: &mut Svg, axes: &Axes, points: &[(f64, f64)]) {
    let base = Num(axes.py(0.0));
    let mut path = String::new();
    for (x, y) in points.iter().filter(|(_, y)| !y.is_nan()) {
        // Writing to a string cannot fail.
        let _ = write!(path, "M{} {base}V{}", Num(axes.px(*x)), Num(axes.py(*y)));
    }
    let width = (axes.px(axes.x.1) - axes.px(axes.x.0)) / points.len() as f64;
    let width = if width > 3.0 { (width * 0.8).min(24.0) } else { width.max(0.6) };
    let (colour, _) = colour::curve(0);
    svg.path(&path, &format!("stroke=\"{colour}\" stroke-width=\"{}\" fill=\"none\"", Num(width)));
    zero_line(svg, axes);
}

fn zero_line(svg: &mut Svg, axes: &Axes) {
    let (left, right) = (Num(axes.px(axes.x.0)), Num(axes.px(axes.x.1)));
    let path = format!("M{left} {}H{right}", Num(axes.py(0.0)));
    svg.path(&path, "stroke=\"#555\" stroke-width=\".8\" fill=\"none\"");
}

fn area(svg: &mut Svg, axes: &Axes, points: &[(f64, f64)]) {
    let base = Num(axes.py(0.0));
    let mut path = String::new();
    for run in runs(points) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let _ = write!(path, "M{} {base}", Num(axes.px(first.0)));
        for (x, y) in run {
            let _ = write!(path, "L{} {}", Num(axes.px(*x)), Num(axes.py(*y)));
        }
        let _ = write!(path, "L{} {base}z", Num(axes.px(last.0)));
    }
    let (colour, _) = colour::curve(0);
    svg.path(&path, &format!("fill=\"{colour}\" fill-opacity=\".25\""));
    zero_line(svg, axes);
    line(svg, axes, points, colour::curve(0));
}
