use std::collections::BTreeSet;
use std::fmt::Write;

use crate::axes::span;
use crate::colour;
use crate::curve::check_series;
use crate::error::PlotError;
use crate::five::FiveNumbers;
use crate::svg::{Num, Svg, title_height, title_lines};
use crate::ticks::{Ticks, nice_limits};

/// The values of two groups in one panel of a [`GroupChart`], such as the effects of variants on one track.
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupPanel<'a> {
    /// The name above the panel.
    pub name: &'a str,
    /// A line below the name, such as a p-value; empty for none.
    pub note: &'a str,
    /// The values of the first group; NaN = not evaluated, left out.
    pub first: &'a [f64],
    /// The values of the second.
    pub second: &'a [f64],
}

/// How the values of two groups lie beside each other, in a panel for each of several tracks.
///
/// ```
/// use cistron_plot::{GroupChart, GroupPanel, group_chart};
///
/// let panels = [GroupPanel { name: "K562", first: &[0.4, 0.9], second: &[0.1, 0.2, 0.0], ..GroupPanel::default() }];
/// let chart = GroupChart { names: ["functional", "other"], panels: &panels, ..GroupChart::default() };
/// assert!(group_chart(&chart)?.contains("n = 3"));
/// # Ok::<(), cistron_plot::PlotError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupChart<'a> {
    /// The heading, broken at blanks where it is long; empty for none.
    pub title: &'a str,
    /// The names of the first and the second group, for the legend.
    pub names: [&'a str; 2],
    /// What the values measure; empty by default.
    pub value_label: &'a str,
    /// The panels, four a row.
    pub panels: &'a [GroupPanel<'a>],
}

/// Draws two groups of values side by side as the text of an SVG file.
///
/// * a dot for each value, moved sideways so that neighbours are told apart; in a group of over a thousand values only
///   for those beyond the whiskers, one a pixel
/// * a box from the first to the third quartile (between two values by their distance) with a line at the median, and
///   whiskers to the last value within 1.5 heights of the box
/// * each panel has an axis of its own, which spans its values and ends at round numbers; below each group stands how
///   many values it has
///
/// # Errors
/// [`PlotError::Empty`] without a panel, [`PlotError::SeriesValue`] for an infinite value.
///
/// Source: Tukey 1977, Exploratory Data Analysis, chapter 2.
///
/// ```
/// use cistron_plot::{GroupChart, GroupPanel, PlotError, group_chart};
///
/// let panels = [GroupPanel { name: "HepG2", first: &[0.4, f64::INFINITY], ..GroupPanel::default() }];
/// let error = group_chart(&GroupChart { panels: &panels, ..GroupChart::default() });
/// assert!(matches!(error, Err(PlotError::SeriesValue { index: 1, .. })));
/// ```
pub fn group_chart(chart: &GroupChart<'_>) -> Result<String, PlotError> {
    if chart.panels.is_empty() {
        return Err(PlotError::Empty { what: "group chart" });
    }
    for panel in chart.panels {
        check_series(panel.name, panel.first.iter().copied())?;
        check_series(panel.name, panel.second.iter().copied())?;
    }
    let columns = chart.panels.len().min(MOST_COLUMNS);
    let width = (MARGIN * 2.0 + PANEL.0 * columns as f64).max(NARROWEST);
    let title = title_lines(chart.title, width - 2.0 * MARGIN);
    let top = title_height(&title) + LEGEND;
    let rows = chart.panels.len().div_ceil(columns);
    let mut svg = Svg::new(width, top + rows as f64 * PANEL.1, chart.title);
    svg.title(MARGIN, &title);
    legend(&mut svg, top - LEGEND, chart.names);
    for (index, panel) in chart.panels.iter().enumerate() {
        let place = ((index % columns) as f64, (index / columns) as f64);
        let corner = (MARGIN + place.0 * PANEL.0, top + place.1 * PANEL.1);
        Frame::new(panel, corner).draw(&mut svg, panel, chart.value_label);
    }
    Ok(svg.finish())
}

const MARGIN: f64 = 14.0;
const LEGEND: f64 = 26.0;
const MOST_COLUMNS: usize = 4;
const NARROWEST: f64 = 320.0;
/// The width and height of a panel with its words.
const PANEL: (f64, f64) = (232.0, 268.0);
/// The left, top, width and height of the frame inside its panel.
const FRAME: [f64; 4] = [56.0, 40.0, 160.0, 190.0];
/// Half the width of a box, and how far dots go to the side.
const HALF_BOX: f64 = 24.0;
const JITTER: f64 = 19.0;
/// In a larger group only values beyond the whiskers have dots.
const MOST_DOTS: usize = 1000;

fn legend(svg: &mut Svg, top: f64, names: [&str; 2]) {
    let mut x = MARGIN;
    for (index, name) in names.into_iter().enumerate() {
        let (colour, _) = colour::curve(index);
        svg.rect([x, top + 3.0, 10.0, 10.0], &format!("fill=\"{colour}\""));
        svg.text((x + 16.0, top + 12.0), "", name);
        x += 44.0 + 6.4 * name.chars().count() as f64;
    }
}

