mod glyph;
mod spans;

use std::num::NonZeroUsize;

use crate::axes::span;
use crate::colour;
use crate::error::PlotError;
use crate::letters::{check_values, count_positions, row_letters};
use crate::strips::Strips;
use crate::svg::{Num, Svg, title_height, title_lines};
use crate::ticks::{Ticks, nice_limits};
use spans::Lanes;
pub use spans::LogoSpan;

/// Letters stacked at each position, as high as their values: attributions, or the information of a motif.
///
/// ```
/// let logo = cistron_plot::Logo { heights: &[0.0, 1.2, 0.0, 0.0, 0.0, 0.0, -0.4, 0.0], ..Default::default() };
/// assert!(cistron_plot::logo(&logo).is_ok());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Logo<'a> {
    /// The heading, broken at blanks where it is long; empty for none.
    pub title: &'a str,
    /// The A letters, each once; `ACGT` by default.
    pub letters: &'a str,
    /// (L, A), position by position: the height of each letter; below 0 it stands under the axis, 0 and NaN draw
    /// nothing.
    pub heights: &'a [f64],
    /// What the heights measure; empty by default.
    pub value_label: &'a str,
    /// The number on the axis of the first position; 0 by default.
    pub first_position: i64,
    /// Positions a strip; by default about 100, more where that would give over ten strips.
    pub positions_per_strip: Option<NonZeroUsize>,
    /// Named stretches drawn as bars below the letters; none by default.
    pub spans: &'a [LogoSpan<'a>],
}

impl Default for Logo<'_> {
    fn default() -> Self {
        Self {
            title: "",
            letters: "ACGT",
            heights: &[],
            value_label: "",
            first_position: 0,
            positions_per_strip: None,
            spans: &[],
        }
    }
}

/// Draws a sequence logo as the text of an SVG file.
///
/// * letters above 0 are stacked upward and letters below 0 downward, the largest furthest from the axis
/// * all strips share one scale
/// * A, C, G, T and U are outlines; other letters are set from the viewer's font and stretched
/// * spans are bars in lanes, so that no two labels meet; one that goes on beyond its strip is drawn as far as the
///   strip goes and marked by `…`; what has no room below twelve lanes, or lies beside the picture, is counted in a note
///
/// # Errors
/// [`PlotError::Empty`] without heights or letters, [`PlotError::Length`] if they do not fit,
/// [`PlotError::RepeatedLetter`], [`PlotError::LetterValue`] for an infinite height.
///
/// ```
/// use cistron_plot::{Logo, logo};
///
/// let picture = logo(&Logo { title: "TA", letters: "TA", heights: &[2.0, 0.0, 0.0, 1.5], ..Logo::default() })?;
/// assert!(picture.contains("<title>TA</title>"));
/// # Ok::<(), cistron_plot::PlotError>(())
/// ```
pub fn logo(logo: &Logo<'_>) -> Result<String, PlotError> {
    let letters = row_letters(logo.letters)?;
    let positions = count_positions(logo.heights, letters.len())?;
    check_values(logo.heights, &letters, logo.first_position)?;
    let totals = logo.heights.chunks(letters.len()).flat_map(|heights| {
        let sum = |sign: f64| heights.iter().filter(|h| **h * sign > 0.0).sum::<f64>();
        [sum(1.0), sum(-1.0)]
    });
    let y = span(totals.chain([0.0]));
    let y = nice_limits(y.0, y.1, 4);
    let chosen = logo.positions_per_strip.map(NonZeroUsize::get);
    let frame = Frame {
        nucleic: letters
            .iter()
            .all(|letter| matches!(letter.to_ascii_uppercase(), 'A' | 'C' | 'G' | 'T' | 'U' | 'N')),
        letters,
        heights: logo.heights,
        y,
        ticks: Ticks::new(y.0, y.1, 4),
        strips: Strips::new(positions, chosen, logo.first_position, WIDEST_LETTER),
        spans: logo.spans,
    };
    Ok(frame.draw(logo.title, logo.value_label))
}

const LEFT: f64 = 60.0;
const RIGHT: f64 = 16.0;
const NARROWEST: f64 = 300.0;
const STRIP: f64 = 90.0;
const PITCH: f64 = STRIP + 36.0;
const WIDEST_LETTER: f64 = 30.0;
/// Room for a note below all strips.
const NOTE: f64 = 18.0;
/// The share of a column that its letter fills.
const LETTER_SHARE: f64 = 0.94;
/// Letters lower than this many pixels would not show.
const LOWEST: f64 = 0.15;

struct Frame<'a> {
    letters: Vec<char>,
    heights: &'a [f64],
    nucleic: bool,
    y: (f64, f64),
    ticks: Ticks,
    strips: Strips,
    spans: &'a [LogoSpan<'a>],
}

