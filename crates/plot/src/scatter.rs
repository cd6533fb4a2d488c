use crate::axes::{Axes, Labels, span};
use crate::chart::{Legend, Series};
use crate::colour;
use crate::curve::check_series;
use crate::error::PlotError;
use crate::svg::Num;
use crate::ticks::{Ticks, nice_limits};

/// Points in a plane, such as sequences among two latent variables.
///
/// ```
/// use cistron_plot::{Scatter, Series, scatter};
///
/// let series = [Series { name: "near", points: &[(0.1, 0.7), (0.2, 0.8)] }];
/// let plane = Scatter { title: "Sequences", x_label: "1", y_label: "2", series: &series };
/// assert!(scatter(&plane)?.contains("near"));
/// # Ok::<(), cistron_plot::PlotError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Scatter<'a> {
    /// The heading, broken at blanks where it is long; empty for none.
    pub title: &'a str,
    /// The horizontal axis.
    pub x_label: &'a str,
    /// The vertical axis.
    pub y_label: &'a str,
    /// The points, in the order of the legend; later ones lie above.
    pub series: &'a [Series<'a>],
}

const SIZE: (f64, f64) = (520.0, 520.0);

/// Draws points in a plane as the text of an SVG file. A point with a NaN is left out; of many points each is drawn
/// smaller.
///
/// # Errors
/// [`PlotError::Empty`] without a point, [`PlotError::SeriesValue`] for an infinite number.
///
/// ```
/// use cistron_plot::{PlotError, Scatter, scatter};
///
/// assert!(matches!(scatter(&Scatter::default()), Err(PlotError::Empty { .. })));
/// ```
pub fn scatter(plane: &Scatter<'_>) -> Result<String, PlotError> {
    let points = || plane.series.iter().flat_map(|series| series.points);
    let n = points().count();
    if n == 0 {
        return Err(PlotError::Empty { what: "scatter" });
    }
    for series in plane.series {
        check_series(series.name, series.points.iter().map(|(x, _)| *x))?;
        check_series(series.name, series.points.iter().map(|(_, y)| *y))?;
    }
    let (x, y) = (span(points().map(|(x, _)| *x)), span(points().map(|(_, y)| *y)));
    let (x, y) = (nice_limits(x.0, x.1, 5), nice_limits(y.0, y.1, 5));
    let legend = Legend::new(plane.series, SIZE.0);
    let labels = Labels {
        title: plane.title,
        x: plane.x_label,
        y: plane.y_label,
        x_ticks: Ticks::new(x.0, x.1, 5),
        y_ticks: Ticks::new(y.0, y.1, 5),
        headroom: legend.height(),
    };
    let (axes, mut svg) = Axes::draw(x, y, SIZE, &labels);
    legend.draw(&mut svg, &axes, |colour, _| {
        format!("stroke=\"{colour}\" stroke-width=\"7\" stroke-linecap=\"round\"")
    });
    let width = (120.0 / (n as f64).sqrt()).clamp(2.5, 7.0);
    for (index, series) in plane.series.iter().enumerate() {
        let drawn = series.points.iter().filter(|(x, y)| !x.is_nan() && !y.is_nan());
        let dots = drawn.map(|(x, y)| format!("M{} {}h.01", Num(axes.px(*x)), Num(axes.py(*y))));
        let colour = colour::curve(index).0;
        let style = format!(
            "stroke=\"{colour}\" stroke-width=\"{}\" stroke-linecap=\"round\" stroke-opacity=\".6\" fill=\"none\"",
            Num(width)
        );
        svg.pieces(dots, &style);
    }
    Ok(svg.finish())
}
