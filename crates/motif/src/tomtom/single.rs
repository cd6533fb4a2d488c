//! Euclidean distances in single precision, with those recomputed that are too close to the edge of a bin.
//!
//! Every result is the one of double precision: a bound on the error of a single-precision distance tells which
//! bins are certain.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use super::align::{LANES, Lanes};
use super::column::{Scaling, Spread};
use super::distance::{Finish, Side};
use super::targets::Columns;

/// The unit roundoff of single precision.
pub(super) const ROUNDOFF: f64 = 1.0 / (1_u64 << 24) as f64;

/// A bin is certain if the number that it comes from is known better than this.
const WIDEST_GUARD: f64 = 0.2;

/// The largest error of a single-precision distance of a query column, or `None` where squares could leave the range of
/// single precision.
///
/// With `S` the sum of both columns' norms, and so no less than their distance, entries and their differences are off
/// by at most `2uS` in all, the root of `A` squares' sum by `A/2 uS`, its rounding by `uS`; one more `uS` stands for
/// products of these. The double-precision result is itself a root of a sum of `3A + 2` rounded numbers of at most
/// `S²`: off by `S √((3A + 2) 2⁻⁵³)` near 0.
pub(super) fn error_bound(columns: &Columns, query: &Side) -> Option<f64> {
    // A query's weights are twice its entries.
    let own = query.weights.iter().map(|w| (w / 2.0).powi(2)).sum::<f64>().sqrt();
    let most = own + columns.largest_norm;
    let letters = query.weights.len() as f64;
    let rounding = (4.0 + letters / 2.0) * ROUNDOFF;
    let cancellation = ((3.0 * letters + 2.0) * f64::EPSILON / 2.0).sqrt();
    (1e-9..1e12).contains(&most).then_some(most * (rounding + cancellation))
}

/// The score in double precision, with the operations of [`score`](super::column) in their order.
#[inline(always)]
pub(super) fn exact(columns: &Columns, query: &Side, column: usize) -> f64 {
    let mut z = query.constant + columns.constants[column];
    for (weight, weights) in query.weights.iter().zip(&columns.weights) {
        z -= weight * weights[column];
    }
    -(if z > 0.0 { z } else { 0.0 }).sqrt()
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
        // Four numbers of at most this size in all are rounded.
        let guard = scaling.scale * error + 2.0 * ROUNDOFF * size;
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
