//! Lines through points, broken where a number is missing.

use std::fmt::Write;

use crate::axes::Axes;
use crate::error::{PlotError, is_drawable};
use crate::svg::{Num, Svg};

/// Beyond this number of points a curve has no dots.
const MAX_DOTS: usize = 60;

/// Refuses what cannot be drawn, with its place.
pub(crate) fn check_series(series: &str, values: impl Iterator<Item = f64>) -> Result<(), PlotError> {
    match values.enumerate().find(|(_, value)| !is_drawable(*value)) {
        None => Ok(()),
        Some((index, found)) => Err(PlotError::SeriesValue { series: series.to_owned(), index, found }),
    }
}

pub(crate) fn line(svg: &mut Svg, axes: &Axes, points: &[(f64, f64)], (colour, dashes): (&str, &str)) {
    let mut path = String::new();
    for run in runs(points) {
        for (index, (x, y)) in run.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{} {}", Num(axes.px(*x)), Num(axes.py(*y)));
        }
        if run.len() == 1 {
            // A lone point between gaps still shows.
            path.push_str("h.01");
        }
    }
    let style = "fill=\"none\" stroke-width=\"1.6\" stroke-linejoin=\"round\" stroke-linecap=\"round\"";
    svg.path(&path, &format!("stroke=\"{colour}\" {style}{dashes}"));
}

pub(crate) fn dots(svg: &mut Svg, axes: &Axes, points: &[(f64, f64)], colour: &str) {
    if points.len() > MAX_DOTS {
        return;
    }
    let path = runs(points).flatten().map(|(x, y)| format!("M{} {}h.01", Num(axes.px(*x)), Num(axes.py(*y))));
    svg.pieces(path, &format!("stroke=\"{colour}\" stroke-width=\"5\" stroke-linecap=\"round\""));
}

/// Stretches without a NaN.
pub(crate) fn runs(points: &[(f64, f64)]) -> impl Iterator<Item = &[(f64, f64)]> {
    points.split(|(x, y)| x.is_nan() || y.is_nan()).filter(|run| !run.is_empty())
}
