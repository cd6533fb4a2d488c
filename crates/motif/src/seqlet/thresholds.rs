use cistron_core::PeerRng;

use super::{SeqletError, TfModiscoOptions, ThresholdRule, WindowSums};

/// Bins of the histograms whose fullest one is the mode.
const BINS: usize = 1000;

/// Values drawn from the null.
const DRAWS: usize = 10_000;

/// What the peer seeds its draws with.
const SEED: u32 = 1234;

/// Windows that the peer looks at, if there are more.
const SAMPLE: usize = 1_000_000;

/// The sums from which a window may be a seqlet of TF-MoDISco.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct SeqletThresholds {
    /// The least positive sum; infinite if none will do.
    pub positive: f32,
    /// The greatest negative sum; minus infinity if none will do.
    pub negative: f32,
}

impl SeqletThresholds {
    const NONE: Self = Self { positive: f32::INFINITY, negative: f32::NEG_INFINITY };

    fn symmetric(threshold: f32) -> Self {
        Self { positive: threshold, negative: -threshold }
    }
}

impl WindowSums {
    /// The sums at which few enough windows of a null would be called.
    ///
    /// The null is a Laplace distribution on each side of the mode of the sums, with the steepest of the rates that
    /// fit the quantiles of 5, 10, … 90 %. How likely a sum is to be no draw from it rises with the sum: an isotonic
    /// regression of both. If the windows at or beyond the thresholds are too few or too many, the thresholds are
    /// the quantile of the sums' sizes that leaves the share allowed. If all sums are equal there is no threshold.
    ///
    /// Source: tangermeme 1.6.0 `tfmodisco_seqlets`, see [`ThresholdRule`] for where we differ.
    ///
    /// **Cost**: a sort of the windows.
    ///
    /// # Errors
    /// [`SeqletError::Option`] for an option out of range, [`SeqletError::Window`] for one of another window,
    /// [`SeqletError::Empty`] without windows, [`SeqletError::Null`] if no null fits.
    pub fn thresholds(&self, options: &TfModiscoOptions) -> Result<SeqletThresholds, SeqletError> {
        options.check()?;
        if options.window != self.window() {
            return Err(SeqletError::Window { found: options.window, expected: self.window() });
        }
        let in_order = self.in_order();
        let all = sorted(in_order.to_vec());
        let (Some(least), Some(most)) = (all.first(), all.last()) else { return Err(SeqletError::Empty) };
        if least == most {
            return Ok(SeqletThresholds::NONE);
        }
        let null = laplace_null(&all, options.rule)?;
        if options.rule == ThresholdRule::ScanOrder && in_order.len() > SAMPLE {
            let mut sample = in_order.to_vec();
            PeerRng::new(SEED).shuffle(&mut sample);
            sample.truncate(SAMPLE);
            return Ok(thresholds(&sample, &sorted(sample.clone()), &null, options));
        }
        Ok(thresholds(in_order, &all, &null, options))
    }
}

/// There are millions of values, and a radix sort is several times faster than one that compares.
fn sorted(mut values: Vec<f32>) -> Vec<f32> {
    radsort::sort(&mut values);
    values
}

