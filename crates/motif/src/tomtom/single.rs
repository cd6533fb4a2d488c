//! Euclidean distances in single precision, with those recomputed that are too close to the edge of a bin.
//!
//! Every result is the one of double precision: a bound on the error of a single-precision distance tells which
//! bins are certain.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use std::cmp::Ordering;

use super::align::{LANES, Lanes};
use super::column::{Scaling, Spread, mean};
use super::distance::{Finish, Side};
use super::targets::Columns;

/// The unit roundoff of single precision.
const ROUNDOFF: f64 = 1.0 / (1_u64 << 24) as f64;

/// Distances that are looked at in one go, and parts of them in which what is looked for is found one by one.
const BLOCK: usize = 64;
const PART: usize = 16;

/// The median is looked for so many bins around its guess, and in most cases is nearer.
const REACH: usize = 7;
const NEARER: usize = 2;

/// Edges of bins that are tried in one look at all distances.
const CUTS: usize = 5;

/// A bin is certain if the number that it comes from is known better than this.
const WIDEST_GUARD: f64 = 0.2;

/// The largest error of a single-precision distance between columns of these entries, or `None` where squares
/// could leave the range of single precision.
///
/// With entries of at most `M` over `A` letters, differences are off by `2uM` and `u` of themselves, their squares'
/// sum by `(A + 1) u` of itself, the root by `u` of itself; a distance is at most `2M√A`. Together `(9 + A) u M √A`.
/// The double-precision result is itself a root of differences: off by `M √(8A (A + 2) 2⁻⁵³)` near 0. Doubled.
pub(super) fn error_bound(columns: &Columns, query: &Side) -> Option<f64> {
    // A query's weights are twice its entries.
    let own = query.weights.iter().fold(0.0_f64, |most, w| most.max(w.abs() / 2.0));
    let most = own.max(columns.magnitude);
    let letters = query.weights.len() as f64;
    let rounding = (9.0 + letters) * ROUNDOFF * letters.sqrt();
    let cancellation = (8.0 * letters * (letters + 2.0) * f64::EPSILON / 2.0).sqrt();
    (1e-9..1e12).contains(&most).then_some(2.0 * most * (rounding + cancellation))
}

/// The score in double precision, with the operations of [`score`](super::column) in their order.
#[inline(always)]
fn exact(columns: &Columns, query: &Side, column: usize) -> f64 {
    let mut z = query.constant + columns.constants[column];
    for (weight, weights) in query.weights.iter().zip(&columns.weights) {
        z -= weight * weights[column];
    }
    -(if z > 0.0 { z } else { 0.0 }).sqrt()
}

/// Distances (positive) of a query column to every distinct column; the least and the largest.
#[inline(always)]
fn distances(columns: &Columns, query: &Side, out: &mut [f32]) -> (f32, f32) {
    let own = |letter: usize| (query.weights[letter] / 2.0) as f32;
    if let [a, b, c, d] = &columns.singles[..] {
        let letters = a.iter().zip(b).zip(c).zip(d);
        let own = [own(0), own(1), own(2), own(3)];
        for (out, (((a, b), c), d)) in out.iter_mut().zip(letters) {
            let [a, b, c, d] = [own[0] - a, own[1] - b, own[2] - c, own[3] - d];
            *out = ((a * a + b * b) + (c * c + d * d)).sqrt();
        }
        return extremes(out);
    }
    out.fill(0.0);
    for (letter, entries) in columns.singles.iter().enumerate() {
        for (sum, entry) in out.iter_mut().zip(entries) {
            let difference = own(letter) - entry;
            *sum += difference * difference;
        }
    }
    for sum in out.iter_mut() {
        *sum = sum.sqrt();
    }
    extremes(out)
}

/// The least and the largest of numbers that are not negative, whose bits are in their order.
#[inline(always)]
fn extremes(distances: &[f32]) -> (f32, f32) {
    let (mut low, mut high) = (f32::INFINITY.to_bits(), 0);
    for distance in distances {
        low = low.min(distance.to_bits());
        high = high.max(distance.to_bits());
    }
    (f32::from_bits(low), f32::from_bits(high))
}

