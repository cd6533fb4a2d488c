//! The extremes and the median of a query column's Euclidean distances to all distinct columns.
//!
//! Cells of columns tell where to look, distances in single precision there, and those too close to the edge of a bin
//! are recomputed: every result is the one of double precision.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]
#![expect(
    clippy::needless_bitwise_bool,
    reason = "conditions without branches are computed for all lanes at once"
)]

use std::cmp::Ordering;

use super::cells::{Bounds, CELL, Cells, Lanes};
use super::column::{Spread, mean};
use super::distance::Side;
use super::single::{ROUNDOFF, error_bound, exact};
use super::targets::Columns;

/// The median is looked for so many bins around its guess, and if it is not there, in all of them.
const REACH: usize = 12;

/// Edges of bins that are tried in one look at all distances.
const CUTS: usize = 5;

/// What a search fills.
#[derive(Clone, Debug, Default)]
pub(super) struct Space {
    own: Vec<f32>,
    bounds: Bounds,
    near: Near,
}

/// Columns whose bin is to be told, and how many positions have one that is farther.
#[derive(Clone, Debug, Default)]
struct Near {
    farther: u64,
    cells: Vec<usize>,
    counts: Vec<Lanes<u32>>,
    distances: Vec<Lanes<f32>>,
}

/// A query column among the columns that it is compared with.
pub(super) struct Search<'a> {
    pub(super) columns: &'a Columns,
    pub(super) cells: &'a Cells,
    pub(super) query: &'a Side,
    pub(super) n_bins: usize,
}

