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
    pub(super) tables: &'a mut Tables,
}

/// What a null model fills, kept from one query to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    /// P(any span at either end of the query reaches a score), apart for spans shorter than the first of `widths`,
    /// shorter than the second, and so on; the last for all others.
    ends: Vec<Vec<f64>>,
    /// The same for spans anywhere, of each of `widths`.
    anywhere: Vec<Vec<f64>>,
    /// That of the whole query.
    full: Vec<f64>,
    /// P-values for each target width.
    tails: Vec<Vec<f64>>,
    span: Survival,
    suffix: Survival,
    spare: Survival,
}

impl<'a> Kernel for Null<'a> {
    type Output = Background<'a>;

    #[inline(always)]
    fn run(mut self) -> Background<'a> {
        // A score of 0 or less has the p-value 1 by definition.
        let (lowest, highest) = ((*self.scores.start()).max(1), (*self.scores.end()).max(1));
        let known = self.known.take();
        let mut tables = std::mem::take(self.tables);
        let mut tails = std::mem::take(&mut tables.tails);
        tails.resize_with(self.widths.len(), Vec::new);
        let mut spans = Spans::new(&self, lowest as usize..=highest as usize, tables);
        spans.run(known);
        let mut narrower = None;
        for (at, &width) in self.widths.iter().enumerate() {
            let (before, own) = tails.split_at_mut(at);
            spans.tail(width, narrower.zip(before.last()), &mut own[0]);
            narrower = Some(width);
        }
        *self.tables = Tables { tails, ..spans.tables };
        Background { lowest, tails: &self.tables.tails }
    }
}

/// The p-values of one query by target width and score.
#[derive(Clone, Copy, Debug)]
pub(super) struct Background<'a> {
    lowest: i32,
    /// For every width that occurs: p-values from the lowest score on.
    tails: &'a [Vec<f64>],
}

impl Background<'_> {
    /// The p-value of the best score with a target strand of the width with this index.
    pub(super) fn p_value(&self, width_class: usize, score: i32) -> f64 {
        if score < self.lowest {
            return 1.0;
        }
        self.tails[width_class][(score - self.lowest) as usize].min(1.0)
    }
}

