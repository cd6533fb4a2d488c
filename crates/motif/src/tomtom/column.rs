//! One query column against every distinct target column: scores, their median, and how they become integers.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use super::distance::{Finish, Side};
use super::instructions::Kernel;
use super::spread::{Search, Space};
use super::targets::{Columns, TomtomTargets};

/// Columns are scored this many at a time, so that partial sums stay in the nearest cache.
const TILE: usize = 512;

/// The extremes and the median of the scores of one query column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) median: f64,
}

/// The whole part of a number from 0 to 2^20, as every instruction set computes it several at a time.
#[inline(always)]
pub(super) fn whole(x: f64) -> u32 {
    /// Numbers of this size have no bits after the point.
    const SHIFT: f64 = (1_u64 << 52) as f64;
    let rounded = x + SHIFT;
    (rounded.to_bits() as u32).wrapping_sub(u32::from(rounded - SHIFT > x))
}

/// What comparing a query column fills, one item a distinct column.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    search: Space,
    scores: Vec<f64>,
    bins: Vec<u16>,
}

/// Compares a query column with every distinct column.
pub(super) struct Measure<'a> {
    pub(super) targets: &'a TomtomTargets,
    pub(super) query: &'a Side,
    pub(super) scratch: &'a mut Scratch,
}

impl Kernel for Measure<'_> {
    type Output = Spread;

    #[inline(always)]
    fn run(self) -> Spread {
        let Self { targets, query, scratch } = self;
        let (columns, n_bins) = (&targets.columns, targets.options.median_bins);
        let finish = targets.options.distance.finish();
        if finish == Finish::NegativeRoot {
            let search = Search { columns, cells: targets.cells(), query, n_bins };
            if let Some(spread) = search.run(&mut scratch.search) {
                return spread;
            }
        }
        scratch.bins.resize(columns.len(), 0);
        scratch.scores.resize(columns.len(), 0.0);
        let (low, high) = score(columns, query, finish, &mut scratch.scores);
        let median = median(columns, &scratch.scores, (low, high), n_bins, &mut scratch.bins);
        Spread { low, high, median }
    }
}

/// Scores a query column with every distinct column; returns the lowest and the highest score.
///
/// The order of the additions is the peer's, and part of the result: the score of equal columns may be off zero.
#[inline(always)]
pub(super) fn score(columns: &Columns, query: &Side, finish: Finish, scores: &mut [f64]) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for (tile, scores) in scores.chunks_mut(TILE).enumerate() {
        let start = tile * TILE;
        let end = start + scores.len();
        for (score, constant) in scores.iter_mut().zip(&columns.constants[start..end]) {
            *score = query.constant + constant;
        }
        for (weight, weights) in query.weights.iter().zip(&columns.weights) {
            for (score, target) in scores.iter_mut().zip(&weights[start..end]) {
                *score -= weight * target;
            }
        }
        for score in scores.iter_mut() {
            *score = finish.apply(*score);
        }
        let (least, most) = extremes(scores);
        low = low.min(least);
        high = high.max(most);
    }
    (low, high)
}

#[inline(always)]
fn extremes(values: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = ([f64::INFINITY; 16], [f64::NEG_INFINITY; 16]);
    let (chunks, rest) = values.as_chunks::<16>();
    for chunk in chunks {
        for lane in 0..16 {
            low[lane] = if chunk[lane] < low[lane] { chunk[lane] } else { low[lane] };
            high[lane] = if chunk[lane] > high[lane] { chunk[lane] } else { high[lane] };
        }
    }
    let least = low.iter().chain(rest).copied().fold(f64::INFINITY, f64::min);
    (least, high.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max))
}