/// Calls `see` with the index of every number between two, both included; if the first is the larger one, with that of
/// every number from it on or up to the other.
///
/// No number is negative. Most blocks are passed over in one go.
#[inline(always)]
fn each_between(values: &[f32], first: f32, last: f32, mut see: impl FnMut(usize)) {
    let first = first.max(0.0).to_bits();
    // Bits go round behind the largest, as the range may.
    let span = last.max(0.0).to_bits().wrapping_sub(first);
    let beyond = |value: &f32| value.to_bits().wrapping_sub(first);
    let (blocks, rest) = values.as_chunks::<BLOCK>();
    let mut look = |start: usize, values: &[f32]| {
        for (at, value) in values.iter().enumerate() {
            if beyond(value) <= span {
                see(start + at);
            }
        }
    };
    for (block, values) in blocks.iter().enumerate() {
        let mut least = [u32::MAX; PART];
        for part in values.as_chunks::<PART>().0 {
            for lane in 0..PART {
                least[lane] = least[lane].min(beyond(&part[lane]));
            }
        }
        if least.iter().copied().fold(u32::MAX, u32::min) <= span {
            for (part, values) in values.as_chunks::<PART>().0.iter().enumerate() {
                if values.iter().map(beyond).fold(u32::MAX, u32::min) <= span {
                    look(block * BLOCK + part * PART, values);
                }
            }
        }
    }
    look(values.len() - rest.len(), rest);
}

/// The whole part of a number from 0 to 2^20, and its distance from a whole number.
///
/// Without a comparison, so that any instruction set computes several at once.
#[inline(always)]
fn whole(x: f32) -> (u32, f32) {
    /// Numbers of this size have no bits after the point.
    const SHIFT: f32 = (1_u32 << 23) as f32;
    let rounded = x + SHIFT;
    let beyond = x - (rounded - SHIFT);
    let is_below = beyond.to_bits() >> 31;
    ((rounded.to_bits() & 0x007f_ffff).wrapping_sub(is_below), beyond.abs())
}

/// Fills the distances of a query column; its extremes and median, or `None` if single precision cannot tell.
#[inline(always)]
pub(super) fn spread(
    columns: &Columns,
    query: &Side,
    n_bins: usize,
    distances_out: &mut [f32],
) -> Option<Spread> {
    let error = error_bound(columns, query)?;
    let (least, most) = distances(columns, query, distances_out);
    let (near, far) = (f64::from(least) + 2.0 * error, f64::from(most) - 2.0 * error);
    let (near, far) = (near.next_up() as f32, far.next_down() as f32);
    // Rounding to single precision could bring either back by a step.
    let (near, far) = (near.next_up(), far.next_down());
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let (first, last) = if near < far { (far, near) } else { (0.0, f32::INFINITY) };
    each_between(distances_out, first, last, |column| {
        let score = exact(columns, query, column);
        low = low.min(score);
        high = high.max(score);
    });
    let median = median(columns, query, (n_bins, error), (low, high), distances_out)?;
    Some(Spread { low, high, median })
}

#[inline(always)]
fn median(
    columns: &Columns,
    query: &Side,
    (n_bins, error): (usize, f64),
    (low, high): (f64, f64),
    distances: &[f32],
) -> Option<f64> {
    if low == high {
        return Some(low);
    }
    if n_bins == 1 {
        return None;
    }
    let bins = Bins { low, range: high - low, n: n_bins };
    let bin = bins.median(columns, distances);
    let (far, near) = (bins.edge(bin), bins.edge(bin + 1));
    // What is nearer to an edge than this belongs to either side.
    let guard = (2.0 * error + 8.0 * ROUNDOFF * -low) as f32;
    let (mut below, mut members) = (u64::from(beyond(columns, distances, [far + guard])[0]), Vec::new());
    each_between(distances, near - guard, far + guard, |column| {
        if distances[column] < far - guard && distances[column] > near + guard {
            members.push(column);
            return;
        }
        match bins.of(exact(columns, query, column)).cmp(&bin) {
            Ordering::Less => below += u64::from(columns.counts[column]),
            Ordering::Equal => members.push(column),
            Ordering::Greater => {}
        }
    });
    let own: u64 = members.iter().map(|&u| u64::from(columns.counts[u])).sum();
    let is_median = 2 * below < columns.total && 2 * (below + own) >= columns.total;
    is_median.then(|| mean(columns, &mut members, |column| exact(columns, query, column)))
}

/// The bins of a median, from the farthest columns to the nearest.
struct Bins {
    low: f64,
    range: f64,
    n: usize,
}

impl Bins {
    /// The bin of a score.
    fn of(&self, score: f64) -> usize {
        ((score - self.low) / self.range * (self.n - 1) as f64) as usize
    }

    /// The distance at which a bin begins.
    #[inline(always)]
    fn edge(&self, bin: usize) -> f32 {
        let width = self.range / (self.n - 1) as f64;
        (-self.low - bin as f64 * width) as f32
    }

