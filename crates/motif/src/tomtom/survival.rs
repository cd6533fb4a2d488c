//! Survival functions of sums of columns' scores.
//!
//! They are convolved as they are, from the lowest score that is asked for upward: only positive numbers are added,
//! so the far tail keeps its precision.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use std::ops::RangeInclusive;

/// Sums computed side by side.
const BLOCK: usize = 32;

/// One column's histogram without the zeros at its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column<'a> {
    /// The highest score that any column can have.
    pub(super) limit: usize,
    first: usize,
    probabilities: &'a [f64],
    /// The least and the most that the column, or the offset in its place, adds to a score.
    pub(super) least: usize,
    pub(super) most: usize,
}

impl<'a> Column<'a> {
    pub(super) fn new(histogram: &'a [f64], offset: usize) -> Self {
        let first = histogram.iter().position(|p| *p > 0.0).unwrap_or(0);
        let last = histogram.iter().rposition(|p| *p > 0.0).unwrap_or(0);
        Self {
            limit: histogram.len() - 1,
            first,
            probabilities: &histogram[first..=last],
            least: first.min(offset),
            most: last.max(offset),
        }
    }

    fn last(&self) -> usize {
        self.first + self.probabilities.len() - 1
    }
}

/// The probability that some columns' scores add up to at least `s`.
#[derive(Clone, Debug, Default)]
pub(super) struct Survival {
    /// Element `pad + s` is that of `s`; 1 before, zeros behind.
    values: Vec<f64>,
    /// At least the highest score of a column.
    pad: usize,
    /// The score that is always reached, and the highest one that is possible and asked for.
    certain: usize,
    highest: usize,
}

impl Survival {
    /// No columns yet, each with a score of at most `pad`.
    #[inline(always)]
    pub(super) fn restart(&mut self, pad: usize) {
        self.reserve(pad, 0);
        self.certain = 0;
        self.values[..=pad].fill(1.0);
        self.end();
    }

    #[inline(always)]
    fn reserve(&mut self, pad: usize, highest: usize) {
        (self.pad, self.highest) = (pad, highest);
        let size = size(pad, highest);
        if self.values.len() < size {
            self.values.resize(size, 0.0);
        }
    }

    #[inline(always)]
    fn end(&mut self) {
        let end = self.pad + self.highest + 1;
        self.values[end..end + self.pad + 2 * BLOCK].fill(0.0);
    }

    /// Makes `out` the survival function with one more column, for the `wanted` scores.
    ///
    /// Of this one there must be the scores from the least wanted one less the column's highest to the most less its
    /// lowest.
    #[inline(always)]
    pub(super) fn extend(&self, column: &Column<'_>, wanted: RangeInclusive<usize>, out: &mut Self) {
        let pad = self.pad;
        out.certain = self.certain + column.first;
        out.reserve(pad, (self.highest + column.last()).min(*wanted.end()).max(out.certain));
        out.values[..=pad + out.certain].fill(1.0);
        let lowest = (*wanted.start()).max(out.certain + 1);
        if lowest <= out.highest {
            let from = &self.values[pad + lowest - column.last()..];
            let n = out.highest - lowest + 1;
            convolve(from, column.probabilities, n, &mut out.values[pad + lowest..]);
        }
        out.end();
    }

    /// The values of `lowest` and the following scores, up to the highest one.
    #[inline(always)]
    pub(super) fn from(&self, lowest: usize) -> &[f64] {
        self.values.get(self.pad + lowest..=self.pad + self.highest).unwrap_or(&[])
    }

    #[inline(always)]
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.reserve(other.pad, other.highest);
        self.certain = other.certain;
        let size = size(self.pad, self.highest);
        self.values[..size].copy_from_slice(&other.values[..size]);
    }

    /// How many numbers it holds.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}

/// How many numbers there are with the zeros that the next convolution reads and what it writes to fill its last block.
fn size(pad: usize, highest: usize) -> usize {
    2 * pad + highest + 1 + 2 * BLOCK
}

/// `out[s] = Σ_k p[k] from[s + K - k]` for the `n` first scores and up to a whole block.
///
/// Sums run from the highest `k` down, one product after the other, for every instruction set.
#[inline(always)]
fn convolve(from: &[f64], probabilities: &[f64], n: usize, out: &mut [f64]) {
    for start in (0..n).step_by(BLOCK) {
        let mut sums = [0.0; BLOCK];
        let from = &from[start..start + probabilities.len() + BLOCK - 1];
        for (probability, values) in probabilities.iter().rev().zip(from.windows(BLOCK)) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += probability * value;
            }
        }
        out[start..start + BLOCK].copy_from_slice(&sums);
    }
}

/// Adds probabilities of independent events: `a + b - ab`, without cancellation.
#[inline(always)]
pub(super) fn unite(to: &mut [f64], other: &[f64]) {
    for (p, other) in to.iter_mut().zip(other) {
        let free = 1.0 - *p;
        *p += other * if free > 0.0 { free } else { 0.0 };
    }
}

/// [`unite`] with the same other event `n` times.
#[inline(always)]
pub(super) fn unite_often(to: &mut [f64], other: &[f64], n: f64) {
    for (p, other) in to.iter_mut().zip(other) {
        let any = -(n * (-other.min(1.0)).ln_1p()).exp_m1();
        *p += any * (1.0 - *p).max(0.0);
    }
}