fn thresholds(in_order: &[f32], all: &[f32], null: &[f64], options: &TfModiscoOptions) -> SeqletThresholds {
    let side = |sign: f32| {
        let belongs = |value: f32| if sign > 0.0 { value >= 0.0 } else { value < 0.0 };
        // The sizes of one side's sums, from the least.
        let mut sizes: Vec<f32> =
            all.iter().copied().filter(|value| belongs(*value)).map(|value| sign * value).collect();
        if sign < 0.0 {
            sizes.reverse();
        }
        let null_side = null.iter().filter(|value| if sign > 0.0 { **value >= 0.0 } else { **value < 0.0 });
        let mut null_sizes: Vec<f64> = null_side.map(|value| f64::from(sign) * value).collect();
        null_sizes.sort_unstable_by(f64::total_cmp);
        let weakest = weakest_passing(&sizes, &null_sizes, options.target_fdr);
        let threshold = match options.rule {
            ThresholdRule::Sorted => weakest.or(sizes.last().copied()),
            ThresholdRule::ScanOrder => {
                let mut order = in_order.iter().filter(|value| belongs(**value)).map(|value| sign * value);
                let passing = order.clone().find(|size| weakest.is_some_and(|weakest| *size >= weakest));
                passing.or_else(|| order.next_back())
            }
        };
        (sign * threshold.unwrap_or(f32::INFINITY), sizes)
    };
    let ((positive, positive_sizes), (negative, negative_sizes)) = (side(1.0), side(-1.0));
    let passing = all.iter().filter(|value| **value >= positive || **value <= negative).count();
    let share = passing as f32 / all.len() as f32;
    let (least, most) = (options.min_passing, options.max_passing);
    let allowed = if share > most as f32 {
        most
    } else if share < least as f32 {
        least
    } else {
        return SeqletThresholds { positive, negative };
    };
    let sizes = sorted([positive_sizes, negative_sizes].concat());
    SeqletThresholds::symmetric(quantile(&sizes, (1.0 - allowed) as f32))
}

/// Draws from a Laplace distribution on each side of the mode.
fn laplace_null(all: &[f32], rule: ThresholdRule) -> Result<Vec<f64>, SeqletError> {
    let mode = mode(all);
    let above = &all[all.partition_point(|value| *value < mode)..];
    let below = &all[..all.partition_point(|value| *value <= mode)];
    let positive_rate = steepest(rule, |level| quantile(above, level) - mode);
    let negative_rate = steepest(rule, |level| (quantile(below, 1.0 - level) - mode).abs());
    for (side, rate) in [("positive", positive_rate), ("negative", negative_rate)] {
        if rate.is_nan() {
            return Err(SeqletError::Null { side, mode: f64::from(mode) });
        }
    }
    let share = above.len() as f64 / all.len() as f64;
    let mode = f64::from(mode);
    let mut rng = PeerRng::new(SEED);
    let draw = |_| {
        let (side, log) = (rng.uniform(), (1.0 - rng.uniform()).ln());
        if side < share {
            mode - log / f64::from(positive_rate)
        } else {
            mode + log / f64::from(negative_rate)
        }
    };
    Ok((0..DRAWS).map(draw).collect())
}

/// The steepest rate of an exponential distribution with these quantiles; NaN if one is.
///
/// The quantile of level 0 says nothing, 0 divided by how far it is from the mode: the peer asks for it, and finds
/// no number if it is the mode itself.
fn steepest(rule: ThresholdRule, distance: impl Fn(f32) -> f32) -> f32 {
    let first = u8::from(rule == ThresholdRule::Sorted);
    let rate = |step: u8| {
        let level = f32::from(step) * 5.0 / 100.0;
        -(f64::from(1.0 - level).ln() as f32) / distance(level)
    };
    (first..19).map(rate).fold(f32::NEG_INFINITY, |a, b| if a.is_nan() || a > b { a } else { b })
}

/// The middle of the fullest bin of the fullest bin.
///
/// If that bin has no value but at its edges, its own middle; the peer then answers 0.0005, whatever the values.
fn mode(all: &[f32]) -> f32 {
    let (low, high) = fullest_bin(all);
    let from = all.partition_point(|value| *value <= low);
    let inner = &all[from..all.partition_point(|value| *value < high).max(from)];
    let (low, high) = if inner.is_empty() { (low, high) } else { fullest_bin(inner) };
    f32::midpoint(low, high)
}