    /// The bin of the weighted median, but for columns very near to its edges.
    #[inline(always)]
    fn median(&self, columns: &Columns, distances: &[f32]) -> usize {
        let guess = self.guess(columns, distances);
        let (mut first, mut last) = (guess.saturating_sub(REACH), (guess + REACH).min(self.n - 1));
        let mut cuts = [first, guess.saturating_sub(NEARER), guess, (guess + NEARER).min(last), last];
        let mut is_checked = false;
        while first < last || !is_checked {
            let below = beyond(columns, distances, cuts.map(|cut| self.edge(cut + 1)));
            let reached = below.iter().position(|n| 2 * u64::from(*n) >= columns.total);
            match reached {
                Some(0) if !is_checked && first > 0 => (first, last) = (0, first),
                None if !is_checked && last < self.n - 1 => (first, last) = (last + 1, self.n - 1),
                Some(0) => last = first,
                Some(k) => {
                    (first, last) = (cuts[k - 1] + 1, cuts[k]);
                    is_checked = true;
                }
                None => first = last,
            }
            is_checked |= first == last;
            // Each look at all distances leaves a fourth of the bins.
            cuts = std::array::from_fn(|k| first + (last - first) * k / (CUTS - 1));
        }
        first
    }

    /// The median's bin by the columns of the sample.
    #[inline(always)]
    fn guess(&self, columns: &Columns, distances: &[f32]) -> usize {
        let mut counts = vec![0; self.n];
        let (farthest, scale) = (-self.low as f32, ((self.n - 1) as f64 / self.range) as f32);
        for (column, count) in &columns.sample {
            let bin = (farthest - distances[*column as usize]) * scale;
            counts[(bin as usize).min(self.n - 1)] += count;
        }
        let mut below = 0;
        let reaches = |count: &u32| {
            below += u64::from(*count);
            2 * below >= columns.total
        };
        counts.iter().position(reaches).unwrap_or(0)
    }
}

/// How many columns are farther than each of some distances.
#[inline(always)]
fn beyond<const N: usize>(columns: &Columns, distances: &[f32], limits: [f32; N]) -> [u32; N] {
    let mut counts = [0; N];
    for (distance, count) in distances.iter().zip(&columns.counts) {
        for n in 0..N {
            counts[n] += if *distance > limits[n] { *count } else { 0 };
        }
    }
    counts
}

/// What integer scores of one position of each query are made of in single precision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Singles {
    entries: [Lanes<f32>; 4],
    scales: Lanes<f32>,
    middles: Lanes<f32>,
    guards: Lanes<f32>,
}

impl Singles {
    /// Lanes with a score of 0, or `None` if single precision is of no use.
    #[inline(always)]
    pub(super) fn new(columns: &Columns, finish: Finish) -> Option<Self> {
        let zeros = [0.0; LANES];
        let new = Self { entries: [zeros; 4], scales: zeros, middles: [0.5; LANES], guards: zeros };
        (finish == Finish::NegativeRoot && !columns.quads.is_empty()).then_some(new)
    }

    /// A lane that always has this score.
    #[inline(always)]
    pub(super) fn with_constant(mut self, lane: usize, score: u8) -> Self {
        self.middles[lane] = f32::from(score) + 0.5;
        self
    }

    /// A lane with a query's column, or `None` if single precision cannot tell.
    #[inline(always)]
    pub(super) fn with(
        mut self,
        lane: usize,
        columns: &Columns,
        query: &Side,
        (scaling, spread): (Scaling, Spread),
    ) -> Option<Self> {
        let error = error_bound(columns, query)?;
        let middle = 0.5 - (spread.median + scaling.floor) * scaling.scale;
        let size = middle.abs() - spread.low * scaling.scale + 256.0;
        let guard = scaling.scale * error + 8.0 * ROUNDOFF * size;
        for (lanes, weight) in self.entries.iter_mut().zip(&query.weights) {
            lanes[lane] = (weight / 2.0) as f32;
        }
        self.scales[lane] = scaling.scale as f32;
        self.middles[lane] = middle as f32;
        self.guards[lane] = (guard as f32).next_up();
        (guard <= WIDEST_GUARD).then_some(self)
    }

    /// What the integer scores with a column are the whole parts of; step by step for all lanes at once.
    #[inline(always)]
    fn numbers(&self, column: [f32; 4]) -> Lanes<f32> {
        let mut numbers = [0.0; LANES];
        for (entries, entry) in self.entries.iter().zip(column) {
            for (number, other) in numbers.iter_mut().zip(entries) {
                let difference = other - entry;
                *number += difference * difference;
            }
        }
        for ((number, middle), scale) in numbers.iter_mut().zip(&self.middles).zip(&self.scales) {
            *number = middle - number.sqrt() * scale;
        }
        numbers
    }

