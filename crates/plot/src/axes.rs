use crate::svg::{Num, Svg, title_height, title_lines};
use crate::ticks::Ticks;

const LEFT: f64 = 66.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 48.0;
const WIDTH: f64 = 900.0;

/// A frame with two axes, and where its values stand in pixels.
pub(crate) struct Axes {
    /// The values at the left and right edge.
    pub(crate) x: (f64, f64),
    /// The values at the bottom and the top.
    pub(crate) y: (f64, f64),
    top: f64,
    height: f64,
    width: f64,
}

/// The words and numbers around a frame.
pub(crate) struct Labels<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    pub(crate) x_ticks: Ticks,
    pub(crate) y_ticks: Ticks,
    /// Extra room in pixels between title and frame.
    pub(crate) headroom: f64,
}

impl Axes {
    /// Begins a picture whose drawing area is `width` by `height` pixels and draws grid, frame and labels.
    pub(crate) fn draw(
        x: (f64, f64),
        y: (f64, f64),
        (width, height): (f64, f64),
        labels: &Labels<'_>,
    ) -> (Self, Svg) {
        let title = title_lines(labels.title, width);
        let top = title_height(&title) + labels.headroom;
        let axes = Self { x, y, top, height, width };
        let mut svg = Svg::new(LEFT + width + RIGHT, top + height + BOTTOM, labels.title);
        svg.title(LEFT, &title);
        axes.grid(&mut svg, &labels.y_ticks);
        axes.x_axis(&mut svg, &labels.x_ticks, labels.x);
        let place = (20.0, top + height / 2.0);
        svg.upward(place, height + BOTTOM, &labels.y_ticks.axis_title(labels.y));
        (axes, svg)
    }

    /// The size of a drawing area as wide as the page.
    pub(crate) fn page(height: f64) -> (f64, f64) {
        (WIDTH, height)
    }

    pub(crate) fn left() -> f64 {
        LEFT
    }

    pub(crate) fn top(&self) -> f64 {
        self.top
    }

    /// The pixel of a value along the horizontal axis.
    pub(crate) fn px(&self, x: f64) -> f64 {
        LEFT + (x - self.x.0) / (self.x.1 - self.x.0) * self.width
    }

    /// The pixel of a value along the vertical axis.
    pub(crate) fn py(&self, y: f64) -> f64 {
        self.top + (self.y.1 - y) / (self.y.1 - self.y.0) * self.height
    }

    fn grid(&self, svg: &mut Svg, ticks: &Ticks) {
        let lines = ticks
            .values
            .iter()
            .map(|value| format!("M{} {}h{}", Num(LEFT), Num(self.py(*value)), Num(self.width)));
        svg.pieces(lines, "stroke=\"#e4e4e4\" stroke-width=\".8\" fill=\"none\"");
        svg.open_group("text-anchor=\"end\" font-size=\"10\"");
        for (value, label) in ticks.values.iter().zip(&ticks.labels) {
            svg.text((LEFT - 7.0, self.py(*value) + 3.5), "", label);
        }
        svg.close_group();
    }

    fn x_axis(&self, svg: &mut Svg, ticks: &Ticks, label: &str) {
        let bottom = self.top + self.height;
        let frame = format!("M{} {}v{}h{}", Num(LEFT), Num(self.top), Num(self.height), Num(self.width));
        svg.path(&frame, "stroke=\"#555\" stroke-width=\".8\" fill=\"none\"");
        let marks = ticks.values.iter().map(|x| format!("M{} {}v4", Num(self.px(*x)), Num(bottom)));
        svg.pieces(marks, "stroke=\"#555\" fill=\"none\"");
        svg.open_group("text-anchor=\"middle\" font-size=\"10\"");
        for (value, text) in ticks.values.iter().zip(&ticks.labels) {
            svg.text((self.px(*value), bottom + 15.0), "", text);
        }
        svg.close_group();
        let center = LEFT + self.width / 2.0;
        svg.text((center, bottom + 36.0), "text-anchor=\"middle\"", ticks.axis_title(label));
    }
}

/// The span of finite values, widened where they are all equal so that an axis has an extent.
pub(crate) fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| !value.is_nan())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let size = low.abs().max(high.abs());
    // Below this share of their size, values cannot be told apart by rounded ticks.
    if high - low > size * 1e-9 && high - low > 1e-290 {
        return (low, high);
    }
    let margin = if size > 1e-280 { size * 0.1 } else { 1.0 };
    (low - margin, high + margin)
}
