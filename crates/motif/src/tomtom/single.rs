//! Euclidean distances in single precision, with those recomputed that are too close to the edge of a bin.
//!
//! Every result is the one of double precision: a bound on the error of a single-precision distance tells which
//! bins are certain.
#![expect(clippy::inline_always, reason = "inner loops take the instruction set of their caller")]

use std::cmp::Ordering;

use super::column::{Scaling, Spread, mean, median_bin};
use super::distance::Side;
use super::targets::Columns;

/// The unit roundoff of single precision.
const ROUNDOFF: f64 = 1.0 / (1_u64 << 24) as f64;

/// Distances computed at a time, so that partial sums stay in registers or the nearest cache.
const TILE: usize = 1024;

/// Elements between two looks at whether any of them is uncertain.
const CHUNK: usize = 64;

/// The same where uncertain ones are not so rare.
const SMALL_CHUNK: usize = 32;

/// Parts of a median bin; the first and the last may belong to the bins beside it.
const PARTS: u16 = 8;

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
    let (mut low, mut high) = (f32::INFINITY, 0.0_f32);
    for (tile, out) in out.chunks_mut(TILE).enumerate() {
        let start = tile * TILE;
        let end = start + out.len();
        // Two letters at a time: fewer passes over the sums, which wait in the nearest cache.
        out.fill(0.0);
        let (pairs, rest) = query.weights.as_chunks::<2>();
        for (pair, entries) in pairs.iter().zip(columns.singles.chunks_exact(2)) {
            let own = pair.map(|weight| (weight / 2.0) as f32);
            let (first, second) = (&entries[0][start..end], &entries[1][start..end]);
            for ((sum, first), second) in out.iter_mut().zip(first).zip(second) {
                let (a, b) = (own[0] - first, own[1] - second);
                *sum += a * a + b * b;
            }
        }
        for (weight, entries) in rest.iter().zip(columns.singles.chunks_exact(2).remainder()) {
            let own = (weight / 2.0) as f32;
            for (sum, entry) in out.iter_mut().zip(&entries[start..end]) {
                let difference = own - entry;
                *sum += difference * difference;
            }
        }
        for sum in out.iter_mut() {
            *sum = sum.sqrt();
        }
        let (least, most) = extremes(out);
        low = low.min(least);
        high = high.max(most);
    }
    (low, high)
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

/// Calls `see` with every index whose value satisfies a condition, most chunks being looked at in one go.
#[inline(always)]
fn each_where<T: Copy>(values: &[T], condition: impl Fn(T) -> bool, mut see: impl FnMut(usize)) {
    for (chunk, values) in values.chunks(SMALL_CHUNK).enumerate() {
        let mut any = 0_u8;
        for value in values {
            any |= u8::from(condition(*value));
        }
        if any != 0 {
            for (at, value) in values.iter().enumerate() {
                if condition(*value) {
                    see(chunk * SMALL_CHUNK + at);
                }
            }
        }
    }
}

/// The whole part of a number from 0 to 2^20 as [`whole`](super::column), and its distance from a whole number.
#[inline(always)]
fn whole(x: f32) -> (u32, f32) {
    /// Numbers of this size have no bits after the point.
    const SHIFT: f32 = (1_u32 << 23) as f32;
    let rounded = x + SHIFT;
    let nearest = rounded - SHIFT;
    let whole = (rounded.to_bits() & 0x007f_ffff).wrapping_sub(u32::from(nearest > x));
    (whole, (x - nearest).abs())
}

/// Fills the distances of a query column; its extremes and median, or `None` if single precision cannot tell.
#[inline(always)]
pub(super) fn spread(
    columns: &Columns,
    query: &Side,
    n_bins: usize,
    (distances_out, bins): (&mut [f32], &mut [u16]),
) -> Option<Spread> {
    let error = error_bound(columns, query)?;
    let (least, most) = distances(columns, query, distances_out);
    let (near, far) = (f64::from(least) + 2.0 * error, f64::from(most) - 2.0 * error);
    let (near, far) = (near.next_up() as f32, far.next_down() as f32);
    // Rounding to single precision could bring either back by a step.
    let (near, far) = (near.next_up(), far.next_down());
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    each_where(
        distances_out,
        |d| d <= near || d >= far,
        |column| {
            let score = exact(columns, query, column);
            low = low.min(score);
            high = high.max(score);
        },
    );
    let median = median(columns, query, (n_bins, error), (low, high), (distances_out, bins))?;
    Some(Spread { low, high, median })
}

