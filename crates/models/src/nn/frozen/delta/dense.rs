use candle_core::bail;
use faer::Accum;
use rayon::prelude::*;

use super::super::FrozenLayer;
use super::changes::Changes;
use super::reference::Kept;
use crate::nn::Real;
use crate::nn::matrix::{block_product, matrix, matrix_mut, strided};
use crate::nn::tensor::{RawResult, Tensor, with_values};

/// The outputs that one thread works on at a time.
const OUTPUTS: usize = 256;
/// The positions whose weights are laid out at a time: those of a channel share a cache line.
const POSITIONS: usize = 16;

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
    let chunks: Vec<std::ops::Range<usize>> =
        (0..outputs).step_by(OUTPUTS).map(|first| first..(first + OUTPUTS).min(outputs)).collect();
    let parts: Vec<Vec<T>> = with_values::<T, _>(&weight.raw, |weight| {
        let part = |chunk: &std::ops::Range<usize>| {
            let weight = &weight[chunk.start * rows * channels..chunk.end * rows * channels];
            spans.linear(Weights { values: weight, rows, channels, by_channel }, chunk.len())
        };
        chunks.par_iter().map(part).collect::<RawResult<Vec<_>>>()
    })??;
    let mut features = Changes::features(spans.starts.len(), outputs);
    for (chunk, part) in chunks.iter().zip(&parts) {
        let rows = features.values.chunks_exact_mut(outputs.max(1));
        for (row, part) in rows.zip(part.chunks_exact(chunk.len())) {
            row[chunk.clone()].copy_from_slice(part);
        }
    }
    Ok(features)
}

/// Some outputs' weights of all positions and channels.
#[derive(Clone, Copy)]
struct Weights<'a, T> {
    values: &'a [T],
    rows: usize,
    channels: usize,
    by_channel: bool,
}

impl<T: Real> Weights<'_, T> {
    /// Those of some positions, as (positions, outputs, channels).
    fn lay_out(&self, positions: std::ops::Range<usize>, packed: &mut Vec<T>) {
        let (features, count) = (self.rows * self.channels, positions.len());
        let size = self.values.len() / features.max(1) * self.channels;
        packed.resize(count * size, T::zero());
        for (output, weights) in self.values.chunks_exact(features.max(1)).enumerate() {
            for (channel, weights) in weights.chunks_exact(self.rows).enumerate() {
                for (i, weight) in weights[positions.clone()].iter().enumerate() {
                    packed[i * size + output * self.channels + channel] = *weight;
                }
            }
        }
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
    /// (mutants, outputs).
    fn linear(&self, weights: Weights<'_, T>, outputs: usize) -> RawResult<Vec<T>> {
        let mut out = vec![T::zero(); self.starts.len() * outputs];
        let place = |position: isize| position.clamp(0, weights.rows as isize) as usize;
        let first = place(self.starts.first().copied().unwrap_or(0));
        let end = place(self.starts.last().map_or(0, |start| start + self.width as isize));
        let (mut packed, mut seen) = (Vec::new(), Vec::new());
        for block in (first..end).step_by(POSITIONS) {
            let block = block..(block + POSITIONS).min(end);
            if weights.by_channel {
                weights.lay_out(block.clone(), &mut packed);
            }
            for position in block.clone() {
                let mutants = self.gather(position, &mut seen);
                let weights = if weights.by_channel {
                    let size = outputs * self.channels;
                    matrix(&packed[(position - block.start) * size..][..size], self.channels)?
                } else {
                    let features = weights.rows * self.channels;
                    strided(&weights.values[position * self.channels..], outputs, self.channels, features)?
                };
                let out = matrix_mut(&mut out[mutants.start * outputs..mutants.end * outputs], outputs)?;
                block_product(matrix(&seen, self.channels)?, weights.transpose(), Accum::Add, out);
            }
        }
        Ok(out)
    }

    /// The changes at a position of the mutants whose spans hold it, which lie side by side.
    fn gather(&self, position: usize, seen: &mut Vec<T>) -> std::ops::Range<usize> {
        let position = position as isize;
        let first = self.starts.partition_point(|start| start + self.width as isize <= position);
        let end = self.starts.partition_point(|start| *start <= position);
        seen.clear();
        let mut before = 0;
        for tile in self.tiles {
            for mutant in first.max(before)..end.min(before + tile.n()) {
                let place = (position - self.starts[mutant]) as usize;
                seen.extend_from_slice(tile.row(place, mutant - before));
            }
            before += tile.n();
        }
        first..end.max(first)
    }
}
