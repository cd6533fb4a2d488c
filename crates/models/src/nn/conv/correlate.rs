//! Correlation of rows of channels with taps, as matrix products on overlapping views of the rows.

use faer::prelude::ReborrowMut;
use faer::{Accum, MatRef};
use rayon::prelude::*;

use super::super::Real;
use super::super::matrix::{block_product, matrix, matrix_mut, strided};
use super::super::tensor::RawResult;

/// The output positions that one thread works on at a time.
const TILE: usize = 1024;
/// The same where functions of a tile's values follow, which should still be near.
const SMALL_TILE: usize = 256;
/// Into so many sums the work on a weight gradient is split at most, whatever the number of threads.
const PARTS: usize = 8;

/// Positions of channels, as a correlation sees them: with zeros around and, where stretched, between them.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Rows<'a, T> {
    /// (B, length, channels).
    pub(in super::super) values: &'a [T],
    pub(in super::super) length: usize,
    pub(in super::super) channels: usize,
    /// The distance of neighbouring positions once zeros are put between them.
    pub(in super::super) stretch: usize,
    /// The number of zeros before the first position; below 0 that many positions are left out.
    pub(in super::super) before: isize,
}

impl<T: Real> Rows<'_, T> {
    fn n_items(&self) -> usize {
        self.values.len().checked_div(self.length * self.channels).unwrap_or(0)
    }

    /// `count` rows of an item from `first`, as they lie or put together in a buffer.
    fn get<'b>(&'b self, item: usize, first: usize, count: usize, buffer: &'b mut Vec<T>) -> &'b [T] {
        let (width, size) = (self.channels, self.length * self.channels);
        let values = &self.values[item * size..(item + 1) * size];
        let start = first as isize - self.before;
        if self.stretch == 1 && start >= 0 && start as usize + count <= self.length {
            return &values[start as usize * width..][..count * width];
        }
        buffer.clear();
        buffer.resize(count * width, T::zero());
        for (i, row) in buffer.chunks_exact_mut(width).enumerate() {
            let at = start + i as isize;
            if at >= 0
                && (at as usize).is_multiple_of(self.stretch)
                && (at as usize) / self.stretch < self.length
            {
                row.copy_from_slice(&values[at as usize / self.stretch * width..][..width]);
            }
        }
        buffer
    }
}

/// The taps of a correlation.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Taps {
    pub(in super::super) count: usize,
    pub(in super::super) dilation: usize,
    pub(in super::super) groups: usize,
    /// Channels in and out, of all groups together.
    pub(in super::super) inputs: usize,
    pub(in super::super) outputs: usize,
}

/// A matrix product that is a part of a correlation: `width` values of the rows from `offset` on with the packed
/// weights from `row` on make the outputs of a group.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Part {
    pub(super) offset: usize,
    pub(super) width: usize,
    pub(super) row: usize,
    pub(super) group: usize,
}

impl Taps {
    const fn group_inputs(&self) -> usize {
        self.inputs / self.groups
    }

    pub(super) const fn group_outputs(&self) -> usize {
        self.outputs / self.groups
    }

    /// The positions from the first tap to the last.
    pub(in super::super) const fn span(&self) -> usize {
        (self.count - 1) * self.dilation + 1
    }

    /// All taps at once where they lie side by side, else each by itself.
    pub(in super::super) fn parts(&self) -> Vec<Part> {
        let width = self.group_inputs();
        if self.dilation == 1 && self.groups == 1 {
            return vec![Part { offset: 0, width: self.count * width, row: 0, group: 0 }];
        }
        let part = |group: usize, tap: usize| Part {
            offset: tap * self.dilation * self.inputs + group * width,
            width,
            row: (group * self.count + tap) * width,
            group,
        };
        (0..self.groups).flat_map(|group| (0..self.count).map(move |tap| part(group, tap))).collect()
    }

    /// Weights (outputs, inputs of a group, taps) as (group, tap, input) rows of a group's outputs.
    pub(in super::super) fn packed<T: Real>(&self, weights: &[T]) -> Vec<T> {
        let (inputs, outputs) = (self.group_inputs(), self.group_outputs());
        let mut packed = vec![T::zero(); weights.len()];
        self.for_each_weight(|i, (group, output, input, tap)| {
            packed[((group * self.count + tap) * inputs + input) * outputs + output] = weights[i];
        });
        packed
    }

    /// Writes packed weights as (outputs, inputs of a group, taps).
    pub(in super::super) fn unpack<T: Real>(&self, packed: &[T], weights: &mut [T]) {
        let (inputs, outputs) = (self.group_inputs(), self.group_outputs());
        self.for_each_weight(|i, (group, output, input, tap)| {
            weights[i] = packed[((group * self.count + tap) * inputs + input) * outputs + output];
        });
    }

    /// Weights (inputs, outputs of a group, taps) of the correlation that this one undoes, packed for this one: taps
    /// in reverse.
    pub(in super::super) fn packed_reverse<T: Real>(&self, weights: &[T]) -> Vec<T> {
        let (inputs, outputs) = (self.group_inputs(), self.group_outputs());
        let undone = Self { inputs: self.outputs, outputs: self.inputs, ..*self };
        let mut packed = vec![T::zero(); weights.len()];
        undone.for_each_weight(|i, (group, input, output, tap)| {
            let tap = self.count - 1 - tap;
            packed[((group * self.count + tap) * inputs + input) * outputs + output] = weights[i];
        });
        packed
    }

