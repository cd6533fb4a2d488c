use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZeroUsize;

use crate::colour;
use crate::error::{MAX_VALUE, PlotError};
use crate::letters::{check_values, count_positions, row_letters};
use crate::strips::Strips;
use crate::svg::{Num, Svg, title_height, title_lines};
use crate::ticks::Ticks;

/// What saturation mutagenesis found: the change that each letter makes at each position.
///
/// ```
/// use cistron_plot::DeltaHeatMap;
///
/// let map = DeltaHeatMap { title: "chr1:100-102(+)", deltas: &[0.0; 8], ..DeltaHeatMap::default() };
/// assert_eq!(map.letters, "ACGT");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DeltaHeatMap<'a> {
    /// The heading, broken at blanks where it is long; empty for none.
    pub title: &'a str,
    /// The A row letters from top to bottom, each once; `ACGT` by default.
    pub letters: &'a str,
    /// (L, A), position by position: mutant minus reference; NaN = not evaluated, drawn grey.
    pub deltas: &'a [f64],
    /// The L letters of the reference, in either case; a letter that is no row letter (N) marks no cell. `None`
    /// by default: nothing is marked.
    pub reference: Option<&'a str>,
    /// What the deltas measure; `Δ` by default.
    pub value_label: &'a str,
    /// The number on the axis of the first position; 0 by default.
    pub first_position: i64,
    /// The size at which the colour scale ends; larger deltas take its last colour. The largest size in the
    /// deltas by default.
    pub limit: Option<f64>,
    /// Positions a strip; by default about 100, more where that would give over ten strips.
    pub positions_per_strip: Option<NonZeroUsize>,
}

impl Default for DeltaHeatMap<'_> {
    fn default() -> Self {
        Self {
            title: "",
            letters: "ACGT",
            deltas: &[],
            reference: None,
            value_label: "Δ",
            first_position: 0,
            limit: None,
            positions_per_strip: None,
        }
    }
}

/// Draws a heat map of deltas as the text of an SVG file.
///
/// * rows are letters, columns positions; long sequences are cut into strips below one another, each with its
///   own axis
/// * blue is a loss, red a gain, white exactly the middle of the scale, which ends at the same size on both
///   sides; grey is not evaluated
/// * a dot marks the reference letter of evaluated positions; where columns are at least 6 pixels wide the letter stands below as well
///
/// # Errors
/// [`PlotError::Empty`] without deltas or letters, [`PlotError::Length`] if deltas, letters and reference do not
/// fit, [`PlotError::RepeatedLetter`], [`PlotError::LetterValue`] for an infinite delta, [`PlotError::Limit`].
///
/// Source: the colours are the scale `RdBu` of Brewer, doi:10.1179/000870403235002042.
///
/// Cost: time linear in the deltas, at most about 20 bytes of text a cell; equal neighbours are joined.
///
/// ```
/// use cistron_plot::{DeltaHeatMap, PlotError, delta_heat_map};
///
/// let deltas = [0.0, -0.2, 0.1, 0.4, 0.3, 0.0, -0.1, 0.2];
/// let map = DeltaHeatMap { deltas: &deltas, reference: Some("AC"), ..DeltaHeatMap::default() };
/// assert!(delta_heat_map(&map)?.contains("<title>"));
///
/// let short = DeltaHeatMap { deltas: &deltas[1..], ..map };
/// assert!(matches!(delta_heat_map(&short), Err(PlotError::Length { found: 7, .. })));
/// # Ok::<(), PlotError>(())
/// ```
pub fn delta_heat_map(map: &DeltaHeatMap<'_>) -> Result<String, PlotError> {
    let grid = Grid::new(map)?;
    let title = title_lines(map.title, grid.width() - LEFT);
    let top = title_height(&title) + LEGEND;
    let height = top + grid.strip_height() * grid.strips.count() as f64;
    let mut svg = Svg::new(grid.width(), height, map.title);
    svg.title(LEFT, &title);
    grid.legend(&mut svg, top - LEGEND, map.value_label);
    for strip in 0..grid.strips.count() {
        grid.strip(&mut svg, top + strip as f64 * grid.strip_height(), strip);
    }
    Ok(svg.finish())
}

const LEFT: f64 = 34.0;
const RIGHT: f64 = 16.0;
const LEGEND: f64 = 58.0;
const LEGEND_BAR: f64 = 200.0;
const NARROWEST: f64 = 400.0;
const GREY: &str = "#d4d4d4";
/// The narrowest column that has room for the reference letter below it.
const LETTER_ROOM: f64 = 6.0;
const WIDEST_CELL: f64 = 16.0;

/// The checked input and its layout.
struct Grid<'a> {
    letters: Vec<char>,
    deltas: &'a [f64],
    /// The reference letter of each position and its row.
    reference: Vec<(char, Option<usize>)>,
    limit: f64,
    is_clipped: bool,
    has_gaps: bool,
    strips: Strips,
    row: f64,
}

