//! Means of bins with the sums of `numpy`, to the last bit.

use std::sync::Arc;

use cistron_core::Region;

use super::plan::Window;
use super::{AverageOptions, MissingBases};
use crate::GenomeError;
use crate::bigwig::BigWig;

/// The mean of each bin of a window, NaN for a bin without one.
pub(super) fn bin_means(
    track: &BigWig,
    contig: &Arc<str>,
    window: &Window,
    options: &AverageOptions,
) -> Result<Vec<f64>, GenomeError> {
    let (begin, limit, size) = (window.start, window.end, options.bin_size);
    let mut bins = Bins {
        missing: options.missing,
        size,
        limit,
        start: begin,
        end: begin.saturating_add(size).min(limit),
        filled: begin,
        pieces: Vec::new(),
        bases: Vec::new(),
        means: Vec::with_capacity(((limit - begin) / size) as usize + 1),
    };
    let region = Region::new(contig.clone(), begin.into(), limit.into());
    let region = region.map_err(|error| GenomeError::Request(error.to_string()))?;
    track.for_each_value(&region, |start, end, value| bins.add(start.max(begin), end.min(limit), value))?;
    while bins.start < limit {
        bins.close();
    }
    Ok(bins.means)
}

/// Bins of one size that are filled from left to right.
struct Bins {
    missing: MissingBases,
    size: u32,
    limit: u32,
    /// The open bin.
    start: u32,
    end: u32,
    /// How far the open bin has been filled.
    filled: u32,
    /// Widths and values of the open bin, NaN for none.
    pieces: Vec<(u32, f32)>,
    /// Room for its bases one by one.
    bases: Vec<f64>,
    means: Vec<f64>,
}

impl Bins {
    #[inline]
    fn add(&mut self, start: u32, end: u32, value: f32) {
        if value.is_nan() {
            return;
        }
        while self.start < self.limit {
            let (from, to) = (start.max(self.start), end.min(self.end));
            if from < to {
                if self.filled < from {
                    self.pieces.push((from - self.filled, f32::NAN));
                }
                self.pieces.push((to - from, value));
                self.filled = to;
            }
            if end <= self.end {
                break;
            }
            self.close();
        }
    }

    fn close(&mut self) {
        let width = self.end - self.start;
        let mean = self.mean(width);
        self.means.push(mean);
        self.pieces.clear();
        self.start = self.end;
        self.filled = self.end;
        self.end = self.end.saturating_add(self.size).min(self.limit);
    }

    fn mean(&mut self, width: u32) -> f64 {
        let covered: u32 = self.pieces.iter().filter(|piece| !piece.1.is_nan()).map(|piece| piece.0).sum();
        let n = match self.missing {
            MissingBases::Zero => width,
            MissingBases::LeaveOut if covered > 0 => covered,
            MissingBases::DropBin if covered == width => width,
            _ => return f64::NAN,
        };
        let sum = exact_sum(&self.pieces).unwrap_or_else(|| {
            self.bases.clear();
            for &(width, value) in &self.pieces {
                let (value, counts) = match self.missing {
                    MissingBases::Zero if value.is_nan() => (0.0, true),
                    _ => (value, !value.is_nan()),
                };
                let width = if counts { width as usize } else { 0 };
                self.bases.extend(std::iter::repeat_n(f64::from(value), width));
            }
            if self.missing == MissingBases::Zero {
                self.bases.resize(width as usize, 0.0);
            }
            numpy_sum(&self.bases)
        });
        sum / f64::from(n)
    }
}

/// The sum over all bases, if it is the same in any order: where the numbers are so near in size that no addition
/// rounds.
fn exact_sum(pieces: &[(u32, f32)]) -> Option<f64> {
    let (mut sum, mut size, mut finest) = (0.0, 0.0, i32::MAX);
    for &(width, value) in pieces.iter().filter(|piece| !piece.1.is_nan() && piece.1 != 0.0) {
        let product = f64::from(width) * f64::from(value);
        sum += product;
        size += product.abs();
        // The last of the 24 bits of the number.
        finest = finest.min(((value.to_bits() >> 23 & 0xFF) as i32).max(1) - 127 - 23);
    }
    if finest == i32::MAX {
        return Some(0.0);
    }
    // All partial sums are whole multiples of 2^finest, and below 2^53 of them are exact.
    let limit = f64::from_bits(((finest + 53 + 1023) as u64) << 52);
    (size < limit).then_some(sum)
}

/// The sum as `numpy.add.reduce` has it: pairwise, with eight sums side by side in blocks of 128.
fn numpy_sum(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 8 {
        return values.iter().fold(0.0, |sum, value| sum + value);
    }
    if n > 128 {
        let half = n / 2 - n / 2 % 8;
        let (left, right) = values.split_at(half);
        return numpy_sum(left) + numpy_sum(right);
    }
    let (eights, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (i, eight) in eights.iter().enumerate() {
        for (sum, value) in sums.iter_mut().zip(eight) {
            *sum = if i == 0 { *value } else { *sum + value };
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

/// The mean, NaN of nothing.
pub(super) fn numpy_mean(values: &[f64]) -> f64 {
    if values.is_empty() { f64::NAN } else { numpy_sum(values) / values.len() as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sums_round_as_those_of_numpy() {
        // numpy 2.4.6: numpy.add.reduce(0.1 * numpy.arange(n))
        let sum = |n: u32| numpy_sum(&(0..n).map(|i| 0.1 * f64::from(i)).collect::<Vec<_>>());
        for (n, expected) in NUMPY_SUMS {
            assert_eq!(sum(n), expected, "{n}");
        }
    }

    #[expect(clippy::unreadable_literal, reason = "as numpy prints them")]
    const NUMPY_SUMS: [(u32, f64); 6] = [
        (7, 2.1),
        (8, 2.8000000000000003),
        (50, 122.50000000000001),
        (128, 812.8000000000001),
        (129, 825.6),
        (1000, 49950.0),
    ];

    proptest! {
        #[test]
        fn sums_said_to_be_exact_are_those_of_the_bases(
            pieces in prop::collection::vec((1_u32..40, -30_i32..30, -1000_i32..1000), 1..20),
        ) {
            let pieces: Vec<(u32, f32)> = pieces
                .into_iter()
                .map(|(width, exponent, number)| (width, (f64::from(number) * f64::from(exponent).exp2()) as f32))
                .collect();
            let bases: Vec<f64> =
                pieces.iter().flat_map(|&(width, value)| vec![f64::from(value); width as usize]).collect();
            if let Some(sum) = exact_sum(&pieces) {
                prop_assert_eq!(sum, numpy_sum(&bases));
            }
        }
    }
}
