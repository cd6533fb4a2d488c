use crate::axes::{Axes, Labels, span};
use crate::colour;
use crate::curve::{check_series, dots, line};
use crate::error::PlotError;
use crate::svg::{Num, Svg};
use crate::ticks::{Ticks, nice_limits};

/// A named curve of a [`LineChart`].
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// The name in the legend.
    pub name: &'a str,
    /// Pairs of x and y in the order in which they are joined; a NaN in either breaks the line.
    pub points: &'a [(f64, f64)],
}

/// Several curves over a common axis, such as AUROC by epoch.
///
/// ```
/// use cistron_plot::{LineChart, Series, line_chart};
///
/// let series = [Series { name: "validation", points: &[(1.0, 0.7), (2.0, 0.8)] }];
/// let chart = LineChart { title: "Training", x_label: "epoch", y_label: "AUROC", series: &series };
/// assert!(line_chart(&chart)?.contains("validation"));
/// # Ok::<(), cistron_plot::PlotError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LineChart<'a> {
    /// The heading, broken at blanks where it is long; empty for none.
    pub title: &'a str,
    /// The horizontal axis.
    pub x_label: &'a str,
    /// The vertical axis.
    pub y_label: &'a str,
    /// The curves, in the order of the legend.
    pub series: &'a [Series<'a>],
}

const CHART_SIZE: (f64, f64) = (560.0, 300.0);
const LEGEND_LINE: f64 = 18.0;

/// Draws curves over a common axis as the text of an SVG file.
///
/// Each axis spans its values and ends at round numbers; whole x values get whole ticks. Curves of up to 60
/// points have a dot at each.
///
/// # Errors
/// [`PlotError::Empty`] without a point, [`PlotError::SeriesValue`] for an infinite number.
///
/// ```
/// use cistron_plot::{LineChart, PlotError, Series, line_chart};
///
/// let series = [Series { name: "loss", points: &[(1.0, f64::INFINITY)] }];
/// let error = line_chart(&LineChart { series: &series, ..LineChart::default() });
/// assert!(matches!(error, Err(PlotError::SeriesValue { index: 0, .. })));
/// ```
pub fn line_chart(chart: &LineChart<'_>) -> Result<String, PlotError> {
    if chart.series.iter().all(|series| series.points.is_empty()) {
        return Err(PlotError::Empty { what: "line chart" });
    }
    for series in chart.series {
        check_series(series.name, series.points.iter().map(|(x, _)| *x))?;
        check_series(series.name, series.points.iter().map(|(_, y)| *y))?;
    }
    let points = || chart.series.iter().flat_map(|series| series.points);
    let whole = points().all(|(x, _)| x.is_nan() || x.fract() == 0.0);
    let x = span(points().map(|(x, _)| *x));
    let y = span(points().map(|(_, y)| *y));
    let y = nice_limits(y.0, y.1, 5);
    let legend = Legend::new(chart.series, CHART_SIZE.0);
    let labels = Labels {
        title: chart.title,
        x: chart.x_label,
        y: chart.y_label,
        x_ticks: if whole { Ticks::whole(x.0, x.1, 8) } else { Ticks::new(x.0, x.1, 8) },
        y_ticks: Ticks::new(y.0, y.1, 5),
        headroom: legend.height(),
    };
    let margin = (x.1 - x.0) * 0.02;
    let (axes, mut svg) = Axes::draw((x.0 - margin, x.1 + margin), y, CHART_SIZE, &labels);
    legend.draw(&mut svg, &axes, |colour, dashes| {
        format!("stroke=\"{colour}\" stroke-width=\"2.2\" fill=\"none\"{dashes}")
    });
    for (index, series) in chart.series.iter().enumerate() {
        line(&mut svg, &axes, series.points, colour::curve(index));
        dots(&mut svg, &axes, series.points, colour::curve(index).0);
    }
    Ok(svg.finish())
}

/// The names of series above a frame, in as many lines as they take.
pub(crate) struct Legend<'a> {
    series: &'a [Series<'a>],
    /// The series of each line, with the width in pixels that each takes.
    rows: Vec<Vec<(usize, f64)>>,
}

impl<'a> Legend<'a> {
    pub(crate) fn new(series: &'a [Series<'a>], room: f64) -> Self {
        let mut rows: Vec<Vec<(usize, f64)>> = Vec::new();
        let mut left = 0.0;
        for (index, series) in series.iter().enumerate() {
            let width = 44.0 + 6.4 * series.name.chars().count() as f64;
            if left < width || rows.is_empty() {
                rows.push(Vec::new());
                left = room;
            }
            left -= width;
            if let Some(row) = rows.last_mut() {
                row.push((index, width));
            }
        }
        Self { series, rows }
    }

    /// The room that it takes in pixels.
    pub(crate) fn height(&self) -> f64 {
        6.0 + LEGEND_LINE * self.rows.len() as f64
    }

    /// Draws a sample and the name of each series; `style` makes attributes of a colour and dashes.
    pub(crate) fn draw(&self, svg: &mut Svg, axes: &Axes, style: impl Fn(&str, &str) -> String) {
        let mut y = axes.top() - LEGEND_LINE * self.rows.len() as f64;
        for row in &self.rows {
            let mut x = Axes::left();
            for (index, width) in row {
                let (colour, dashes) = colour::curve(*index);
                svg.path(&format!("M{} {}h20", Num(x), Num(y)), &style(colour, dashes));
                svg.text((x + 26.0, y + 4.0), "", self.series.get(*index).map_or("", |series| series.name));
                x += width;
            }
            y += LEGEND_LINE;
        }
    }
}