impl<'a> Grid<'a> {
    fn new(map: &DeltaHeatMap<'a>) -> Result<Self, PlotError> {
        let letters = row_letters(map.letters)?;
        let positions = count_positions(map.deltas, letters.len())?;
        let reference = reference_rows(map.reference, &letters, positions)?;
        check_values(map.deltas, &letters, map.first_position)?;
        let largest = map.deltas.iter().filter(|d| !d.is_nan()).fold(0.0_f64, |most, d| most.max(d.abs()));
        let limit = match map.limit {
            Some(limit) if limit > 0.0 && limit <= MAX_VALUE => limit,
            Some(found) => return Err(PlotError::Limit { found }),
            None => largest,
        };
        let chosen = map.positions_per_strip.map(NonZeroUsize::get);
        Ok(Self {
            row: if letters.len() <= 6 { 14.0 } else { 11.0 },
            letters,
            deltas: map.deltas,
            reference,
            // A limit too small for ticks is as good as none.
            limit: if limit < MAX_VALUE.recip() { 0.0 } else { limit },
            is_clipped: largest > limit,
            has_gaps: map.deltas.iter().any(|delta| delta.is_nan()),
            strips: Strips::new(positions, chosen, map.first_position, WIDEST_CELL),
        })
    }

    fn width(&self) -> f64 {
        LEFT + RIGHT + self.strips.width().max(NARROWEST)
    }

    fn shows_letters(&self) -> bool {
        !self.reference.is_empty() && self.strips.cell >= LETTER_ROOM
    }

    fn cells_height(&self) -> f64 {
        self.row * self.letters.len() as f64
    }

    fn strip_height(&self) -> f64 {
        self.cells_height() + if self.shows_letters() { 46.0 } else { 34.0 }
    }

    /// The colour scale with its ticks, and what grey cells and dots mean.
    fn legend(&self, svg: &mut Svg, top: f64, label: &str) {
        let limit = if self.limit > 0.0 { self.limit } else { 1.0 };
        let ticks = Ticks::new(-limit, limit, 5);
        svg.text((LEFT, top + 12.0), "", ticks.axis_title(label));
        let (bar, bar_top) = ([LEFT, top + 18.0, LEGEND_BAR, 10.0], top + 18.0);
        self.scale_bar(svg, bar);
        if self.limit > 0.0 {
            scale_ticks(svg, &ticks, limit, bar, self.is_clipped);
        } else {
            svg.text(
                (LEFT + LEGEND_BAR / 2.0, bar_top + 23.0),
                "text-anchor=\"middle\" font-size=\"10\"",
                "0",
            );
        }
        let mut y = bar_top + 2.0;
        let x = LEFT + LEGEND_BAR + 28.0;
        if !self.reference.is_empty() {
            svg.path(&format!("M{} {}h.01", Num(x + 5.0), Num(y)), &self.dot_style());
            svg.text((x + 16.0, y + 3.5), "font-size=\"10\"", "reference letter");
            y += 16.0;
        }
        if self.has_gaps {
            svg.rect([x, y - 5.0, 10.0, 10.0], &format!("fill=\"{GREY}\""));
            svg.text((x + 16.0, y + 3.5), "font-size=\"10\"", "not evaluated");
        }
    }

    fn scale_bar(&self, svg: &mut Svg, [left, top, width, height]: [f64; 4]) {
        let step = width / f64::from(2 * colour::LEVELS + 1);
        svg.open_group("shape-rendering=\"crispEdges\"");
        for level in -colour::LEVELS..=colour::LEVELS {
            let x = left + f64::from(level + colour::LEVELS) * step;
            let fill = if self.limit > 0.0 { colour::diverging(level) } else { colour::diverging(0) };
            // One pixel more than the step: neighbours overlap, so no ground shines through between them.
            let width = step + if level < colour::LEVELS { 1.0 } else { 0.0 };
            svg.rect([x, top, width, height], &format!("fill=\"{fill}\""));
        }
        svg.close_group();
        svg.rect([left, top, width, height], "fill=\"none\" stroke=\"#777\" stroke-width=\".6\"");
    }

    fn dot_style(&self) -> String {
        let size = (self.strips.cell * 0.45).clamp(1.2, 3.6);
        format!("stroke=\"#333\" stroke-linecap=\"round\" stroke-width=\"{}\"", Num(size))
    }

    fn strip(&self, svg: &mut Svg, top: f64, strip: usize) {
        let start = strip * self.strips.per_strip;
        let n = self.strips.per_strip.min(self.strips.positions - start);
        let (cell, row) = (self.strips.cell, self.row);
        self.cells(svg, top, start, n);
        svg.open_group("text-anchor=\"middle\" font-size=\"10\"");
        for (index, letter) in self.letters.iter().enumerate() {
            svg.text((LEFT - 12.0, top + (index as f64 + 0.5) * row + 3.5), "", letter);
        }
        svg.close_group();
        let frame = [LEFT, top, cell * n as f64, self.cells_height()];
        svg.rect(frame, "fill=\"none\" stroke=\"#777\" stroke-width=\".6\"");
        let mut y = top + self.cells_height();
        self.mark_reference(svg, top, start, n);
        if self.shows_letters() {
            self.write_reference(svg, y + 9.5, start, n);
            y += 12.0;
        }
        self.strips.axis(svg, (LEFT, y), start, n);
    }

