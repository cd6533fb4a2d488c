//! What each difference between a sequence and a reference does to an output: the multipliers of DeepLIFT.
//!
//! A layer that is linear takes multipliers back as it takes gradients; a function takes the slope of its chord between
//! the reference and the sequence (the rescale rule), a maximum and a softmax rules of their own ([`rules`]). The
//! sequence is read once, each reference once, and each reference's multipliers go back once.
//!
//! Shrikumar et al., DeepLIFT, arXiv:1704.02685; the rules of maxima and softmax are those of tangermeme 1.6.0, which
//! reads the sequence anew beside each reference and takes gradients back for both.

mod back;
mod rules;
mod trace;

use candle_core::bail;
use rayon::prelude::*;

use super::{BLOCK, Frozen, FrozenLayer, Values};
use crate::ModelsError;
use crate::nn::Real;
use crate::nn::tensor::RawResult;

use back::Gradient;
use trace::{Kept, Step, steps, trace};

/// The values that are kept at a time of references on their way, about.
const VALUES: usize = 1 << 26;

/// The multipliers of a sequence beside its references, and the outputs they explain.
pub(crate) struct Contrasts<T> {
    /// (references, length, channels).
    pub(crate) multipliers: Vec<T>,
    /// The sum of the output's numbers, each times its weight, for the sequence.
    pub(crate) output: f64,
    /// The same for each reference.
    pub(crate) references: Vec<f64>,
}

/// One sequence on its way there and back.
#[derive(Default)]
struct Walk<T> {
    values: Values<T>,
    kept: Vec<Kept<T>>,
    gradient: Gradient<T>,
}

impl<T: Real> Walk<T> {
    fn there(
        &mut self,
        steps: &[Step<'_, T>],
        (rows, width): (usize, usize),
        fill: impl FnOnce(&mut [T]),
    ) -> RawResult<()> {
        self.values.current.clear();
        self.values.current.resize(rows * width, T::zero());
        (self.values.rows, self.values.width) = (rows, width);
        fill(&mut self.values.current);
        trace(steps, &mut self.values, &mut self.kept, &mut 0)
    }
}

/// A head's layers: those that see one sequence at a time, and those that see rows of features.
struct Layers<'a, T> {
    apart: Vec<Step<'a, T>>,
    together: Vec<Step<'a, T>>,
}

impl<'a, T: Real + Default> Layers<'a, T> {
    fn of(frozen: &'a Frozen<T>, head: usize) -> RawResult<Self> {
        let Some(head) = frozen.heads.get(head) else { bail!("a network without head {head}") };
        let layers: Vec<&FrozenLayer<T>> = frozen.trunk.iter().chain(head).collect();
        let apart = layers.iter().position(|layer| layer.gathers()).map_or(layers.len(), |last| last + 1);
        let (apart, together) = layers.split_at(apart);
        Ok(Self { apart: steps(apart.iter().copied()), together: steps(together.iter().copied()) })
    }

    /// Rows of features, as many as always go together.
    fn gather(&self, walk: &mut Walk<T>, rows: &[&[T]]) -> RawResult<()> {
        let width = rows.first().map_or(0, |row| row.len());
        walk.there(&self.together, (BLOCK, width), |block| {
            for (place, row) in block.chunks_exact_mut(width.max(1)).zip(rows) {
                place.copy_from_slice(row);
            }
        })
    }
}

impl<T: Real + Default> Frozen<T> {
    /// The multipliers of the sum of one head's outputs, each times its weight, for a sequence (length, channels) beside
    /// `n` references, which `reference` writes into buffers of zeros.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit.
    pub(crate) fn contrasts(
        &self,
        head: usize,
        shape: (usize, usize),
        sequence: &[T],
        (n, reference): (usize, impl Fn(usize, &mut [T]) + Sync),
        weights: &[T],
    ) -> Result<Contrasts<T>, ModelsError> {
        Ok(self.raw_contrasts(head, shape, sequence, (n, reference), weights)?)
    }

    fn raw_contrasts(
        &self,
        head: usize,
        shape: (usize, usize),
        sequence: &[T],
        (n, reference): (usize, impl Fn(usize, &mut [T]) + Sync),
        weights: &[T],
    ) -> RawResult<Contrasts<T>> {
        let layers = Layers::of(self, head)?;
        let (mut own, mut own_end) = (Walk::default(), Walk::default());
        own.there(&layers.apart, shape, |place| place.copy_from_slice(sequence))?;
        layers.gather(&mut own_end, &[&own.values.current])?;
        own_end.kept.iter_mut().for_each(|kept| kept.first_of(BLOCK));
        let size = shape.0 * shape.1;
        let mut found =
            Contrasts { multipliers: vec![T::zero(); n * size], output: 0.0, references: Vec::new() };
        found.output = weighted(own_end.values.current.get(..weights.len()), weights)?;
        let kept: usize = own.kept.iter().map(Kept::size).sum();
        let at_once = (VALUES / kept.max(1)).clamp(1, BLOCK);
        let mut walks: Vec<Walk<T>> = (0..at_once.min(n)).map(|_| Walk::default()).collect();
        let mut end = Walk::default();
        for (group, places) in found.multipliers.chunks_mut((at_once * size).max(1)).enumerate() {
            let walks = &mut walks[..places.len() / size.max(1)];
            walks.par_iter_mut().enumerate().try_for_each(|(i, walk)| {
                walk.there(&layers.apart, shape, |place| reference(group * at_once + i, place))
            })?;
            let features: Vec<&[T]> = walks.iter().map(|walk| &walk.values.current[..]).collect();
            layers.gather(&mut end, &features)?;
            for output in end.values.current.chunks_exact(weights.len().max(1)).take(walks.len()) {
                found.references.push(weighted(Some(output), weights)?);
            }
            end.gradient.begin(&weights.repeat(BLOCK));
            end.gradient.back(&layers.together, &own_end.kept, &end.kept)?;
            let gathered = end.gradient.values();
            let rows = gathered.par_chunks_exact((gathered.len() / BLOCK).max(1));
            let places = places.par_chunks_exact_mut(size.max(1));
            walks.par_iter_mut().zip(rows).zip(places).try_for_each(|((walk, row), place)| {
                walk.gradient.begin(row);
                walk.gradient.back(&layers.apart, &own.kept, &walk.kept)?;
                place.copy_from_slice(walk.gradient.values());
                Ok::<(), candle_core::Error>(())
            })?;
        }
        Ok(found)
    }
}

fn weighted<T: Real>(output: Option<&[T]>, weights: &[T]) -> RawResult<f64> {
    match output {
        Some(output) => Ok(output.iter().zip(weights).map(|(y, weight)| y.wide() * weight.wide()).sum()),
        None => bail!("{} weights of outputs, expected one for each", weights.len()),
    }
}
