//! The null model: how likely the best alignment with a target of some width reaches a score by chance.
//!
//! Every span of query positions that a target can cover has a score distribution: the convolution of its columns'
//! histograms, plus the offset of each position outside. Survival functions are convolved as they are, from the
//! lowest score that is asked for upward: only positive numbers are added, so the far tail keeps its precision.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use std::ops::{Range, RangeInclusive};

use super::instructions::Instructions;

/// Sums computed side by side, and the zeros that must follow a survival function.
pub(super) const BLOCK: usize = 32;

/// The score distributions of one query's columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Null<'a> {
    /// The probability of every integer score, column after column.
    pub(super) histograms: &'a [f64],
    pub(super) score_bins: usize,
    pub(super) offset: usize,
    pub(super) min_overlap: usize,
}

/// The p-values of one query by target width and score.
#[derive(Clone, Debug, Default)]
pub(super) struct Background {
    lowest: i32,
    /// For every width that occurs: p-values from the lowest score on.
    tails: Vec<Vec<f64>>,
}

impl Background {
    /// The p-value of the best score with a target strand of the width with this index.
    pub(super) fn p_value(&self, width_class: usize, score: i32) -> f64 {
        if score < self.lowest {
            return 1.0;
        }
        self.tails[width_class][(score - self.lowest) as usize].min(1.0)
    }

    /// Computes the p-values of every score in a range, for every target width that occurs (ascending).
    pub(super) fn new(
        null: Null<'_>,
        widths: &[usize],
        scores: RangeInclusive<i32>,
        instructions: Instructions,
    ) -> Self {
        // A score of 0 or less has the p-value 1 by definition.
        let (lowest, highest) = ((*scores.start()).max(1), (*scores.end()).max(1));
        let mut spans = Spans::new(null, widths, lowest as usize..=highest as usize, instructions);
        spans.run();
        let mut state = None;
        let tails = widths.iter().map(|&width| spans.tail(width, &mut state)).collect();
        Self { lowest, tails }
    }
}

/// One column's histogram without the zeros at its ends.
#[derive(Clone, Copy)]
struct Column<'a> {
    first: usize,
    probabilities: &'a [f64],
    /// The most that the column, or the offset in its place, adds to a score.
    most: usize,
}

impl Column<'_> {
    fn last(&self) -> usize {
        self.first + self.probabilities.len() - 1
    }
}

/// The survival function of one span's own score: element `pad + s` is that of `s`, up to the highest possible one.
#[derive(Clone)]
struct Survival {
    values: Vec<f64>,
    highest: usize,
}

struct Spans<'a> {
    columns: Vec<Column<'a>>,
    offset: usize,
    shortest: usize,
    lowest: usize,
    n_scores: usize,
    /// Elements before that of score 0, all 1.
    pad: usize,
    instructions: Instructions,
    /// The target widths below the query's, ascending.
    widths: &'a [usize],
    /// P(any span at either end of the query reaches a score), apart for spans shorter than the first of `widths`,
    /// shorter than the second, and so on; the last for all others.
    ends: Vec<Vec<f64>>,
    /// The same for spans anywhere, of each of `widths`.
    anywhere: Vec<Vec<f64>>,
    full: Vec<f64>,
    spare: Survival,
}

impl<'a> Spans<'a> {
    fn new(
        null: Null<'a>,
        widths: &'a [usize],
        scores: RangeInclusive<usize>,
        instructions: Instructions,
    ) -> Self {
        let columns: Vec<_> =
            null.histograms.chunks_exact(null.score_bins + 1).map(|h| trim(h, null.offset)).collect();
        let width = columns.len();
        let widths = &widths[..widths.partition_point(|w| *w < width)];
        let n_scores = scores.end() - scores.start() + 1;
        let pad = null.score_bins;
        let size = pad + null.score_bins * (width + 1) + 2 * BLOCK + 1;
        let zeros = vec![0.0; n_scores];
        Self {
            offset: null.offset,
            shortest: null.min_overlap.min(width),
            lowest: *scores.start(),
            n_scores,
            pad,
            instructions,
            ends: vec![zeros.clone(); widths.len() + 1],
            anywhere: vec![zeros; widths.len()],
            widths,
            full: Vec::new(),
            spare: Survival { values: vec![0.0; size], highest: 0 },
            columns,
        }
    }

    /// Adds every span that a target can cover.
    fn run(&mut self) {
        let width = self.columns.len();
        let longest = self.widths.last().copied().unwrap_or(0);
        let mut suffix = self.nothing();
        for start in (0..width).rev() {
            let reach = if start == 0 { width } else { width.min(start + longest) };
            let from_end = width - start <= longest;
            // What the positions before the span can still add: columns only if it is the suffix that goes on.
            let goes_on = width - start == longest;
            let before = if goes_on { self.most(0..start) } else { start * self.offset };
            let mut span = self.nothing();
            for end in start..reach {
                let beside = before + self.most(end + 1..reach) + (width - reach) * self.offset;
                self.extend(&mut span, end, beside);
                self.add(&span, start, end + 1);
            }
            if start > 0 && from_end {
                suffix = span;
            } else if start > 0 {
                self.extend(&mut suffix, start, self.most(0..start));
                self.add(&suffix, start, width);
            }
        }
        self.accumulate_ends();
    }

    /// The most that some positions can add to a score.
    fn most(&self, positions: Range<usize>) -> usize {
        self.columns[positions].iter().map(|column| column.most).sum()
    }

    fn nothing(&self) -> Survival {
        let mut values = vec![0.0; self.spare.values.len()];
        values[..=self.pad].fill(1.0);
        Survival { values, highest: 0 }
    }