/// The edges of the fullest of 1000 bins over the range of sorted values, the first on ties.
///
/// A range of one value is widened by a half on each side, as in the peer.
fn fullest_bin(sorted: &[f32]) -> (f32, f32) {
    let (least, most) = (sorted.first().copied().unwrap_or(0.0), sorted.last().copied().unwrap_or(1.0));
    let (least, most) = if least == most { (least - 0.5, most + 0.5) } else { (least, most) };
    let step = (most - least) / BINS as f32;
    let edge = |i: usize| {
        // From the nearer end, as PyTorch's linspace.
        if i < BINS / 2 { least + step * i as f32 } else { most - step * (BINS - i) as f32 }
    };
    let (mut fullest, mut count, mut below) = (0, 0, 0);
    for bin in 0..BINS {
        // The last bin holds its right edge.
        let up_to = if bin == BINS - 1 {
            sorted.len()
        } else {
            sorted.partition_point(|value| *value < edge(bin + 1))
        };
        if up_to.saturating_sub(below) > count {
            (fullest, count) = (bin, up_to - below);
        }
        below = up_to.max(below);
    }
    (edge(fullest), edge(fullest + 1))
}

/// A quantile of sorted values, linear between ranks, computed in 32 bits as PyTorch does; NaN of none.
fn quantile(sorted: &[f32], level: f32) -> f32 {
    let Some(last) = sorted.len().checked_sub(1) else { return f32::NAN };
    let rank = level * last as f32;
    let (below, above) = (sorted[(rank as usize).min(last)], sorted[(rank.ceil() as usize).min(last)]);
    let weight = rank - rank.floor();
    let apart = above - below;
    if weight < 0.5 { below + weight * apart } else { above - apart * (1.0 - weight) }
}

/// Data next to one another to which the regression gives one value.
struct Block {
    /// Index of the first datum.
    first: usize,
    /// One past the last.
    end: usize,
    /// The weight of data and null.
    weight: f64,
}

impl Block {
    /// The share of the weight that is data: the value of the regression.
    fn share(&self) -> f64 {
        (self.end - self.first) as f64 / self.weight
    }
}

/// The least of the sizes whose precision suffices; both lists ascend.
fn weakest_passing(sizes: &[f32], null: &[f64], target_fdr: f64) -> Option<f32> {
    let blocks = isotonic_regression(sizes, null);
    let lowest = blocks.first()?.share().max(1e-7);
    let null_share = (-1.0 / (1.0 - 1.0 / lowest)).clamp(0.95, 1.0);
    let precision = |share: f64| (1.0 + null_share * (1.0 - 1.0 / share.max(1e-7))).clamp(0.0, 1.0);
    let passes = |block: &&Block| block.end > block.first && precision(block.share()) >= 1.0 - target_fdr;
    blocks.iter().find(passes).map(|block| sizes[block.first])
}

