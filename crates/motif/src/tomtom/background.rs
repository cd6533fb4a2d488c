//! The null model: how likely the best alignment with a target of some width reaches a score by chance.
//!
//! Every span of query positions that a target can cover has a score distribution: the convolution of its columns'
//! histograms, plus the offset of each position outside.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use std::ops::{Range, RangeInclusive};

use super::instructions::Kernel;
use super::known::KnownSpans;
use super::survival::{Column, Survival, unite, unite_often};

/// The score distributions of one query's columns, and what is asked of them.
pub(super) struct Null<'a> {
    pub(super) columns: Vec<Column<'a>>,
    pub(super) score_bins: usize,
    pub(super) offset: usize,
    pub(super) min_overlap: usize,
    /// The target widths that occur, ascending.
    pub(super) widths: &'a [usize],
    /// The scores of which the p-values are wanted.
    pub(super) scores: RangeInclusive<i32>,
    /// Spans of one-hot sequences, many of which are in other queries, too.
    pub(super) known: Option<KnownSpans<'a>>,
}

impl Kernel for Null<'_> {
    type Output = Background;

    #[inline(always)]
    fn run(mut self) -> Background {
        // A score of 0 or less has the p-value 1 by definition.
        let (lowest, highest) = ((*self.scores.start()).max(1), (*self.scores.end()).max(1));
        let known = self.known.take();
        let mut spans = Spans::new(&self, lowest as usize..=highest as usize);
        spans.run(known);
        let mut state = None;
        let tails = self.widths.iter().map(|&width| spans.tail(width, &mut state)).collect();
        Background { lowest, tails }
    }
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
}

struct Spans<'a> {
    columns: &'a [Column<'a>],
    offset: usize,
    shortest: usize,
    lowest: usize,
    n_scores: usize,
    score_bins: usize,
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
    #[inline(always)]
    fn new(null: &'a Null<'_>, scores: RangeInclusive<usize>) -> Self {
        let width = null.columns.len();
        let widths = &null.widths[..null.widths.partition_point(|w| *w < width)];
        let n_scores = scores.end() - scores.start() + 1;
        let zeros = vec![0.0; n_scores];
        Self {
            columns: &null.columns,
            offset: null.offset,
            shortest: null.min_overlap.min(width),
            lowest: *scores.start(),
            n_scores,
            score_bins: null.score_bins,
            ends: vec![zeros.clone(); widths.len() + 1],
            anywhere: vec![zeros; widths.len()],
            widths,
            full: Vec::new(),
            spare: Survival::default(),
        }
    }

    /// Adds every span that a target can cover.
    #[inline(always)]
    fn run(&mut self, mut known: Option<KnownSpans<'_>>) {
        let width = self.columns.len();
        let longest = self.widths.last().copied().unwrap_or(0);
        let (mut span, mut suffix) = (Survival::default(), Survival::default());
        suffix.restart(self.score_bins);
        for start in (0..width).rev() {
            let reach = if start == 0 { width } else { width.min(start + longest) };
            let from_end = width - start <= longest;
            // What the positions before the span can still add: columns only if it is the suffix that goes on.
            let goes_on = width - start == longest;
            let before = if goes_on { self.most(0..start) } else { start * self.offset };
            span.restart(self.score_bins);
            if let Some(known) = &mut known {
                known.restart();
            }
            for end in start..reach {
                if let Some(known) = &mut known {
                    let goes_on = known.is_longest_next() || end + 1 == reach;
                    if let Some(found) = known.extend(end, self.columns) {
                        self.add(found, start, end + 1);
                        if goes_on {
                            span.copy_from(found);
                        }
                        continue;
                    }
                }
                let beside = before + self.most(end + 1..reach) + (width - reach) * self.offset;
                self.extend(&mut span, end, beside);
                self.add(&span, start, end + 1);
            }
            if start > 0 && from_end {
                std::mem::swap(&mut suffix, &mut span);
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

    /// Adds a column to a span; `beside` is the most that all other positions can add to the score.
    #[inline(always)]
    fn extend(&mut self, span: &mut Survival, column: usize, beside: usize) {
        span.extend(&self.columns[column], self.lowest.saturating_sub(beside), &mut self.spare);
        std::mem::swap(span, &mut self.spare);
    }

    /// Adds the span of positions `start..end` to what it belongs to.
    #[inline(always)]
    fn add(&mut self, span: &Survival, start: usize, end: usize) {
        let (width, n) = (self.columns.len(), end - start);
        let is_end = (start == 0) != (end == width);
        let wider = self.widths.partition_point(|w| *w <= n);
        if n == width {
            self.full = vec![0.0; self.n_scores];
            unite(&mut self.full, span.from(self.lowest));
            return;
        }
        // A score of the whole query is so much higher than that of the span.
        let beside = (width - n) * self.offset;
        let certain = (beside + 1).saturating_sub(self.lowest).min(self.n_scores);
        let values = span.from((self.lowest + certain).saturating_sub(beside));
        let unite = |to: &mut [f64]| {
            let (ones, rest) = to.split_at_mut(certain);
            ones.fill(1.0);
            unite(rest, values);
        };
        if is_end && n >= self.shortest {
            unite(&mut self.ends[wider]);
        }
        if wider > 0 && self.widths[wider - 1] == n {
            unite(&mut self.anywhere[wider - 1]);
        }
    }

    /// Lets each of `ends` stand for all shorter spans at the ends, too.
    #[inline(always)]
    fn accumulate_ends(&mut self) {
        for n in 1..self.ends.len() {
            let (shorter, longer) = self.ends.split_at_mut(n);
            unite(&mut longer[0], &shorter[n - 1]);
        }
    }

    /// The p-values for targets of one width; `state` holds those of the width before, from the query's on.
    #[inline(always)]
    fn tail(&self, width: usize, state: &mut Option<(usize, Vec<f64>)>) -> Vec<f64> {
        /// From so many repeats on, two transcendental functions are faster.
        const FEW: usize = 16;
        let class = self.widths.partition_point(|w| *w < width);
        let query = self.columns.len();
        if width < query {
            let mut tail = self.ends[class].clone();
            unite(&mut tail, &self.anywhere[class]);
            return tail;
        }
        let (done, mut tail) = state.take().unwrap_or_else(|| (query - 1, self.ends[class].clone()));
        if width - done <= FEW {
            (done..width).for_each(|_| unite(&mut tail, &self.full));
        } else {
            unite_often(&mut tail, &self.full, (width - done) as f64);
        }
        *state = Some((width, tail.clone()));
        tail
    }
}