impl Search<'_> {
    /// The extremes and the median, or `None` if single precision cannot tell.
    #[inline(always)]
    pub(super) fn run(&self, space: &mut Space) -> Option<Spread> {
        let error = error_bound(self.columns, self.query)?;
        let Space { own, bounds, near } = space;
        own.clear();
        // A query's weights are twice its entries.
        own.extend(self.query.weights.iter().map(|weight| (weight / 2.0) as f32));
        self.cells.bounds(own, 3.0 * error as f32, bounds);
        let high = self.nearest(own, bounds, error);
        let low = self.farthest(own, bounds, error);
        if low == high {
            return Some(Spread { low, high, median: low });
        }
        if self.n_bins == 1 {
            return None;
        }
        let bins = Bins { low, range: high - low, n: self.n_bins };
        let half = self.columns.total.div_ceil(2);
        let guess = bins.reaching(&self.cells.totals, &bounds.centres, half, (0, bins.n - 1));
        let around = (guess.saturating_sub(REACH), (guess + REACH).min(bins.n - 1));
        for range in [around, (0, bins.n - 1)] {
            if let Some(median) = self.median((own, bounds, error), &bins, range, near) {
                return Some(Spread { low, high, median });
            }
        }
        None
    }

    /// The highest score.
    #[inline(always)]
    fn nearest(&self, own: &[f32], bounds: &Bounds, error: f64) -> f64 {
        let slack = (2.0 * error) as f32;
        let (mut least, mut high) = (extreme(&bounds.far, |a, b| a < b), f64::NEG_INFINITY);
        for (group, near) in bounds.near.iter().enumerate() {
            if !any(near, |near| near <= least) {
                continue;
            }
            for (lane, near) in near.iter().enumerate() {
                let cell = group * CELL + lane;
                if *near > least || cell >= self.cells.len() {
                    continue;
                }
                let distances = self.cells.distances(cell, own);
                for (distance, column) in distances.iter().zip(&self.cells.members[cell]) {
                    if *distance <= least + slack {
                        least = least.min(*distance);
                        high = high.max(exact(self.columns, self.query, *column as usize));
                    }
                }
            }
        }
        high
    }

    /// The lowest score.
    #[inline(always)]
    fn farthest(&self, own: &[f32], bounds: &Bounds, error: f64) -> f64 {
        let slack = (2.0 * error) as f32;
        let (mut most, mut low) = (extreme(&bounds.near, |a, b| a > b), f64::INFINITY);
        for (group, far) in bounds.far.iter().enumerate() {
            if !any(far, |far| far >= most) {
                continue;
            }
            for (lane, far) in far.iter().enumerate() {
                let cell = group * CELL + lane;
                if *far < most || cell >= self.cells.len() {
                    continue;
                }
                let distances = self.cells.distances(cell, own);
                for (distance, column) in distances.iter().zip(&self.cells.members[cell]) {
                    if *distance >= most - slack {
                        most = most.max(*distance);
                        low = low.min(exact(self.columns, self.query, *column as usize));
                    }
                }
            }
        }
        low
    }

    /// The median if it is in one of the bins `first..=last`.
    #[inline(always)]
    fn median(
        &self,
        (own, bounds, error): (&[f32], &Bounds, f64),
        bins: &Bins,
        (first, last): (usize, usize),
        near: &mut Near,
    ) -> Option<f64> {
        // What is nearer to an edge than this belongs to either side.
        let guard = (2.0 * error + 8.0 * ROUNDOFF * -bins.low) as f32;
        let range = (bins.edge(last + 1) - guard, bins.edge(first) + guard);
        self.gather(own, bounds, range, near);
        let half = self.columns.total.div_ceil(2).saturating_sub(near.farther);
        let bin = bins.reaching(&near.counts, &near.distances, half, (first, last));
        let (far, close) = (bins.edge(bin), bins.edge(bin + 1));
        let farther = u64::from(beyond(&near.counts, &near.distances, [far + guard])[0]);
        let (mut below, mut members) = (near.farther + farther, Vec::new());
        for ((&cell, distances), counts) in near.cells.iter().zip(&near.distances).zip(&near.counts) {
            let is_near = |lane: usize| {
                (distances[lane] >= close - guard) & (distances[lane] <= far + guard) & (counts[lane] > 0)
            };
            let (lanes, n) = chosen(is_near);
            for &lane in &lanes[..n] {
                let (distance, column) = (distances[lane], self.cells.members[cell][lane] as usize);
                if distance < far - guard && distance > close + guard {
                    members.push(column);
                    continue;
                }
                match bins.of(exact(self.columns, self.query, column)).cmp(&bin) {
                    Ordering::Less => below += u64::from(counts[lane]),
                    Ordering::Equal => members.push(column),
                    Ordering::Greater => {}
                }
            }
        }
        let own: u64 = members.iter().map(|&u| u64::from(self.columns.counts[u])).sum();
        let is_median = 2 * below < self.columns.total && 2 * (below + own) >= self.columns.total;
        is_median.then(|| mean(self.columns, &mut members, |column| exact(self.columns, self.query, column)))
    }

    /// Takes the cells that may have columns in a range of distances.
    #[inline(always)]
    fn gather(&self, own: &[f32], bounds: &Bounds, (from, to): (f32, f32), out: &mut Near) {
        let Near { farther, cells, counts, distances } = out;
        *farther = u64::from(beyond(&self.cells.totals, &bounds.near, [to])[0]);
        cells.clear();
        for (group, (near, far)) in bounds.near.iter().zip(&bounds.far).enumerate() {
            let first = group * CELL;
            let is_real = |lane: usize| first + lane < self.cells.len();
            let (lanes, n) = chosen(|lane| (near[lane] <= to) & (far[lane] >= from) & is_real(lane));
            cells.extend(lanes[..n].iter().map(|lane| first + lane));
        }
        counts.clear();
        counts.extend(cells.iter().map(|&cell| self.cells.counts[cell]));
        distances.resize(cells.len(), [0.0; CELL]);
        for (distances, &cell) in distances.iter_mut().zip(&*cells) {
            *distances = self.cells.distances(cell, own);
        }
    }
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

    /// The first of some bins up to which there are so many positions, but for columns very near to its edges.
    #[inline(always)]
    fn reaching(
        &self,
        counts: &[Lanes<u32>],
        distances: &[Lanes<f32>],
        wanted: u64,
        (mut first, mut last): (usize, usize),
    ) -> usize {
        while first < last {
            // Each look at all distances leaves a fifth of the bins.
            let cuts: [usize; CUTS] = std::array::from_fn(|k| first + (last - first) * k / CUTS);
            let below = beyond(counts, distances, cuts.map(|cut| self.edge(cut + 1)));
            match below.iter().position(|n| u64::from(*n) >= wanted) {
                Some(0) => last = first,
                Some(k) => (first, last) = (cuts[k - 1] + 1, cuts[k]),
                None => first = cuts[CUTS - 1] + 1,
            }
        }
        first
    }
}

