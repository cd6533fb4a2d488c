//! Exact differences of mutants from a reference: what changes is carried through the layers, and nothing else.
//!
//! A substitution changes a few positions of the first layer's result, and from there on a span that grows with each
//! convolution and shrinks with each pool. A layer that is linear takes changes as it takes values, without its bias;
//! a function or a pool compares reference and changed reference at the span's positions. The difference itself is
//! what comes out, so that nothing is lost by taking large numbers from one another.
//!
//! Nair et al., fastISM, doi:10.1093/bioinformatics/btac135, compute spans of values, which needs a convolution's
//! neighbours too; Schreiber et al., Yuzu, doi:10.1101/2021.08.21.457183, carry changes, mixed and unmixed
//! approximately. Here they are carried one by one, and a convolution is a short product of polynomials.

mod active;
mod bilinear;
mod changes;
mod conv;
mod dense;
mod pool;
mod reference;

use candle_core::bail;
use rayon::prelude::*;

use super::{Frozen, FrozenLayer};
use crate::ModelsError;
use crate::nn::Real;
use crate::nn::tensor::RawResult;

pub(in crate::nn::frozen) use bilinear::Bilinear;
use changes::{Changes, Scratch};
use reference::{Kept, read_reference};

/// The values of all mutants of a tile after the layer where they are most, about: what a cache holds.
const TILE_VALUES: usize = 1 << 19;
/// The mutants of a tile.
const TILE: std::ops::RangeInclusive<usize> = 4..=96;
/// The values of all mutants that come together before the layers that see whole sequences.
const GROUP_VALUES: usize = 1 << 24;
/// Their values after any of those layers.
const GROUP_FEATURES: usize = 1 << 21;

/// A letter that a mutant has in place of the reference's, as channels: the new one, if it is known.
pub(crate) type Letter = (u32, Option<u8>);

/// A reference sequence that has gone through the layers.
pub(crate) struct DeltaPass<'a, T> {
    layers: Vec<&'a FrozenLayer<T>>,
    /// The first of them that sees whole sequences.
    together: usize,
    kept: Vec<Kept<T>>,
    /// The channel of each position's letter, if it is known.
    letters: Vec<Option<u8>>,
    channels: usize,
    output: Vec<T>,
}

impl<T: Real + Default> Frozen<T> {
    /// Reads a reference: for each position the channel of its letter, if it is known, of so many channels.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit.
    pub(crate) fn reference(
        &self,
        head: usize,
        letters: Vec<Option<u8>>,
        channels: usize,
    ) -> Result<DeltaPass<'_, T>, ModelsError> {
        Ok(self.raw_reference(head, letters, channels)?)
    }

    fn raw_reference(
        &self,
        head: usize,
        letters: Vec<Option<u8>>,
        channels: usize,
    ) -> RawResult<DeltaPass<'_, T>> {
        let Some(head) = self.heads.get(head) else { bail!("a network without head {head}") };
        let layers: Vec<&FrozenLayer<T>> = self.trunk.iter().chain(head).collect();
        let (kept, output) = read_reference(&layers, &letters, channels)?;
        let together = layers.iter().position(|layer| layer.gathers()).unwrap_or(layers.len());
        Ok(DeltaPass { layers, together, kept, letters, channels, output })
    }
}