impl Frame<'_> {
    fn draw(&self, title: &str, value_label: &str) -> String {
        let width = LEFT + RIGHT + self.strips.width().max(NARROWEST);
        let lines = title_lines(title, width - LEFT);
        let top = title_height(&lines) + 6.0;
        let strips: Vec<(usize, usize)> = (0..self.strips.count())
            .map(|strip| strip * self.strips.per_strip)
            .map(|start| (start, self.strips.per_strip.min(self.strips.positions - start)))
            .collect();
        let lanes: Vec<Lanes> =
            strips.iter().map(|&(start, n)| Lanes::new(self.spans, &self.strips, start, n)).collect();
        let outside = spans::outside(self.spans, &self.strips);
        let height = strips.len() as f64 * PITCH + lanes.iter().map(Lanes::height).sum::<f64>();
        let note = if outside > 0 { NOTE } else { 0.0 };
        let mut svg = Svg::new(width, top + height + note, title);
        svg.title(LEFT, &lines);
        let mut y = top;
        for (&(start, n), lanes) in strips.iter().zip(&lanes) {
            self.strip(&mut svg, y, start, n);
            lanes.draw(&mut svg, (LEFT, y + PITCH - 6.0));
            y += PITCH + lanes.height();
        }
        if outside > 0 {
            let text = format!("{outside} beside these positions");
            svg.text((LEFT, top + height + 8.0), "font-size=\"10\" fill=\"#777\"", text);
        }
        // The label stands beside the letters, not beside what is named below the last of them.
        let height = height - (PITCH - STRIP) - lanes.last().map_or(0.0, Lanes::height);
        svg.upward((14.0, top + height / 2.0), height + 20.0, &self.ticks.axis_title(value_label));
        svg.finish()
    }

    fn py(&self, top: f64, value: f64) -> f64 {
        top + (self.y.1 - value) / (self.y.1 - self.y.0) * STRIP
    }

    /// `n` positions from `start`.
    fn strip(&self, svg: &mut Svg, top: f64, start: usize, n: usize) {
        let width = self.strips.cell * n as f64;
        let ticks = self
            .ticks
            .values
            .iter()
            .map(|value| format!("M{} {}h-4", Num(LEFT - 4.0), Num(self.py(top, *value))));
        let axis = format!("M{} {}v{}", Num(LEFT - 4.0), Num(top), Num(STRIP));
        svg.pieces(ticks.chain([axis]), "stroke=\"#555\" stroke-width=\".8\" fill=\"none\"");
        svg.open_group("text-anchor=\"end\" font-size=\"10\"");
        for (value, label) in self.ticks.values.iter().zip(&self.ticks.labels) {
            svg.text((LEFT - 11.0, self.py(top, *value) + 3.5), "", label);
        }
        svg.close_group();
        for (column, heights) in self.heights.chunks(self.letters.len()).skip(start).take(n).enumerate() {
            self.stack(svg, LEFT + column as f64 * self.strips.cell, top, heights);
        }
        let zero = format!("M{} {}h{}", Num(LEFT), Num(self.py(top, 0.0)), Num(width));
        svg.path(&zero, "stroke=\"#555\" stroke-width=\".6\" fill=\"none\"");
        self.strips.axis(svg, (LEFT, top + STRIP), start, n);
    }

    /// One position: the letters above the axis from small to large, then those below it.
    fn stack(&self, svg: &mut Svg, left: f64, top: f64, heights: &[f64]) {
        for sign in [1.0, -1.0] {
            let mut order: Vec<(f64, char)> = heights
                .iter()
                .copied()
                .zip(self.letters.iter().copied())
                .filter(|(h, _)| h * sign > 0.0)
                .collect();
            order.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
            let mut base = 0.0;
            for (height, letter) in order {
                let next = base + height;
                let (a, b) = (self.py(top, base), self.py(top, next));
                self.letter(svg, letter, [left, a.min(b), self.strips.cell, (b - a).abs()]);
                base = next;
            }
        }
    }

    /// A letter stretched to its box.
    fn letter(&self, svg: &mut Svg, letter: char, [left, top, cell, height]: [f64; 4]) {
        if height < LOWEST {
            return;
        }
        let colour = colour::letter(letter, self.nucleic);
        let (x, width) = (left + cell * (1.0 - LETTER_SHARE) / 2.0, cell * LETTER_SHARE);
        let (x_scale, y_scale) = (width / 100.0, height / 100.0);
        let place =
            |y: f64, y_scale: f64| format!("matrix({x_scale:.4} 0 0 {y_scale:.4} {} {})", Num(x), Num(y));
        if let Some(path) = glyph::outline(letter.to_ascii_uppercase()) {
            let fit = place(top, y_scale);
            svg.path(path, &format!("fill=\"{colour}\" fill-rule=\"evenodd\" transform=\"{fit}\""));
        } else {
            // A capital stands about 0.72 of the font size above the base line; the width is asked for.
            let fit = place(top + height, y_scale / 0.72);
            let style = format!(
                "fill=\"{colour}\" font-size=\"100\" font-weight=\"700\" textLength=\"100\" \
                 lengthAdjust=\"spacingAndGlyphs\" transform=\"{fit}\""
            );
            svg.text((0.0, 0.0), &style, letter);
        }
    }
}
