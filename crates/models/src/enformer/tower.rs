//! The stem and the tower of convolutions: stages that halve the length.
//!
//! Rows are computed in tiles, with as many rows around them as they depend on, so that what lies between is never
//! there for the whole sequence. A tile's size does not depend on the number of threads.

use std::ops::Range;

use faer::Accum;
use rayon::prelude::*;

use super::layers::{Dense, Scaling, Shelf, room};
use crate::nn::{Real, vectorised};

/// A convolution, another of one tap around which its input is added, and a pool of pairs.
#[derive(Debug)]
pub(super) struct Stage<T> {
    /// Before the convolution, with GELU; none in the stem.
    pub(super) before: Option<Scaling<T>>,
    /// Weights (outputs, taps · inputs), all inputs of a tap together.
    pub(super) conv: Dense<T>,
    pub(super) taps: usize,
    pub(super) within: Scaling<T>,
    pub(super) pointwise: Dense<T>,
    /// The weights of the pool.
    pub(super) gate: Dense<T>,
}

/// Some rows of a sequence of `length`, from row `first` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a, T> {
    pub(super) values: &'a [T],
    pub(super) first: usize,
    pub(super) length: usize,
}

/// What a thread needs to compute a tile.
#[derive(Debug, Default)]
pub(super) struct Bench<T> {
    prepared: Vec<T>,
    values: Vec<T>,
    other: Vec<T>,
    between: Vec<Vec<T>>,
}

impl<T: Real> Stage<T> {
    fn inputs(&self) -> usize {
        self.conv.inputs / self.taps
    }

    /// The rows of an input of `length` that some output rows depend on.
    fn reads(&self, out: &Range<usize>, length: usize) -> Range<usize> {
        let halo = self.taps / 2;
        (2 * out.start).saturating_sub(halo)..(2 * out.end + halo).min(length)
    }

    /// The output rows that depend on some rows of an input of `length`.
    fn spreads(&self, rows: &Range<usize>, length: usize) -> Range<usize> {
        let halo = self.taps / 2;
        rows.start.saturating_sub(halo) / 2..(rows.end + halo).min(length).div_ceil(2)
    }

    /// Output rows `range`, from the rows that [`Self::reads`] names or more.
    fn run(&self, input: Rows<'_, T>, range: &Range<usize>, bench: &mut Bench<T>, out: &mut [T]) {
        let (start, end) = (2 * range.start, (2 * range.end).min(input.length));
        let (n, width) = (end - start, self.conv.outputs);
        let prepared = room(&mut bench.prepared, (n + self.taps - 1) * self.inputs());
        self.prepare(input, start, prepared);
        let values = room(&mut bench.values, n * width);
        self.conv.multiply(prepared, self.inputs(), Accum::Replace, values);
        let other = room(&mut bench.other, n * width);
        self.within.gelu_after(self.conv.bias(), values, other);
        self.pointwise.multiply(other, width, Accum::Add, values);
        let pairs = n / 2 * width;
        let differences = &mut other[..pairs];
        self.split_pairs(values, differences, out);
        let gates = room(&mut bench.prepared, pairs);
        self.gate.multiply(differences, width, Accum::Replace, gates);
        weigh(gates, differences, out);
    }

    /// The rows that the convolution runs over: normalised, with rows of zeros beyond the ends.
    fn prepare(&self, input: Rows<'_, T>, start: usize, prepared: &mut [T]) {
        let (halo, width) = (self.taps / 2, self.inputs());
        let n = prepared.len() / width;
        let before = halo.saturating_sub(start).min(n);
        let from = (start + before).saturating_sub(halo);
        let inside = input.length.saturating_sub(from).min(n - before);
        let (zeros, rest) = prepared.split_at_mut(before * width);
        let (rows, more_zeros) = rest.split_at_mut(inside * width);
        zeros.fill(T::zero());
        more_zeros.fill(T::zero());
        let values = &input.values[(from - input.first) * width..][..rows.len()];
        match &self.before {
            Some(scaling) => scaling.gelu(values, rows),
            None => rows.copy_from_slice(values),
        }
    }

    /// First minus second of each pair of rows, and the second, to which the bias is added, as the first guess of the
    /// result. A last row without another is a result.
    fn split_pairs(&self, values: &[T], differences: &mut [T], out: &mut [T]) {
        let bias = self.pointwise.bias();
        let width = bias.len();
        vectorised(
            #[inline(always)]
            || {
                let pairs = values.chunks_exact(2 * width);
                let last = pairs.remainder();
                let results = out.chunks_exact_mut(width);
                for ((pair, d), out) in pairs.zip(differences.chunks_exact_mut(width)).zip(results) {
                    let (first, second) = pair.split_at(width);
                    let pairs = first.iter().zip(second).zip(bias);
                    for (((first, second), bias), (d, out)) in pairs.zip(d.iter_mut().zip(out)) {
                        *d = *first - *second;
                        *out = *second + *bias;
                    }
                }
                let at = out.len() - last.len();
                for ((out, last), bias) in out[at..].iter_mut().zip(last).zip(bias) {
                    *out = *last + *bias;
                }
            },
        );
    }
}