/// Makes `n` lists of `length` zeros.
fn zeros(lists: &mut Vec<Vec<f64>>, n: usize, length: usize) {
    lists.resize_with(n, Vec::new);
    for list in lists {
        list.clear();
        list.resize(length, 0.0);
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
    tables: Tables,
}

impl<'a> Spans<'a> {
    #[inline(always)]
    fn new(null: &'a Null<'_>, scores: RangeInclusive<usize>, mut tables: Tables) -> Self {
        let width = null.columns.len();
        let widths = &null.widths[..null.widths.partition_point(|w| *w < width)];
        let n_scores = scores.end() - scores.start() + 1;
        zeros(&mut tables.ends, widths.len() + 1, n_scores);
        zeros(&mut tables.anywhere, widths.len(), n_scores);
        Self {
            columns: &null.columns,
            offset: null.offset,
            shortest: null.min_overlap.min(width),
            lowest: *scores.start(),
            n_scores,
            score_bins: null.score_bins,
            widths,
            tables,
        }
    }

    /// Adds every span that a target can cover.
    #[inline(always)]
    fn run(&mut self, mut known: Option<KnownSpans<'_>>) {
        let width = self.columns.len();
        let longest = self.widths.last().copied().unwrap_or(0);
        let mut span = std::mem::take(&mut self.tables.span);
        let mut suffix = std::mem::take(&mut self.tables.suffix);
        suffix.restart(self.score_bins);
        for start in (0..width).rev() {
            let reach = if start == 0 { width } else { width.min(start + longest) };
            let from_end = width - start <= longest;
            // What the positions before the span can still add: columns only if it is the suffix that goes on.
            let goes_on = width - start == longest;
            let before =
                if goes_on { self.added(0..start) } else { (start * self.offset, start * self.offset) };
            span.restart(self.score_bins);
            if let Some(known) = &mut known {
                known.restart();
            }
            for end in start..reach {
                if let Some(known) = &mut known {
                    let is_last = end + 1 == reach;
                    let is_extended = if is_last { goes_on } else { known.is_longest_next() };
                    if let Some(found) = known.extend(end, self.columns) {
                        self.add(found, start, end + 1);
                        if is_extended {
                            span.copy_from(found);
                        }
                        continue;
                    }
                }
                let (behind, after) = (self.added(end + 1..reach), (width - reach) * self.offset);
                self.extend(&mut span, end, (before.0 + behind.0 + after, before.1 + behind.1 + after));
                self.add(&span, start, end + 1);
            }
            if start > 0 && from_end {
                std::mem::swap(&mut suffix, &mut span);
            } else if start > 0 {
                self.extend(&mut suffix, start, self.added(0..start));
                self.add(&suffix, start, width);
            }
        }
        self.tables.span = span;
        self.tables.suffix = suffix;
        self.accumulate_ends();
    }

    /// The least and the most that some positions can add to a score.
    fn added(&self, positions: Range<usize>) -> (usize, usize) {
        let columns = || self.columns[positions.clone()].iter();
        (columns().map(|column| column.least).sum(), columns().map(|column| column.most).sum())
    }

    /// Adds a column to a span; `beside` is the least and the most that all other positions can add to the score.
    #[inline(always)]
    fn extend(&mut self, span: &mut Survival, column: usize, beside: (usize, usize)) {
        let highest = self.lowest + self.n_scores - 1;
        let wanted = self.lowest.saturating_sub(beside.1)..=highest.saturating_sub(beside.0);
        span.extend(&self.columns[column], wanted, &mut self.tables.spare);
        std::mem::swap(span, &mut self.tables.spare);
    }

    /// Adds the span of positions `start..end` to what it belongs to.
    #[inline(always)]
    fn add(&mut self, span: &Survival, start: usize, end: usize) {
        let (width, n) = (self.columns.len(), end - start);
        let is_end = (start == 0) != (end == width);
        let wider = self.widths.partition_point(|w| *w <= n);
        if n == width {
            self.tables.full.clear();
            self.tables.full.resize(self.n_scores, 0.0);
            unite(&mut self.tables.full, span.from(self.lowest));
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
            unite(&mut self.tables.ends[wider]);
        }
        if wider > 0 && self.widths[wider - 1] == n {
            unite(&mut self.tables.anywhere[wider - 1]);
        }
    }

    /// Lets each of `ends` stand for all shorter spans at the ends, too.
    #[inline(always)]
    fn accumulate_ends(&mut self) {
        for n in 1..self.tables.ends.len() {
            let (shorter, longer) = self.tables.ends.split_at_mut(n);
            unite(&mut longer[0], &shorter[n - 1]);
        }
    }

    /// Fills the p-values for targets of one width, from those of the next narrower one.
    #[inline(always)]
    fn tail(&self, width: usize, narrower: Option<(usize, &Vec<f64>)>, tail: &mut Vec<f64>) {
        /// From so many repeats on, two transcendental functions are faster.
        const FEW: usize = 16;
        let Tables { ends, anywhere, full, .. } = &self.tables;
        let class = self.widths.partition_point(|w| *w < width);
        let query = self.columns.len();
        if width < query {
            tail.clone_from(&ends[class]);
            unite(tail, &anywhere[class]);
            return;
        }
        let (done, before) = narrower.filter(|(done, _)| *done >= query).unwrap_or((query - 1, &ends[class]));
        tail.clone_from(before);
        if width - done <= FEW {
            (done..width).for_each(|_| unite(tail, full));
        } else {
            unite_often(tail, full, (width - done) as f64);
        }
    }
}