/// The mean of the scores in the bin of the weighted median.
///
/// `bins` is scratch space, one number a column.
#[inline(always)]
pub(super) fn median(
    columns: &Columns,
    scores: &[f64],
    (low, high): (f64, f64),
    n_bins: usize,
    bins: &mut [u16],
) -> f64 {
    if low == high {
        return low;
    }
    let (range, last) = (high - low, (n_bins - 1) as f64);
    for (bin, score) in bins.iter_mut().zip(scores) {
        *bin = whole((score - low) / range * last) as u16;
    }
    let bin = median_bin(columns, bins, n_bins);
    let mut members: Vec<usize> = (0..scores.len()).filter(|&u| bins[u] == bin).collect();
    mean(columns, &mut members, |u| scores[u])
}

/// The first bin up to which there is half of all columns.
#[inline(always)]
fn median_bin(columns: &Columns, bins: &[u16], n_bins: usize) -> u16 {
    let mut counts = vec![0_u64; n_bins];
    for (bin, count) in bins.iter().zip(&columns.counts) {
        counts[usize::from(*bin)] += u64::from(*count);
    }
    let mut below = 0;
    let reaches = |count: &u64| {
        below += count;
        2 * below >= columns.total
    };
    counts.iter().position(reaches).unwrap_or(0) as u16
}

/// The mean of some columns' scores by their counts, summed in the peer's order.
pub(super) fn mean(columns: &Columns, members: &mut [usize], score: impl Fn(usize) -> f64) -> f64 {
    members.sort_unstable_by_key(|&u| columns.ranks[u]);
    let (mut sum, mut count) = (0.0, 0);
    for &u in &*members {
        sum += score(u) * f64::from(columns.counts[u]);
        count += u64::from(columns.counts[u]);
    }
    sum / count as f64
}

/// How the scores of one query become integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scaling {
    /// The lowest score of any column below its median, rounded down.
    pub(super) floor: f64,
    /// Integer scores a unit.
    pub(super) scale: f64,
    /// The integer score of the median, which a query column gets where no target column is.
    pub(super) offset: u8,
}

impl Scaling {
    pub(super) fn new(spreads: &[Spread], score_bins: usize) -> Self {
        let floor = spreads.iter().map(|s| s.low - s.median).fold(f64::INFINITY, f64::min).floor();
        let most = spreads.iter().map(|s| s.high - s.median).fold(f64::NEG_INFINITY, f64::max);
        let scale = (score_bins as f64 / (most - floor).max(1.0)).floor();
        // A scale of 0 stands for scores so far apart that all integers are 0; `-floor` may be beyond any integer.
        let offset = if scale == 0.0 { 0 } else { (-floor * scale) as u8 };
        Self { floor, scale, offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_parts_are_rounded_down() {
        for (x, expected) in [
            (0.0, 0),
            (0.499, 0),
            (0.999_999_999, 0),
            (1.0, 1),
            (254.5, 254),
            (255.5, 255),
            (65_535.0, 65_535),
        ] {
            assert_eq!(whole(x), expected, "{x}");
        }
    }

    fn columns(counts: &[u32]) -> Columns {
        let ranks = (0..counts.len() as u32).collect();
        let total = counts.iter().map(|n| u64::from(*n)).sum();
        Columns { counts: counts.to_vec(), total, ranks, ..Default::default() }
    }

    #[test]
    fn the_median_is_the_mean_of_its_bin() {
        let scores = [-4.0, -3.0, -2.9, -1.0, 0.0];
        let mut bins = [0; 5];
        // Four bins of one unit: the first three columns reach half of the five in the second bin.
        assert_eq!(median(&columns(&[1; 5]), &scores, (-4.0, 0.0), 5, &mut bins), -2.95);
        assert_eq!(median(&columns(&[9, 1, 1, 1, 1]), &scores, (-4.0, 0.0), 5, &mut bins), -4.0);
        assert_eq!(median(&columns(&[1; 5]), &[-1.0; 5], (-1.0, -1.0), 5, &mut bins), -1.0);
    }

    #[test]
    fn scores_too_far_apart_become_zeros() {
        let spread = Spread { low: -1e90, high: 0.0, median: -1e50 };
        let scaling = Scaling::new(&[spread], 100);
        assert_eq!((scaling.scale, scaling.offset), (0.0, 0));
    }
}