impl<T: Real + Default> DeltaPass<'_, T> {
    /// The reference's numbers.
    pub(crate) fn output(&self) -> &[T] {
        &self.output
    }

    /// Gives `put` the number of each mutant and the differences of its numbers from the reference's.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit.
    pub(crate) fn differences(
        &self,
        mutants: &[Vec<Letter>],
        mut put: impl FnMut(usize, &[T]),
    ) -> Result<(), ModelsError> {
        let mut order: Vec<usize> =
            (0..mutants.len()).filter(|&mutant| !mutants[mutant].is_empty()).collect();
        let span = |mutant: usize| span_of(&mutants[mutant]);
        order.sort_by_key(|&mutant| (span(mutant).1, span(mutant).0, mutant));
        let zero = vec![T::zero(); self.output.len()];
        (0..mutants.len()).filter(|&mutant| mutants[mutant].is_empty()).for_each(|mutant| put(mutant, &zero));
        for same_width in order.chunk_by(|&a, &b| span(a).1 == span(b).1) {
            let (most, last) = self.most_values(span(same_width[0]).1);
            let tile = (self.tile_values() / most.max(1)).clamp(*TILE.start(), *TILE.end());
            let group = (GROUP_VALUES / last.max(1)).min(GROUP_FEATURES / self.most_features());
            let group = group.max(tile).next_multiple_of(tile);
            for group in same_width.chunks(group) {
                let differences = self.group(mutants, group, tile)?;
                let rows = differences.chunks_exact(self.output.len().max(1));
                group.iter().zip(rows).for_each(|(&mutant, row)| put(mutant, row));
            }
        }
        Ok(())
    }

    /// The differences (mutants, outputs) of mutants whose spans are equally wide.
    fn group(&self, mutants: &[Vec<Letter>], group: &[usize], tile: usize) -> RawResult<Vec<T>> {
        let (apart, together) = self.layers.split_at(self.together);
        let (kept_apart, kept_together) = self.kept.split_at(self.together);
        let tiles: Vec<Changes<T>> = group
            .par_chunks(tile)
            .map_init(Scratch::default, |scratch, tile| {
                let mut changes = self.changes(mutants, tile, scratch);
                changes.through(apart, kept_apart, scratch)?;
                Ok(changes.settled(scratch))
            })
            .collect::<RawResult<_>>()?;
        let [first, rest @ ..] = together else {
            return Ok(tiles.iter().flat_map(|changes| changes.whole(self.output.len())).collect());
        };
        let (mut changes, rest) = match (first, rest) {
            (
                FrozenLayer::Flatten { by_channel },
                [FrozenLayer::Linear { weight, bias, activation }, rest @ ..],
            ) => {
                let [flat, kept, ..] = kept_together else { bail!("a network without its reference") };
                let mut changes = dense::flat_linear(&tiles, flat.rows, *by_channel, weight, bias.len())?;
                changes.function(*activation, kept);
                (changes, rest)
            }
            _ => (Changes::gathered(&tiles, first, kept_together)?, rest),
        };
        drop(tiles);
        let kept = kept_together.get(together.len() - rest.len()..).unwrap_or(&[]);
        changes.through(rest, kept, &mut Scratch::default())?;
        Ok(changes.into_values())
    }

    /// What letters change in the one-hot rows.
    fn changes(&self, mutants: &[Vec<Letter>], tile: &[usize], scratch: &mut Scratch<T>) -> Changes<T> {
        let spans = tile.iter().map(|&mutant| span_of(&mutants[mutant]));
        let width = spans.clone().next().map_or(0, |(_, width)| width);
        let starts = spans.map(|(start, _)| start as isize).collect();
        let mut changes =
            Changes::zeros_in(std::mem::take(&mut scratch.values), starts, width, self.channels);
        for (row, &mutant) in tile.iter().enumerate() {
            let (start, _) = span_of(&mutants[mutant]);
            for &(position, new) in &mutants[mutant] {
                let old = self.letters.get(position as usize).copied().flatten();
                let place = changes.row_mut(position as usize - start, row);
                for (letter, sign) in [(old, -T::one()), (new, T::one())] {
                    if let Some(value) = letter.and_then(|letter| place.get_mut(usize::from(letter))) {
                        *value += sign;
                    }
                }
            }
        }
        changes
    }

    /// The values of a tile. Weights that no cache holds are read anew for each, so that there must be enough of them.
    fn tile_values(&self) -> usize {
        let weights = self.layers[..self.together].iter().map(|layer| layer.heaviest());
        TILE_VALUES.max(weights.max().unwrap_or(0) / 2)
    }

    /// The most values of a mutant between the layers that see whole sequences; at least 1.
    fn most_features(&self) -> usize {
        let outputs = self.layers[self.together..].iter().map(|layer| layer.span(1, 0).1);
        outputs.max().unwrap_or(0).max(self.output.len()).max(1)
    }

    /// The most values of a mutant after any layer of those that see spans, and those after the last.
    fn most_values(&self, width: usize) -> (usize, usize) {
        let (mut width, mut channels, mut most) = (width, self.channels, 0);
        for (layer, kept) in self.layers[..self.together].iter().zip(&self.kept) {
            (width, channels) = conv::span_after(layer, kept, width, channels);
            most = most.max(width * channels);
        }
        (most, width * channels)
    }
}

/// The first position and the number of positions from the first to the last.
fn span_of(mutant: &[Letter]) -> (usize, usize) {
    let positions = || mutant.iter().map(|(position, _)| *position as usize);
    let (first, last) = (positions().min().unwrap_or(0), positions().max().unwrap_or(0));
    (first, last + 1 - first)
}