/// Where the values of a panel stand.
struct Frame {
    left: f64,
    top: f64,
    /// The values at the bottom and the top.
    y: (f64, f64),
}

impl Frame {
    fn new(panel: &GroupPanel<'_>, (left, top): (f64, f64)) -> Self {
        let y = span(panel.first.iter().chain(panel.second).copied());
        Self { left: left + FRAME[0], top: top + FRAME[1], y: nice_limits(y.0, y.1, 5) }
    }

    fn py(&self, value: f64) -> f64 {
        self.top + (self.y.1 - value) / (self.y.1 - self.y.0) * FRAME[3]
    }

    fn draw(&self, svg: &mut Svg, panel: &GroupPanel<'_>, value_label: &str) {
        let [_, above, width, height] = FRAME;
        let (left, bottom) = (self.left, self.top + height);
        svg.text((left, self.top - above + 16.0), "font-size=\"12\" font-weight=\"600\"", panel.name);
        if !panel.note.is_empty() {
            svg.text((left, self.top - 10.0), "font-size=\"10\" fill=\"#555\"", panel.note);
        }
        self.grid(svg, value_label);
        let sides = format!("M{} {}v{}h{}", Num(left), Num(self.top), Num(height), Num(width));
        svg.path(&sides, "stroke=\"#555\" stroke-width=\".8\" fill=\"none\"");
        for (index, values) in [panel.first, panel.second].into_iter().enumerate() {
            let x = left + width * (0.25 + 0.5 * index as f64);
            let mut ascending: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
            ascending.sort_by(f64::total_cmp);
            let n = ascending.len();
            svg.text((x, bottom + 15.0), "text-anchor=\"middle\" font-size=\"10\"", format_args!("n = {n}"));
            if let Some(five) = FiveNumbers::new(&ascending) {
                let (colour, _) = colour::curve(index);
                self.dots(svg, x, (values, n), five, colour);
                self.bar(svg, x, five, colour);
            }
        }
    }

    fn grid(&self, svg: &mut Svg, label: &str) {
        let [_, _, width, height] = FRAME;
        let ticks = Ticks::new(self.y.0, self.y.1, 5);
        let lines =
            ticks.values.iter().map(|y| format!("M{} {}h{}", Num(self.left), Num(self.py(*y)), Num(width)));
        svg.pieces(lines, "stroke=\"#e4e4e4\" stroke-width=\".8\" fill=\"none\"");
        svg.open_group("text-anchor=\"end\" font-size=\"10\"");
        for (value, text) in ticks.values.iter().zip(&ticks.labels) {
            svg.text((self.left - 7.0, self.py(*value) + 3.5), "", text);
        }
        svg.close_group();
        let place = (self.left - 42.0, self.top + height / 2.0);
        svg.upward(place, height + 20.0, &ticks.axis_title(label));
    }

    fn dots(&self, svg: &mut Svg, x: f64, (values, n): (&[f64], usize), five: FiveNumbers, colour: &str) {
        let values = values.iter().filter(|value| !value.is_nan());
        let mut dots = String::new();
        // Writing to a string cannot fail.
        if n <= MOST_DOTS {
            for (index, value) in values.enumerate() {
                let _ = write!(dots, "M{} {}h.01", Num(x + JITTER * sideways(index)), Num(self.py(*value)));
            }
        } else {
            let beyond = values.filter(|value| **value < five.low || **value > five.high);
            let pixels: BTreeSet<i64> = beyond.map(|value| self.py(*value).round() as i64).collect();
            for y in pixels {
                let _ = write!(dots, "M{} {y}h.01", Num(x));
            }
        }
        let style = "stroke-width=\"4\" stroke-linecap=\"round\" stroke-opacity=\".5\" fill=\"none\"";
        svg.path(&dots, &format!("stroke=\"{colour}\" {style}"));
    }

    fn bar(&self, svg: &mut Svg, x: f64, five: FiveNumbers, colour: &str) {
        let FiveNumbers { low, first, median, third, high } = five;
        let [low, first, median, third, high] = [low, first, median, third, high].map(|value| self.py(value));
        let style =
            format!("fill=\"{colour}\" fill-opacity=\".13\" stroke=\"{colour}\" stroke-width=\"1.2\"");
        svg.rect([x - HALF_BOX, third, 2.0 * HALF_BOX, first - third], &style);
        let whiskers =
            format!("M{0} {1}V{2}M{0} {3}V{4}", Num(x), Num(first), Num(low), Num(third), Num(high));
        svg.path(&whiskers, &format!("stroke=\"{colour}\" stroke-width=\"1.2\" fill=\"none\""));
        let line = format!("M{} {}h{}", Num(x - HALF_BOX), Num(median), Num(2.0 * HALF_BOX));
        svg.path(&line, "stroke=\"#222\" stroke-width=\"2\" fill=\"none\"");
    }
}

/// A place from -1 to 1 for a dot: those of any run of neighbours lie evenly.
fn sideways(index: usize) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    2.0 * ((index + 1) as f64 * GOLDEN).fract() - 1.0
}
