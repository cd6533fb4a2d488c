//! Named spans below a logo, in lanes so that no two labels meet.

use crate::strips::Strips;
use crate::svg::{Num, Svg};

/// A named stretch of positions under a [`Logo`](crate::Logo), such as a motif that was found there.
#[derive(Clone, Copy, Debug)]
pub struct LogoSpan<'a> {
    /// The name written below the bar.
    pub label: &'a str,
    /// The first position, as numbered on the axis.
    pub start: i64,
    /// One past the last position.
    pub end: i64,
}

/// The height of a lane: a bar and its label.
const LANE: f64 = 22.0;
/// Lanes of a strip; what needs more is counted in a note.
const MOST_LANES: usize = 12;
/// The width of a letter of a label, by estimate.
const LETTER: f64 = 6.1;
/// The distance of labels of one lane.
const GAP: f64 = 6.0;

/// A bar in pixels from the left of its strip, with its label.
struct Bar {
    from: f64,
    to: f64,
    text_at: f64,
    text: String,
    lane: usize,
}

/// What stands below one strip.
pub(super) struct Lanes {
    bars: Vec<Bar>,
    count: usize,
    note: Option<String>,
}

impl Lanes {
    /// Lays out the spans over `n` positions from `start`; those that begin or go on beyond are marked by `…`.
    pub(super) fn new(spans: &[LogoSpan<'_>], strips: &Strips, start: usize, n: usize) -> Self {
        let (first, last) = (strips.number(start), strips.number(start + n));
        let mut inside: Vec<&LogoSpan<'_>> = spans
            .iter()
            .filter(|span| span.start < last && span.end > first && span.start < span.end)
            .collect();
        inside.sort_by_key(|span| (span.start, span.end));
        let width = strips.cell * n as f64;
        let mut ends: Vec<f64> = Vec::new();
        let (mut bars, mut more) = (Vec::new(), 0);
        for span in inside {
            let pixel = |position: i64| position.clamp(first, last).abs_diff(first) as f64 * strips.cell;
            let (from, to) = (pixel(span.start), pixel(span.end));
            let (before, behind) =
                (if span.start < first { "…" } else { "" }, if span.end > last { "…" } else { "" });
            let text = format!("{before}{}{behind}", span.label);
            let text_width = LETTER * text.chars().count() as f64;
            // A label that would leave the strip begins further left.
            let text_at = from.min(width.max(super::NARROWEST) - text_width).max(0.0);
            let lane = ends.iter().position(|end| *end <= text_at.min(from)).unwrap_or(ends.len());
            if lane >= MOST_LANES {
                more += 1;
                continue;
            }
            let end = to.max(text_at + text_width) + GAP;
            match ends.get_mut(lane) {
                Some(last) => *last = end,
                None => ends.push(end),
            }
            bars.push(Bar { from, to, text_at, text, lane });
        }
        let note = (more > 0).then(|| format!("and {more} more"));
        Self { bars, count: ends.len(), note }
    }

    pub(super) fn height(&self) -> f64 {
        let lanes = self.count + usize::from(self.note.is_some());
        if lanes == 0 { 0.0 } else { LANE * lanes as f64 + 6.0 }
    }

    pub(super) fn draw(&self, svg: &mut Svg, (left, top): (f64, f64)) {
        if self.count == 0 {
            return;
        }
        let bar = |bar: &Bar| {
            let y = top + LANE * bar.lane as f64;
            format!(
                "M{} {}H{}",
                Num(left + bar.from + 1.0),
                Num(y),
                Num(left + (bar.to - 1.0).max(bar.from + 1.5))
            )
        };
        svg.pieces(self.bars.iter().map(bar), "stroke=\"#355070\" stroke-width=\"4\" fill=\"none\"");
        svg.open_group("font-size=\"10\"");
        for bar in &self.bars {
            svg.text((left + bar.text_at, top + LANE * bar.lane as f64 + 13.0), "", &bar.text);
        }
        if let Some(note) = &self.note {
            svg.text((left, top + LANE * self.count as f64 + 8.0), "fill=\"#777\"", note);
        }
        svg.close_group();
    }
}

/// How many spans share no position with the picture.
pub(super) fn outside(spans: &[LogoSpan<'_>], strips: &Strips) -> usize {
    let (first, last) = (strips.number(0), strips.number(strips.positions));
    spans.iter().filter(|span| span.end <= first || span.start >= last || span.start >= span.end).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_one_lane_do_not_meet_and_the_rest_is_counted() {
        let strips = Strips::new(100, None, 0, 9.0);
        let spans: Vec<LogoSpan<'_>> =
            (0..40).map(|i| LogoSpan { label: "a name of some length", start: i - 3, end: i + 5 }).collect();
        let lanes = Lanes::new(&spans, &strips, 0, 100);
        for (i, a) in lanes.bars.iter().enumerate() {
            for b in lanes.bars.iter().skip(i + 1).filter(|b| b.lane == a.lane) {
                let end = |bar: &Bar| bar.to.max(bar.text_at + LETTER * bar.text.chars().count() as f64);
                assert!(end(a) <= b.text_at.min(b.from), "{} {}", a.text, b.text);
            }
        }
        let more = lanes.note.as_ref().unwrap();
        assert_eq!(more, &format!("and {} more", 40 - lanes.bars.len()));
        assert!(lanes.bars[0].text.starts_with('…'));
    }

    #[test]
    fn spans_beside_the_picture_are_counted() {
        let strips = Strips::new(10, None, 100, 9.0);
        let span = |start, end| LogoSpan { label: "x", start, end };
        let spans = [span(90, 100), span(110, 120), span(99, 101), span(105, 105), span(109, 200)];
        assert_eq!(outside(&spans, &strips), 3);
        assert_eq!(Lanes::new(&spans, &strips, 0, 10).bars.len(), 2);
    }
}