    /// Fills the scores with a column; sets the highest bit in `signs` where one is uncertain.
    #[inline(always)]
    pub(super) fn score(&self, column: [f32; 4], scores: &mut Lanes<u8>, signs: &mut Lanes<u32>) {
        let numbers = self.numbers(column);
        let mut integers = [0; LANES];
        for lane in 0..LANES {
            let (integer, from_edge) = whole(numbers[lane]);
            integers[lane] = integer;
            signs[lane] |= (from_edge - self.guards[lane]).to_bits();
        }
        *scores = integers.map(|integer| integer as u8);
    }

    /// Which scores with a column are certain.
    #[inline(always)]
    pub(super) fn certain(&self, column: [f32; 4]) -> Lanes<bool> {
        let numbers = self.numbers(column);
        std::array::from_fn(|lane| whole(numbers[lane]).1 >= self.guards[lane])
    }
}

#[cfg(test)]
mod tests {
    use cistron_core::Seed;
    use ndarray::Array2;

    use super::super::column::{self, Measure, Scratch};
    use super::super::instructions::Instructions;
    use super::super::{MotifDistance, TomtomOptions, TomtomTargets};
    use super::*;

    /// Columns on a grid, so that many distances are equal or on the edge of a bin.
    fn targets(width: usize, size: f64) -> TomtomTargets {
        let mut stream = Seed::new(5).stream("grid", width as u64);
        let motif = Array2::from_shape_fn((width, 4), |_| stream.below(21) as f64 / 20.0 * size + size);
        TomtomTargets::new(&[motif.view()], TomtomOptions::default()).unwrap()
    }

    #[test]
    fn single_precision_and_every_instruction_set_give_the_bits_of_double() {
        for (width, size) in
            [(1, 1.0), (7, 1.0), (40, 3.0), (333, 1.0), (2100, 1.0), (2100, 37.0), (900, 1e-4)]
        {
            let targets = targets(width, size);
            let columns = &targets.columns;
            let (n, mut stream) = (columns.len(), Seed::new(6).stream("query", width as u64));
            for _ in 0..20 {
                let query: Vec<f64> = (0..4).map(|_| stream.below(21) as f64 / 20.0 * size + size).collect();
                let query = MotifDistance::Euclidean.query(&query);
                let (mut scores, mut bins) = (vec![0.0; n], vec![0; n]);
                let (low, high) = column::score(columns, &query, Finish::NegativeRoot, &mut scores);
                let median = column::median(columns, &scores, (low, high), 1000, &mut bins);
                for instructions in Instructions::all() {
                    let mut scratch = Scratch::default();
                    let spread =
                        instructions.run(Measure { targets: &targets, query: &query, scratch: &mut scratch });
                    assert_eq!(spread, Spread { low, high, median }, "{instructions:?} {width} {size}");
                }
            }
        }
    }

    #[test]
    fn single_precision_is_used_where_it_can_tell() {
        let targets = targets(500, 1.0);
        let columns = &targets.columns;
        let query = MotifDistance::Euclidean.query(&[1.3, 1.0, 1.9, 1.1]);
        let mut distances = vec![0.0; columns.len()];
        assert!(spread(columns, &query, 1000, &mut distances).is_some());
        assert!(error_bound(columns, &query).is_some_and(|error| error < 1e-5));
        assert_eq!(error_bound(columns, &MotifDistance::Euclidean.query(&[1e13, 0.0, 0.0, 0.0])), None);
    }

    #[test]
    fn a_median_is_found_however_far_its_guess_is_off() {
        let mut targets = targets(700, 1.0);
        let query = MotifDistance::Euclidean.query(&[1.3, 1.0, 1.9, 1.1]);
        let mut distances = vec![0.0; targets.columns.len()];
        for n_bins in [2, 3, 20, 1000] {
            let expected = spread(&targets.columns, &query, n_bins, &mut distances).unwrap();
            let order = |a: &usize, b: &usize| distances[*a].total_cmp(&distances[*b]);
            let nearest = (0..distances.len()).min_by(order).unwrap() as u32;
            let farthest = (0..distances.len()).max_by(order).unwrap() as u32;
            for wrong in [nearest, farthest] {
                let right = std::mem::replace(&mut targets.columns.sample, vec![(wrong, u32::MAX)]);
                let mut distances = vec![0.0; targets.columns.len()];
                assert_eq!(spread(&targets.columns, &query, n_bins, &mut distances).unwrap(), expected);
                targets.columns.sample = right;
            }
        }
    }
}