/// How many positions have a column that is farther than each of some distances.
#[inline(always)]
fn beyond<const N: usize>(counts: &[Lanes<u32>], distances: &[Lanes<f32>], limits: [f32; N]) -> [u32; N] {
    let mut sums = [0; N];
    for (count, distance) in counts.as_flattened().iter().zip(distances.as_flattened()) {
        for n in 0..N {
            sums[n] += if *distance > limits[n] { *count } else { 0 };
        }
    }
    sums
}

/// The lanes for which a condition holds, and how many there are.
///
/// Nothing is looked at one by one where there is none; and where there is, without a branch, which could not be
/// foretold.
#[inline(always)]
fn chosen(is: impl Fn(usize) -> bool) -> ([usize; CELL], usize) {
    let all: [bool; CELL] = std::array::from_fn(is);
    let (mut lanes, mut n) = ([0; CELL], 0);
    if all != [false; CELL] {
        for (lane, is) in all.into_iter().enumerate() {
            lanes[n % CELL] = lane;
            n += usize::from(is);
        }
    }
    (lanes, n)
}

/// Whether a condition holds for any number, looked at without branches.
#[inline(always)]
fn any(values: &Lanes<f32>, is: impl Fn(f32) -> bool) -> bool {
    values.iter().fold(false, |any, value| any | is(*value))
}

/// The number that is before all others.
#[inline(always)]
fn extreme(values: &[Lanes<f32>], is_before: impl Fn(f32, f32) -> bool) -> f32 {
    let first = |mut a: Lanes<f32>, b: &Lanes<f32>| {
        for lane in 0..CELL {
            a[lane] = if is_before(b[lane], a[lane]) { b[lane] } else { a[lane] };
        }
        a
    };
    let lanes = values.iter().copied().reduce(|a, b| first(a, &b)).unwrap_or_default();
    lanes.into_iter().reduce(|a, b| if is_before(b, a) { b } else { a }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use cistron_core::Seed;
    use ndarray::Array2;

    use super::super::column::{self, Measure, Scratch};
    use super::super::distance::Finish;
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

    fn search<'a>(targets: &'a TomtomTargets, query: &'a Side, n_bins: usize) -> Search<'a> {
        Search { columns: &targets.columns, cells: targets.cells(), query, n_bins }
    }

    #[test]
    fn single_precision_is_used_where_it_can_tell() {
        let targets = targets(500, 1.0);
        let query = MotifDistance::Euclidean.query(&[1.3, 1.0, 1.9, 1.1]);
        assert!(search(&targets, &query, 1000).run(&mut Space::default()).is_some());
        assert!(error_bound(&targets.columns, &query).is_some_and(|error| error < 5e-6));
        let far = MotifDistance::Euclidean.query(&[1e13, 0.0, 0.0, 0.0]);
        assert_eq!(search(&targets, &far, 1000).run(&mut Space::default()), None);
    }

    #[test]
    fn a_median_is_found_in_its_own_bin_and_in_no_other() {
        let targets = targets(700, 1.0);
        let query = MotifDistance::Euclidean.query(&[1.3, 1.0, 1.9, 1.1]);
        for n_bins in [2, 3, 20, 1000] {
            let search = search(&targets, &query, n_bins);
            let mut space = Space::default();
            let Spread { low, high, median } = search.run(&mut space).unwrap();
            let bins = Bins { low, range: high - low, n: n_bins };
            let error = error_bound(&targets.columns, &query).unwrap();
            let Space { own, bounds, near } = &mut space;
            let mut found = |range| search.median((own, bounds, error), &bins, range, near);
            // The mean of the columns in a bin is in it.
            let bin = bins.of(median);
            assert_eq!(found((0, n_bins - 1)), Some(median));
            for other in 0..n_bins {
                let expected = (other == bin).then_some(median);
                assert_eq!(found((other, other)), expected, "bin {other} of {n_bins}, expected {bin}");
            }
        }
    }
}