/// `out += σ(gate) · difference`: the softmax over the two of a pair is the logistic function of their logits'
/// difference, which the pool's weights make of the difference of the two.
fn weigh<T: Real>(gates: &[T], differences: &[T], out: &mut [T]) {
    vectorised(
        #[inline(always)]
        || {
            for ((out, gate), difference) in out.iter_mut().zip(gates).zip(differences) {
                *out += gate.logistic() * *difference;
            }
        },
    );
}

/// Rows of outputs that are computed at a time, of one stage.
const TILE: usize = 256;

/// The stages that are computed tile by tile at once: the results of the first are the largest by far.
const TOGETHER: usize = 2;

/// Output rows of all stages that are computed at a time where few are wanted.
const FEW: usize = 8;

/// The stem and the stages of the tower.
#[derive(Debug)]
pub(super) struct Tower<T> {
    pub(super) stages: Vec<Stage<T>>,
}

impl<T: Real + Default> Tower<T> {
    /// All output rows of one-hot rows.
    pub(super) fn run(&self, one_hot: Vec<T>, length: usize) -> Vec<T> {
        let (together, rest) = self.stages.split_at(TOGETHER.min(self.stages.len()));
        let groups = std::iter::once(together).chain(rest.chunks(1));
        let shelf = Shelf::default();
        groups
            .fold((one_hot, length), |(values, length), stages| {
                let input = Rows { values: &values, first: 0, length };
                let out_length = stages.iter().fold(length, |length, _| length.div_ceil(2));
                (tiles(stages, input, 0..out_length, TILE, &shelf), out_length)
            })
            .0
    }

    /// Some output rows; the one-hot rows are all those of the sequence.
    pub(super) fn some(&self, one_hot: &[T], length: usize, range: Range<usize>) -> Vec<T> {
        tiles(&self.stages, Rows { values: one_hot, first: 0, length }, range, FEW, &Shelf::default())
    }

    /// The rows after the stem.
    #[cfg(test)]
    pub(super) fn first_stage(&self, one_hot: &[T], length: usize) -> Vec<T> {
        let input = Rows { values: one_hot, first: 0, length };
        tiles(&self.stages[..1], input, 0..length.div_ceil(2), TILE, &Shelf::default())
    }

    /// The output rows that depend on some letters of a sequence of `length`.
    pub(super) fn spread(&self, letters: Range<usize>, length: usize) -> Range<usize> {
        let step = |(rows, length): (Range<usize>, usize), stage: &Stage<T>| {
            (stage.spreads(&rows, length), length.div_ceil(2))
        };
        self.stages.iter().fold((letters, length), step).0
    }

    /// The channels of a row.
    pub(super) fn outputs(&self) -> usize {
        self.stages.last().map_or(0, |stage| stage.conv.outputs)
    }
}

/// Output rows of some stages, tile by tile.
fn tiles<T: Real + Default>(
    stages: &[Stage<T>],
    input: Rows<'_, T>,
    range: Range<usize>,
    tile: usize,
    shelf: &Shelf<Bench<T>>,
) -> Vec<T> {
    let width = stages.last().map_or(0, |stage| stage.conv.outputs);
    let mut out = vec![T::zero(); range.len() * width];
    out.par_chunks_mut((tile * width).max(1)).enumerate().for_each(|(i, out)| {
        let start = range.start + i * tile;
        let range = start..start + out.len() / width;
        shelf.lend(|bench| through(stages, input, &range, bench, out));
    });
    out
}

/// Output rows of some stages, from the rows of the input that they depend on.
fn through<T: Real>(
    stages: &[Stage<T>],
    input: Rows<'_, T>,
    range: &Range<usize>,
    bench: &mut Bench<T>,
    out: &mut [T],
) {
    let Some((last, before)) = stages.split_last() else { return };
    if before.is_empty() {
        return last.run(input, range, bench, out);
    }
    let length = before.iter().fold(input.length, |length, _| length.div_ceil(2));
    let wanted = last.reads(range, length);
    let mut between = bench.between.pop().unwrap_or_default();
    let values = room(&mut between, wanted.len() * last.inputs());
    through(before, input, &wanted, bench, values);
    last.run(Rows { values, first: wanted.start, length }, range, bench, out);
    bench.between.push(between);
}