    /// Calls with the index of each weight of (outputs, inputs of a group, taps) and its (group, output within the
    /// group, input within the group, tap).
    fn for_each_weight(&self, mut call: impl FnMut(usize, (usize, usize, usize, usize))) {
        let (inputs, outputs) = (self.group_inputs(), self.group_outputs());
        let mut i = 0;
        for output in 0..self.outputs {
            for input in 0..inputs {
                for tap in 0..self.count {
                    call(i, (output / outputs, output % outputs, input, tap));
                    i += 1;
                }
            }
        }
    }
}

/// `out[b, p, ·] = Σ over taps t: rows[b, p · step + t · dilation, ·] · weights[t]`.
pub(in super::super) struct Correlation<'a, T> {
    pub(in super::super) rows: Rows<'a, T>,
    pub(in super::super) step: usize,
    pub(in super::super) taps: Taps,
    /// Packed.
    pub(in super::super) weights: &'a [T],
    pub(in super::super) out_length: usize,
}

impl<T: Real> Correlation<'_, T> {
    /// Writes (B, `out_length`, outputs).
    pub(in super::super) fn run(&self, out: &mut [T]) -> RawResult<()> {
        let (width, parts) = (self.taps.outputs, self.taps.parts());
        if out.is_empty() {
            return Ok(());
        }
        let items = out.chunks_exact_mut(self.out_length * width).enumerate();
        let tiles = |(item, out): (usize, _)| {
            let out: &mut [T] = out;
            out.chunks_mut(TILE * width).enumerate().map(move |(tile, out)| (item, tile * TILE, out))
        };
        let mut tiles: Vec<(usize, usize, &mut [T])> = items.flat_map(tiles).collect();
        let work = |buffer: &mut Vec<T>, (item, first, out): &mut (usize, usize, &mut [T])| {
            self.tile(&parts, *item, *first, out, buffer)
        };
        if let [tile] = &mut *tiles {
            return work(&mut Vec::new(), tile);
        }
        tiles.par_iter_mut().try_for_each_init(Vec::new, work)
    }

    /// Writes (`out_length`, outputs) of the first item on this thread, a tile at a time: each begins with a row of
    /// numbers and ends with a function of its values.
    pub(in super::super) fn run_first(
        &self,
        parts: &[Part],
        start: &[T],
        out: &mut [T],
        buffer: &mut Vec<T>,
        finish: impl Fn(&mut [T]),
    ) -> RawResult<()> {
        let width = self.taps.outputs;
        for (tile, out) in out.chunks_mut(SMALL_TILE * width).enumerate() {
            out.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(start));
            self.tile(parts, 0, tile * SMALL_TILE, out, buffer)?;
            finish(out);
        }
        Ok(())
    }

    fn tile(
        &self,
        parts: &[Part],
        item: usize,
        first: usize,
        out: &mut [T],
        buffer: &mut Vec<T>,
    ) -> RawResult<()> {
        let (count, width) = (out.len() / self.taps.outputs, self.taps.group_outputs());
        let needed = (count - 1) * self.step + self.taps.span();
        let rows = self.rows.get(item, first * self.step, needed, buffer);
        let weights = matrix(self.weights, width)?;
        let mut out = matrix_mut(out, self.taps.outputs)?;
        for part in parts {
            let seen = seen_by(part, rows, count, self.step * self.rows.channels)?;
            let weights = weights.subrows(part.row, part.width);
            let out = out.rb_mut().subcols_mut(part.group * width, width);
            block_product(seen, weights, Accum::Add, out);
        }
        Ok(())
    }
}

/// What a part of a correlation sees of rows: for each of `count` outputs a run of values, `step` values apart. The
/// runs overlap.
fn seen_by<'a, T>(part: &Part, rows: &'a [T], count: usize, step: usize) -> RawResult<MatRef<'a, T>> {
    strided(rows.get(part.offset..).unwrap_or(&[]), count, part.width, step)
}

/// The gradient by the weights, packed: `Σ over b, p: rows[b, p · step + t · dilation, ·]ᵀ · gradient[b, p, ·]`.
pub(in super::super) fn weight_sums<T: Real>(
    rows: &Rows<'_, T>,
    step: usize,
    taps: Taps,
    gradient: &[T],
    out_length: usize,
) -> RawResult<Vec<T>> {
    let parts = taps.parts();
    let tiles: Vec<(usize, usize)> = (0..rows.n_items())
        .flat_map(|item| (0..out_length).step_by(TILE).map(move |first| (item, first)))
        .collect();
    let sum_of = |tiles: &[(usize, usize)]| -> RawResult<Vec<T>> {
        let mut buffer = Vec::new();
        let mut packed = vec![T::zero(); taps.outputs * taps.group_inputs() * taps.count];
        let mut sum = matrix_mut(&mut packed, taps.group_outputs())?;
        for &(item, first) in tiles {
            let count = TILE.min(out_length - first);
            let needed = (count - 1) * step + taps.span();
            let rows_seen = rows.get(item, first * step, needed, &mut buffer);
            let start = (item * out_length + first) * taps.outputs;
            let gradient = matrix(&gradient[start..start + count * taps.outputs], taps.outputs)?;
            for part in &parts {
                let width = taps.group_outputs();
                let seen = seen_by(part, rows_seen, count, step * rows.channels)?;
                let gradient = gradient.subcols(part.group * width, width);
                let sum = sum.rb_mut().subrows_mut(part.row, part.width);
                block_product(seen.transpose(), gradient, Accum::Add, sum);
            }
        }
        Ok(packed)
    };
    let sums: Vec<RawResult<Vec<T>>> =
        tiles.par_chunks(tiles.len().div_ceil(PARTS).max(1)).map(sum_of).collect();
    let mut total = vec![T::zero(); taps.outputs * taps.group_inputs() * taps.count];
    for sum in sums {
        total.iter_mut().zip(sum?).for_each(|(total, sum)| *total += sum);
    }
    Ok(total)
}