    /// Adds a column to a span; `beside` is the most that all other positions can add to the score.
    fn extend(&mut self, span: &mut Survival, column: usize, beside: usize) {
        let column = self.columns[column];
        let lowest = self.lowest.saturating_sub(beside).max(1);
        let highest = span.highest + column.last();
        let out = &mut self.spare.values;
        out[..=self.pad].fill(1.0);
        if lowest <= highest {
            let kernel = Convolution {
                from: &span.values[self.pad + lowest - column.last()..],
                probabilities: column.probabilities,
                n: highest - lowest + 1,
            };
            self.instructions.convolve(&kernel, &mut out[self.pad + lowest..]);
        }
        let end = self.pad + highest + 1;
        let zeros = (end + 2 * BLOCK + self.pad).min(out.len());
        out[end..zeros].fill(0.0);
        self.spare.highest = highest;
        std::mem::swap(span, &mut self.spare);
    }

    /// Adds the span of positions `start..end` to what it belongs to.
    fn add(&mut self, span: &Survival, start: usize, end: usize) {
        let (width, n) = (self.columns.len(), end - start);
        let is_end = (start == 0) != (end == width);
        let wider = self.widths.partition_point(|w| *w <= n);
        if n == width {
            self.full = vec![0.0; self.n_scores];
            unite(&mut self.full, span, (self.lowest, self.pad));
            return;
        }
        // A score of the whole query is so much higher than that of the span.
        let beside = (width - n) * self.offset;
        let unite = |to: &mut [f64]| {
            let certain = (beside + 1).saturating_sub(self.lowest).min(to.len());
            let (ones, rest) = to.split_at_mut(certain);
            ones.fill(1.0);
            unite(rest, span, ((self.lowest + certain).saturating_sub(beside), self.pad));
        };
        if is_end && n >= self.shortest {
            unite(&mut self.ends[wider]);
        }
        if wider > 0 && self.widths[wider - 1] == n {
            unite(&mut self.anywhere[wider - 1]);
        }
    }

    /// Lets each of `ends` stand for all shorter spans at the ends, too.
    fn accumulate_ends(&mut self) {
        for n in 1..self.ends.len() {
            let (shorter, longer) = self.ends.split_at_mut(n);
            unite_values(&mut longer[0], &shorter[n - 1]);
        }
    }

    /// The p-values for targets of one width; `state` holds those of the width before, from the query's on.
    fn tail(&self, width: usize, state: &mut Option<(usize, Vec<f64>)>) -> Vec<f64> {
        /// From so many repeats on, two transcendental functions are faster.
        const FEW: usize = 16;
        let class = self.widths.partition_point(|w| *w < width);
        let query = self.columns.len();
        if width < query {
            let mut tail = self.ends[class].clone();
            unite_values(&mut tail, &self.anywhere[class]);
            return tail;
        }
        let (done, mut tail) = state.take().unwrap_or_else(|| (query - 1, self.ends[class].clone()));
        if width - done <= FEW {
            (done..width).for_each(|_| unite_values(&mut tail, &self.full));
        } else {
            unite_often(&mut tail, &self.full, (width - done) as f64);
        }
        *state = Some((width, tail.clone()));
        tail
    }
}

/// What a survival function and a column's histogram become.
pub(super) struct Convolution<'a> {
    /// Survivals from the lowest wanted score less the column's highest one.
    pub(super) from: &'a [f64],
    /// The column's probabilities, lowest score first.
    pub(super) probabilities: &'a [f64],
    /// The number of wanted scores.
    pub(super) n: usize,
}

/// `out[s] = Σ_k p[k] from[s + K - k]` for the `n` first scores and up to a whole block.
///
/// Sums run from the highest `k` down, one product after the other, for every instruction set.
#[inline(always)]
pub(super) fn convolve(what: &Convolution<'_>, out: &mut [f64]) {
    for start in (0..what.n).step_by(BLOCK) {
        let mut sums = [0.0; BLOCK];
        let from = &what.from[start..start + what.probabilities.len() + BLOCK - 1];
        for (probability, values) in what.probabilities.iter().rev().zip(from.windows(BLOCK)) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += probability * value;
            }
        }
        out[start..start + BLOCK].copy_from_slice(&sums);
    }
}

fn trim(histogram: &[f64], offset: usize) -> Column<'_> {
    let first = histogram.iter().position(|p| *p > 0.0).unwrap_or(0);
    let last = histogram.iter().rposition(|p| *p > 0.0).unwrap_or(0);
    Column { first, probabilities: &histogram[first..=last], most: last.max(offset) }
}

/// Adds the survivals of `lowest` and the following scores to probabilities of independent events.
fn unite(to: &mut [f64], span: &Survival, (lowest, pad): (usize, usize)) {
    let from = (pad + lowest).min(span.values.len());
    let n = (span.highest + 1).saturating_sub(lowest).min(to.len());
    unite_values(&mut to[..n], &span.values[from..]);
}

/// The probability of either of two independent events: `a + b - ab`, without cancellation.
fn unite_values(to: &mut [f64], other: &[f64]) {
    for (p, other) in to.iter_mut().zip(other) {
        *p += other * (1.0 - *p).max(0.0);
    }
}

/// [`unite_values`] with the same other event `n` times.
fn unite_often(to: &mut [f64], other: &[f64], n: f64) {
    for (p, other) in to.iter_mut().zip(other) {
        let any = -(n * (-other.min(1.0)).ln_1p()).exp_m1();
        *p += any * (1.0 - *p).max(0.0);
    }
}