#[inline(always)]
fn median(
    columns: &Columns,
    query: &Side,
    (n_bins, error): (usize, f64),
    (low, high): (f64, f64),
    (distances, parts): (&[f32], &mut [u16]),
) -> Option<f64> {
    if low == high {
        return Some(low);
    }
    let (range, last) = (high - low, (n_bins - 1) as f64);
    let scale = last / range;
    let guard = scale * (error - 4.0 * ROUNDOFF * low) + 8.0 * ROUNDOFF * (last + 1.0);
    if guard > 0.9 / f64::from(PARTS) || n_bins > usize::from(u16::MAX / PARTS) {
        return None;
    }
    let (scale, farthest) = ((scale * f64::from(PARTS)) as f32, -low as f32);
    for (part, distance) in parts.iter_mut().zip(distances) {
        // An uncertain number below 0 is one just above it.
        let x = (farthest - distance) * scale;
        *part = whole(if x > 0.0 { x } else { 0.0 }).0 as u16;
    }
    let bin = median_bin(columns, parts, (n_bins, |part| usize::from(part / PARTS)));
    // Parts are off by one at most.
    let (first, last_part) = (bin * PARTS, bin * PARTS + PARTS - 1);
    let before = first.saturating_sub(1);
    let certain = first + 1..last_part;
    let (mut below, mut members) = (0, Vec::new());
    each_where(
        parts,
        |part| part.wrapping_sub(before) <= last_part + 1 - before,
        |column| {
            if certain.contains(&parts[column]) {
                members.push(column);
                return;
            }
            let score = exact(columns, query, column);
            match (((score - low) / range * last) as u16).cmp(&bin) {
                Ordering::Less => below += u64::from(columns.counts[column]),
                Ordering::Equal => members.push(column),
                Ordering::Greater => {}
            }
        },
    );
    for (parts, counts) in parts.chunks(TILE).zip(columns.counts.chunks(TILE)) {
        let counts = parts.iter().zip(counts).map(|(part, count)| if *part < before { *count } else { 0 });
        below += counts.fold(0_u64, |sum, count| sum + u64::from(count));
    }
    let own: u64 = members.iter().map(|&u| u64::from(columns.counts[u])).sum();
    let is_median = 2 * below < columns.total && 2 * (below + own) >= columns.total;
    is_median.then(|| mean(columns, &mut members, |column| exact(columns, query, column)))
}

/// Integer scores of one query column from its distances; `false` if single precision cannot tell.
#[inline(always)]
pub(super) fn quantise(
    columns: &Columns,
    query: &Side,
    (scaling, spread): (Scaling, Spread),
    (distances, integers): (&[f32], &mut [u8]),
) -> bool {
    let Some(error) = error_bound(columns, query) else { return false };
    let middle = 0.5 - (spread.median + scaling.floor) * scaling.scale;
    let size = middle.abs() - spread.low * scaling.scale + 256.0;
    let guard = scaling.scale * error + 8.0 * ROUNDOFF * size;
    if guard > WIDEST_GUARD {
        return false;
    }
    let (scale, middle, guard) = (scaling.scale as f32, middle as f32, (guard as f32).next_up());
    let number = |distance: f32| middle - distance * scale;
    for (chunk, (integers, distances)) in integers.chunks_mut(CHUNK).zip(distances.chunks(CHUNK)).enumerate()
    {
        let mut uncertain = 0_u8;
        for (integer, distance) in integers.iter_mut().zip(distances) {
            let (value, from_edge) = whole(number(*distance));
            *integer = value as u8;
            uncertain |= u8::from(from_edge < guard);
        }
        if uncertain != 0 {
            for (at, (integer, distance)) in integers.iter_mut().zip(distances).enumerate() {
                if whole(number(*distance)).1 < guard {
                    *integer = scaling.integer(exact(columns, query, chunk * CHUNK + at), spread.median);
                }
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use cistron_core::Seed;
    use ndarray::Array2;

    use super::super::column::{self, Scratch};
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
                let ends =
                    column::score(columns, &query, super::super::distance::Finish::NegativeRoot, &mut scores);
                let median = column::median(columns, &scores, ends, 1000, &mut bins);
                let expected = Spread { low: ends.0, high: ends.1, median };
                let scaling = Scaling::new(&[expected], 100);
                let integers: Vec<u8> = scores.iter().map(|s| scaling.integer(*s, median)).collect();
                for instructions in Instructions::all() {
                    let (mut distances, mut scores, mut found) = (vec![0.0; n], vec![0.0; n], vec![0; n]);
                    let mut scratch =
                        Scratch { distances: &mut distances, scores: &mut scores, bins: &mut bins };
                    let spread = instructions.spread(&targets, &query, scratch.reborrow());
                    assert_eq!(spread, expected, "{instructions:?} {width} {size}");
                    instructions.quantise(&targets, &query, (scaling, spread), (scratch, &mut found));
                    assert_eq!(found, integers, "{instructions:?} {width} {size}");
                }
            }
        }
    }

    #[test]
    fn single_precision_is_used_where_it_can_tell() {
        let targets = targets(500, 1.0);
        let columns = &targets.columns;
        let query = MotifDistance::Euclidean.query(&[1.3, 1.0, 1.9, 1.1]);
        let (mut distances, mut bins) = (vec![0.0; columns.len()], vec![0; columns.len()]);
        assert!(spread(columns, &query, 1000, (&mut distances, &mut bins)).is_some());
        assert!(error_bound(columns, &query).is_some_and(|error| error < 1e-5));
        assert_eq!(error_bound(columns, &MotifDistance::Euclidean.query(&[1e13, 0.0, 0.0, 0.0])), None);
    }
}
