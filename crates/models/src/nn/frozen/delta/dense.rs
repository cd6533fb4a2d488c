use std::ops::Range;

use candle_core::bail;
use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef};
use rayon::prelude::*;

use super::super::FrozenLayer;
use super::changes::Changes;
use super::reference::Kept;
use crate::nn::Real;
use crate::nn::matrix::{matrix, matrix_mut, steady_block_product, strided};
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
        let mut seen: Vec<(Range<usize>, Vec<T>)> = Vec::new();
        seen.resize_with(POSITIONS, Default::default);
        for block in (first..end).step_by(POSITIONS) {
            let block = block..(block + POSITIONS).min(end);
            for (position, (mutants, seen)) in block.clone().zip(&mut seen) {
                *mutants = self.gather(position, seen);
            }
            let parts = out.rb_mut().par_col_chunks_mut(OUTPUTS).enumerate();
            parts.try_for_each_init(Vec::new, |packed, (part, mut out)| {
                let weights = weights.of(part * OUTPUTS..part * OUTPUTS + out.ncols());
                if weights.by_channel {
                    weights.lay_out(&block, packed);
                }
                for (position, (mutants, seen)) in block.clone().zip(&seen) {
                    let weights = weights.at(position, packed, &block)?;
                    let out = out.rb_mut().subrows_mut(mutants.start, mutants.len());
                    steady_block_product(matrix(seen, self.channels)?, weights.transpose(), Accum::Add, out);
                }
                Ok::<(), candle_core::Error>(())
            })?;
        }
        Ok(())
    }

    /// The changes at a position of the mutants whose spans hold it, which lie side by side. The spans of some end
    /// before their last place, where nothing changes: such mutants come first and are left out.
    fn gather(&self, position: usize, seen: &mut Vec<T>) -> Range<usize> {
        let position = position as isize;
        let mut first = self.starts.partition_point(|start| start + self.width as isize <= position);
        let end = self.starts.partition_point(|start| *start <= position);
        seen.clear();
        seen.reserve_exact(end.saturating_sub(first) * self.channels);
        let mut before = 0;
        for tile in self.tiles {
            for mutant in first.max(before)..end.min(before + tile.n()) {
                let place = (position - self.starts[mutant]) as usize;
                let row = tile.row(place, mutant - before);
                if seen.is_empty() && row.iter().all(|x| *x == T::zero()) {
                    first = mutant + 1;
                } else {
                    seen.extend_from_slice(row);
                }
            }
            before += tile.n();
        }
        first..end.max(first)
    }
}