/// Regresses what is a datum (1) and what is null (0) on size, by pooling adjacent violators; data weigh 1, all of
/// the null as much as all data, and equal sizes are one.
fn isotonic_regression(sizes: &[f32], null: &[f64]) -> Vec<Block> {
    // The peer's weights have 32 bits.
    let weight = f64::from((sizes.len() as f64 / null.len() as f64) as f32);
    let mut blocks: Vec<Block> = Vec::new();
    let mut first = 0;
    let mut push = |mut block: Block| {
        while let Some(before) = blocks.pop_if(|before| before.share() >= block.share()) {
            block = Block { first: before.first, end: block.end, weight: before.weight + block.weight };
        }
        blocks.push(block);
    };
    for equal in null.chunk_by(|a, b| a == b) {
        let below = first + sizes[first..].partition_point(|size| f64::from(*size) < equal[0]);
        if below > first {
            push(Block { first, end: below, weight: (below - first) as f64 });
        }
        let end = below + sizes[below..].partition_point(|size| f64::from(*size) == equal[0]);
        push(Block { first: below, end, weight: (end - below) as f64 + weight * equal.len() as f64 });
        first = end;
    }
    if sizes.len() > first {
        push(Block { first, end: sizes.len(), weight: (sizes.len() - first) as f64 });
    }
    blocks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_lie_between_ranks() {
        let values = [0.0, 1.0, 2.0, 4.0];
        // numpy.quantile of the same.
        for (level, expected) in [(0.0, 0.0), (0.5, 1.5), (0.75, 2.5), (0.9, 3.4), (1.0, 4.0)] {
            assert!((quantile(&values, level) - expected).abs() < 1e-6, "{level}");
        }
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn the_mode_is_in_the_fullest_bin_and_ties_go_to_the_first() {
        let values = [-1.0, 0.2001, 0.2002, 0.200_21, 0.9, 0.9001, 1.0];
        // Of the three in one bin each is in a bin of its own, 1.1e-7 wide.
        assert!((mode(&values) - 0.2001).abs() < 2e-7, "{}", mode(&values));
        assert_eq!(fullest_bin(&[0.0, 1000.0]), (0.0, 1.0));
        // All in the first bin stand on its edge: its middle.
        assert_eq!(mode(&[0.0, 0.0, 0.0, 1000.0]), 0.5);
    }

    #[test]
    fn adjacent_violators_are_pooled() {
        // By size: null, datum, null, datum, datum. The weight of the null is 3/2 each.
        let blocks = isotonic_regression(&[2.0, 4.0, 5.0], &[1.0, 3.0]);
        let shares: Vec<(usize, usize, f64)> =
            blocks.iter().map(|it| (it.first, it.end, it.share())).collect();
        assert_eq!(shares, [(0, 0, 0.0), (0, 1, 1.0 / 2.5), (1, 3, 1.0)]);
        assert_eq!(weakest_passing(&[2.0, 4.0, 5.0], &[1.0, 3.0], 0.2), Some(4.0));
        assert_eq!(weakest_passing(&[1.0], &[2.0], 0.2), None);
        assert_eq!(weakest_passing(&[1.0, 2.0], &[], 0.2), Some(1.0));
        assert_eq!(weakest_passing(&[], &[1.0], 0.2), None);
    }

    /// The regression by its min-max formula, one value a point.
    fn slow(points: &[(f64, f64)]) -> Vec<f64> {
        let mean = |i: usize, j: usize| {
            let (sum, weight) = points[i..=j].iter().fold((0.0, 0.0), |(s, w), (y, v)| (s + y * v, w + v));
            sum / weight
        };
        let n = points.len();
        let least = |i: usize, k: usize| (k..n).map(|j| mean(i, j)).fold(f64::INFINITY, f64::min);
        (0..n).map(|k| (0..=k).map(|i| least(i, k)).fold(f64::NEG_INFINITY, f64::max)).collect()
    }

    proptest! {
        #[test]
        fn the_regression_is_that_of_the_formula(
            sizes in prop::collection::vec(0_u8..12, 1..12), null in prop::collection::vec(0_u8..12, 1..12),
        ) {
            let mut sizes: Vec<f32> = sizes.into_iter().map(f32::from).collect();
            let mut null: Vec<f64> = null.into_iter().map(f64::from).collect();
            sizes.sort_by(f32::total_cmp);
            null.sort_by(f64::total_cmp);
            let weight = f64::from((sizes.len() as f64 / null.len() as f64) as f32);
            // One point a size: the share of data among what has it, and the weight.
            let all: std::collections::BTreeSet<u8> =
                sizes.iter().map(|&x| x as u8).chain(null.iter().map(|&x| x as u8)).collect();
            let point = |&x: &u8| {
                let data = sizes.iter().filter(|&&size| size == f32::from(x)).count() as f64;
                let both = data + weight * null.iter().filter(|&&size| size == f64::from(x)).count() as f64;
                (data / both, both)
            };
            let expected = slow(&all.iter().map(point).collect::<Vec<_>>());
            for block in isotonic_regression(&sizes, &null) {
                for &size in &sizes[block.first..block.end] {
                    let place = all.iter().position(|&x| f32::from(x) == size).unwrap();
                    prop_assert!((block.share() - expected[place]).abs() < 1e-9);
                }
            }
        }
    }
}