    /// The coloured cells, one path a colour, in units of cells; white ones are the ground.
    fn cells(&self, svg: &mut Svg, top: f64, start: usize, n: usize) {
        let mut colours: BTreeMap<Option<i32>, String> = BTreeMap::new();
        for row in 0..self.letters.len() {
            let levels: Vec<Option<i32>> =
                (start..start + n).map(|position| self.level(position, row)).collect();
            let mut column = 0;
            for run in levels.chunk_by(|a, b| a == b) {
                if let Some(&level) = run.first().filter(|level| **level != Some(0)) {
                    // Writing to a string cannot fail.
                    let _ =
                        write!(colours.entry(level).or_default(), "M{column} {row}h{0}v1h-{0}z", run.len());
                }
                column += run.len();
            }
        }
        let (left, top) = (Num(LEFT), Num(top));
        svg.open_group(&format!(
            "transform=\"translate({left} {top}) scale({} {})\" shape-rendering=\"crispEdges\"",
            // More digits than a coordinate has: the error would add up along the strip.
            format_args!("{:.5}", self.strips.cell),
            Num(self.row)
        ));
        for (level, cells) in colours {
            let fill = level.map_or_else(|| GREY.to_owned(), colour::diverging);
            svg.path(&cells, &format!("fill=\"{fill}\""));
        }
        svg.close_group();
    }

    /// The colour step of a cell; `None` if it was not evaluated.
    fn level(&self, position: usize, row: usize) -> Option<i32> {
        let delta = self.deltas.get(position * self.letters.len() + row).copied().unwrap_or(f64::NAN);
        (!delta.is_nan()).then(|| colour::level(delta, self.limit))
    }

    fn is_evaluated(&self, position: usize) -> bool {
        let n = self.letters.len();
        self.deltas.iter().skip(position * n).take(n).any(|delta| !delta.is_nan())
    }

    fn mark_reference(&self, svg: &mut Svg, top: f64, start: usize, n: usize) {
        let mut dots = String::new();
        for (column, (_, row)) in self.reference.iter().skip(start).take(n).enumerate() {
            if let Some(row) = row.filter(|_| self.is_evaluated(start + column)) {
                let x = LEFT + (column as f64 + 0.5) * self.strips.cell;
                let y = top + (row as f64 + 0.5) * self.row;
                let _ = write!(dots, "M{} {}h.01", Num(x), Num(y));
            }
        }
        svg.path(&dots, &self.dot_style());
    }

    fn write_reference(&self, svg: &mut Svg, y: f64, start: usize, n: usize) {
        let size = (self.strips.cell + 1.0).min(10.0);
        svg.open_group(&format!("text-anchor=\"middle\" font-size=\"{}\" fill=\"#555\"", Num(size)));
        for (column, (letter, _)) in self.reference.iter().skip(start).take(n).enumerate() {
            svg.text((LEFT + (column as f64 + 0.5) * self.strips.cell, y), "", letter);
        }
        svg.close_group();
    }
}

/// Numbers below the colour scale; its ends say so if larger deltas exist.
fn scale_ticks(
    svg: &mut Svg,
    ticks: &Ticks,
    limit: f64,
    [left, top, width, height]: [f64; 4],
    clipped: bool,
) {
    let place = |value: f64| left + (0.5 + 0.5 * value / limit) * width;
    let bottom = top + height;
    let marks = ticks.values.iter().map(|value| format!("M{} {}v3", Num(place(*value)), Num(bottom)));
    svg.pieces(marks, "stroke=\"#555\" fill=\"none\"");
    svg.open_group("text-anchor=\"middle\" font-size=\"10\"");
    for (value, label) in ticks.values.iter().zip(&ticks.labels) {
        svg.text((place(*value), bottom + 13.0), "", label);
    }
    svg.close_group();
    if clipped {
        let (before, after) = ((left - 4.0, bottom - 1.5), (left + width + 4.0, bottom - 1.5));
        svg.text(before, "text-anchor=\"end\" font-size=\"10\"", "≤");
        svg.text(after, "font-size=\"10\"", "≥");
    }
}

fn reference_rows(
    reference: Option<&str>,
    letters: &[char],
    positions: usize,
) -> Result<Vec<(char, Option<usize>)>, PlotError> {
    let Some(reference) = reference else { return Ok(Vec::new()) };
    let row_of = |found: char| letters.iter().position(|letter| letter.eq_ignore_ascii_case(&found));
    let rows: Vec<_> =
        reference.chars().map(|letter| (letter.to_ascii_uppercase(), row_of(letter))).collect();
    if rows.len() == positions {
        return Ok(rows);
    }
    let expected = format!("{positions}, one for each position");
    Err(PlotError::Length { what: "reference", found: rows.len(), expected })
}
