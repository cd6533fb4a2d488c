use std::ops::Range;

use candle_core::bail;
use faer::prelude::ReborrowMut;
use faer::{MatMut, MatRef};
use rayon::prelude::*;

use super::super::FrozenLayer;
use super::active::Active;
use super::changes::Changes;
use super::reference::Kept;
use crate::nn::Real;
use crate::nn::matrix::{matrix_mut, strided};
use crate::nn::tensor::{RawResult, Tensor, with_values};

/// The outputs that one thread works on at a time.
const OUTPUTS: usize = 192;
/// The positions whose weights are laid out at a time: what is read of a channel lies together.
const POSITIONS: usize = 48;
/// The channels whose weights are turned at a time: they fill a cache line of each position.
const CHANNELS: usize = 16;

impl<T: Real + Default> Changes<T> {
    /// Features of whole sequences from the spans of many tiles.
    pub(super) fn gathered(tiles: &[Self], layer: &FrozenLayer<T>, kept: &[Kept<T>]) -> RawResult<Self> {
        let (Some(kept), Some(first)) = (kept.first(), tiles.first()) else {
            bail!("a network without its reference")
        };
        let n = tiles.iter().map(Self::n).sum();
        let width = match layer {
            FrozenLayer::Flatten { .. } => kept.rows * first.channels,
            _ => first.channels,
        };
        let mut features = Self::features(n, width);
        let rows = tiles.iter().flat_map(|tile| (0..tile.n()).map(move |mutant| (tile, mutant)));
        for ((tile, mutant), out) in rows.zip(features.values.chunks_exact_mut(width.max(1))) {
            match layer {
                FrozenLayer::Flatten { by_channel } => tile.flatten(*by_channel, kept.rows, mutant, out),
                FrozenLayer::Global(pool) => tile.global(*pool, kept, mutant, out),
                _ => bail!("a layer that does not see whole sequences"),
            }
        }
        Ok(features)
    }

    fn flatten(&self, by_channel: bool, rows: usize, mutant: usize, out: &mut [T]) {
        let (of_position, of_channel) = if by_channel { (1, rows) } else { (self.channels, 1) };
        for i in 0..self.width {
            let position = self.starts[mutant] + i as isize;
            if let Some(position) = usize::try_from(position).ok().filter(|position| *position < rows) {
                for (channel, x) in self.row(i, mutant).iter().enumerate() {
                    out[position * of_position + channel * of_channel] = *x;
                }
            }
        }
    }
}

/// Linear features of flattened spans: of the weights just those of the spans' positions are read.
pub(super) fn flat_linear<T: Real + Default>(
    tiles: &[Changes<T>],
    rows: usize,
    by_channel: bool,
    weight: &Tensor,
    outputs: usize,
) -> RawResult<Changes<T>> {
    let Some(first) = tiles.first() else { return Ok(Changes::features(0, outputs)) };
    let (width, channels) = (first.width, first.channels);
    if weight.shape() != [outputs, rows * channels] {
        bail!("weights of shape {:?} take no {rows} rows of {channels}", weight.shape());
    }
    let spans =
        Spans { tiles, starts: tiles.iter().flat_map(|tile| tile.starts.clone()).collect(), width, channels };
    let mut features = Changes::features(spans.starts.len(), outputs);
    with_values::<T, _>(&weight.raw, |values| {
        let weights = Weights { values, rows, channels, by_channel };
        spans.linear(weights, matrix_mut(&mut features.values, outputs)?)
    })??;
    Ok(features)
}

/// The weights of all outputs, positions and channels.
#[derive(Clone, Copy)]
struct Weights<'a, T> {
    values: &'a [T],
    rows: usize,
    channels: usize,
    by_channel: bool,
}

impl<'a, T: Real> Weights<'a, T> {
    /// Those of some outputs.
    fn of(self, outputs: Range<usize>) -> Self {
        let features = self.rows * self.channels;
        Self { values: &self.values[outputs.start * features..outputs.end * features], ..self }
    }

    /// Those of some positions, as (outputs, positions, channels).
    fn lay_out(&self, positions: &Range<usize>, packed: &mut Vec<T>) {
        let (features, size) = ((self.rows * self.channels).max(1), (positions.len() * self.channels).max(1));
        packed.resize(self.values.len() / features * size, T::zero());
        for (weights, packed) in self.values.chunks_exact(features).zip(packed.chunks_exact_mut(size)) {
            for (block, weights) in weights.chunks(CHANNELS * self.rows).enumerate() {
                for (i, weights) in weights.chunks_exact(self.rows).enumerate() {
                    let places = packed[block * CHANNELS + i..].iter_mut().step_by(self.channels.max(1));
                    places.zip(&weights[positions.clone()]).for_each(|(place, weight)| *place = *weight);
                }
            }
        }
    }

    /// Those of a position, (outputs, channels); of the laid out ones, where they are not so already.
    fn at<'b>(&self, position: usize, packed: &'b [T], block: &Range<usize>) -> RawResult<MatRef<'b, T>>
    where
        'a: 'b,
    {
        let features = self.rows * self.channels;
        let outputs = self.values.len().checked_div(features).unwrap_or(0);
        let (values, first, stride) = if self.by_channel {
            (packed, position - block.start, block.len() * self.channels)
        } else {
            (self.values, position, features)
        };
        strided(&values[first * self.channels..], outputs, self.channels, stride)
    }
}

/// What changes at a position.
#[derive(Default)]
struct Seen<T> {
    mutants: Range<usize>,
    /// The channels that change in one of them.
    active: Active,
    /// (mutants, these channels).
    changes: Vec<T>,
}

/// The spans of many tiles, in the order of their starts.
struct Spans<'a, T> {
    tiles: &'a [Changes<T>],
    starts: Vec<isize>,
    width: usize,
    channels: usize,
}

impl<T: Real + Default> Spans<'_, T> {
    /// To (mutants, outputs), which begin as zeros.
    fn linear(&self, weights: Weights<'_, T>, mut out: MatMut<'_, T>) -> RawResult<()> {
        let place = |position: isize| position.clamp(0, weights.rows as isize) as usize;
        let first = place(self.starts.first().copied().unwrap_or(0));
        let end = place(self.starts.last().map_or(0, |start| start + self.width as isize));
        let (outputs, mut seen) = (out.ncols(), Vec::new());
        for block in (first..end).step_by(POSITIONS) {
            let block = block..(block + POSITIONS).min(end);
            seen.resize_with(block.len(), Seen::default);
            for (position, seen) in block.clone().zip(&mut seen) {
                self.gather(position, outputs, seen);
            }
            let parts = out.rb_mut().par_col_chunks_mut(OUTPUTS).enumerate();
            parts.try_for_each_init(<(Vec<T>, Vec<T>)>::default, |(packed, chosen), (part, mut out)| {
                let weights = weights.of(part * OUTPUTS..part * OUTPUTS + out.ncols());
                if weights.by_channel {
                    weights.lay_out(&block, packed);
                }
                for (position, seen) in block.clone().zip(&seen) {
                    let weights = weights.at(position, packed, &block)?;
                    let out = out.rb_mut().subrows_mut(seen.mutants.start, seen.mutants.len());
                    seen.active.product(&seen.changes, weights, chosen, out)?;
                }
                Ok::<(), candle_core::Error>(())
            })?;
        }
        Ok(())
    }

    /// The changes at a position of the mutants whose spans hold it, which lie side by side. The spans of some end
    /// before their last place, where nothing changes: such mutants come first and are left out.
    fn gather(&self, position: usize, outputs: usize, seen: &mut Seen<T>) {
        let position = position as isize;
        let first = self.starts.partition_point(|start| start + self.width as isize <= position);
        let end = self.starts.partition_point(|start| *start <= position);
        let still = |row: &&[T]| row.iter().all(|x| *x == T::zero());
        let first = first + self.rows(position, first..end).take_while(still).count();
        seen.mutants = first..end.max(first);
        let rows = || self.rows(position, seen.mutants.clone());
        seen.active = Active::of(rows(), seen.mutants.len(), [self.channels, outputs]);
        seen.changes.clear();
        seen.changes.reserve_exact(seen.mutants.len() * seen.active.n());
        rows().for_each(|row| seen.active.choose(row, &mut seen.changes));
    }

    /// The changes of mutants at a position of their spans.
    fn rows(&self, position: isize, mutants: Range<usize>) -> impl Iterator<Item = &[T]> {
        let mut before = 0;
        self.tiles.iter().flat_map(move |tile| {
            let of_tile = mutants.start.max(before)..mutants.end.min(before + tile.n());
            let first = before;
            before += tile.n();
            of_tile.map(move |mutant| tile.row((position - self.starts[mutant]) as usize, mutant - first))
        })
    }
}
