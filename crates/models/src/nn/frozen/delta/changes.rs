use candle_core::bail;
use rayon::prelude::*;

use super::active::Active;
use super::reference::Kept;
use crate::nn::Real;
use crate::nn::activation::Activation;
use crate::nn::frozen::FrozenLayer;
use crate::nn::matrix::{matrix, matrix_mut};
use crate::nn::softmax::softmax_rows;
use crate::nn::tensor::{RawResult, Tensor, with_values};
use crate::nn::vector::vectorised;

/// The rows of a linear layer whose active columns are found together.
const ROWS: usize = 256;

/// What differs from the reference: for each mutant a span of positions, all of one width. At positions outside the
/// sequence nothing differs.
pub(super) struct Changes<T> {
    /// The first position of each mutant's span; below 0 before the sequence.
    pub(super) starts: Vec<isize>,
    pub(super) width: usize,
    pub(super) channels: usize,
    /// (width, mutants, channels): what one tap of a convolution sees lies together.
    pub(super) values: Vec<T>,
}

/// Buffers that are used again.
#[derive(Default)]
pub(super) struct Scratch<T> {
    /// Of the changes of a tile that is done.
    pub(super) values: Vec<T>,
    pub(super) next: Vec<T>,
    pub(super) points: Vec<T>,
    pub(super) products: Vec<T>,
}

impl<T: Real + Default> Changes<T> {
    pub(super) fn zeros(starts: Vec<isize>, width: usize, channels: usize) -> Self {
        Self::zeros_in(Vec::new(), starts, width, channels)
    }

    /// The same in a buffer that is there.
    pub(super) fn zeros_in(mut values: Vec<T>, starts: Vec<isize>, width: usize, channels: usize) -> Self {
        values.clear();
        values.resize(starts.len() * width * channels, T::zero());
        Self { starts, width, channels, values }
    }

    /// The same in no more memory than it needs; the buffer is left for other changes.
    pub(super) fn settled(self, scratch: &mut Scratch<T>) -> Self {
        let values = self.values.as_slice().to_vec();
        scratch.values = self.values;
        Self { values, ..self }
    }

    /// Features (mutants, channels).
    pub(super) fn features(n: usize, channels: usize) -> Self {
        Self::zeros(vec![0; n], 1, channels)
    }

    pub(super) fn n(&self) -> usize {
        self.starts.len()
    }

    pub(super) fn row(&self, i: usize, mutant: usize) -> &[T] {
        &self.values[(i * self.n() + mutant) * self.channels..][..self.channels]
    }

    pub(super) fn row_mut(&mut self, i: usize, mutant: usize) -> &mut [T] {
        let (n, channels) = (self.n(), self.channels);
        &mut self.values[(i * n + mutant) * channels..][..channels]
    }

    /// Where the span begins and what it holds from now on.
    pub(super) fn advance(
        &mut self,
        next: &mut Vec<T>,
        width: usize,
        channels: usize,
        start: impl Fn(isize) -> isize,
    ) {
        self.starts.iter_mut().for_each(|first| *first = start(*first));
        (self.width, self.channels) = (width, channels);
        std::mem::swap(&mut self.values, next);
    }

    pub(super) fn through(
        &mut self,
        layers: &[impl std::borrow::Borrow<FrozenLayer<T>>],
        kept: &[Kept<T>],
        scratch: &mut Scratch<T>,
    ) -> RawResult<()> {
        if layers.len() != kept.len() {
            bail!("{} layers with a reference of {}", layers.len(), kept.len());
        }
        for (layer, kept) in layers.iter().zip(kept) {
            self.apply(layer.borrow(), kept, scratch)?;
        }
        Ok(())
    }

    fn apply(&mut self, layer: &FrozenLayer<T>, kept: &Kept<T>, scratch: &mut Scratch<T>) -> RawResult<()> {
        match layer {
            FrozenLayer::Conv(conv) => {
                self.convolve(conv, kept, scratch)?;
                self.function(conv.activation, kept);
            }
            FrozenLayer::ScaleShift { factor, .. } => self.scale(factor),
            FrozenLayer::Activate(activation) => self.function(Some(*activation), kept),
            FrozenLayer::Pool(pool, shape) => self.pool(*pool, *shape, kept, scratch),
            FrozenLayer::Residual(layers) => self.residual(layers, kept, scratch)?,
            FrozenLayer::Linear { weight, bias, activation } => {
                self.linear(weight, bias.len(), scratch)?;
                self.function(*activation, kept);
            }
            FrozenLayer::Softmax => self.softmax(kept),
            FrozenLayer::Flatten { .. } | FrozenLayer::Global(_) => {
                *self = Self::gathered(std::slice::from_ref(self), layer, std::slice::from_ref(kept))?;
            }
        }
        Ok(())
    }

    fn scale(&mut self, factor: &[T]) {
        vectorised(
            #[inline(always)]
            || {
                for row in self.values.chunks_exact_mut(factor.len().max(1)) {
                    for (x, factor) in row.iter_mut().zip(factor) {
                        *x *= *factor;
                    }
                }
            },
        );
    }

    /// f(reference + change) - f(reference), where the reference is what went into the function.
    pub(super) fn function(&mut self, activation: Option<Activation>, kept: &Kept<T>) {
        let Some(activation) = activation else { return };
        self.with_reference(kept, |reference, change| activation.differences(reference, change));
    }

    /// Calls with each row of changes inside the sequence, and the reference at its position.
    fn with_reference(&mut self, kept: &Kept<T>, mut work: impl FnMut(&[T], &mut [T])) {
        let (n, channels) = (self.n(), self.channels);
        let rows = kept.before.len().checked_div(channels).unwrap_or(0);
        for (row, values) in self.values.chunks_exact_mut(channels.max(1)).enumerate() {
            let position = self.starts[row % n] + (row / n) as isize;
            if let Some(position) = usize::try_from(position).ok().filter(|position| *position < rows) {
                work(&kept.before[position * channels..][..channels], values);
            }
        }
    }

    /// The sum of what went in and what came out, where either differs.
    fn residual(
        &mut self,
        layers: &[FrozenLayer<T>],
        kept: &Kept<T>,
        scratch: &mut Scratch<T>,
    ) -> RawResult<()> {
        let input = Self { starts: self.starts.clone(), values: self.values.clone(), ..*self };
        self.through(layers, &kept.inner, scratch)?;
        if self.channels != input.channels {
            bail!("a residual block gives {} channels, expected {}", self.channels, input.channels);
        }
        let (mut inner, mut outer) = (std::mem::replace(self, Self::features(0, 0)), input);
        // The same for every mutant, unless one of them covers all positions.
        let shift =
            |a: &Self, b: &Self| a.starts.iter().zip(&b.starts).map(|(a, b)| a - b).min().unwrap_or(0);
        if shift(&inner, &outer) != -shift(&outer, &inner) {
            inner.cover(kept.rows);
            outer.cover(kept.rows);
        }
        let before = shift(&inner, &outer);
        let first = before.min(0);
        let end = (before + inner.width as isize).max(outer.width as isize);
        let starts = outer.starts.iter().map(|start| start + first).collect();
        let mut sum = Self::zeros(starts, (end - first) as usize, inner.channels);
        let size = inner.n() * inner.channels;
        for (part, offset) in [(&inner, before - first), (&outer, -first)] {
            let place = &mut sum.values[offset as usize * size..][..part.values.len()];
            place.iter_mut().zip(&part.values).for_each(|(sum, x)| *sum += *x);
        }
        *self = sum;
        Ok(())
    }

    /// Spans of all positions.
    pub(super) fn cover(&mut self, rows: usize) {
        if self.width == rows && self.starts.iter().all(|start| *start == 0) {
            return;
        }
        let mut all = Self::zeros(vec![0; self.n()], rows, self.channels);
        for i in 0..self.width {
            for mutant in 0..self.n() {
                let position = self.starts[mutant] + i as isize;
                if let Some(position) = usize::try_from(position).ok().filter(|position| *position < rows) {
                    all.row_mut(position, mutant).copy_from_slice(self.row(i, mutant));
                }
            }
        }
        *self = all;
    }

    /// Takes away what lies outside the sequence.
    pub(super) fn clear_outside(&mut self, rows: usize) {
        for mutant in 0..self.n() {
            let start = self.starts[mutant];
            let inside = (-start).clamp(0, self.width as isize) as usize
                ..(rows as isize - start).clamp(0, self.width as isize) as usize;
            for i in (0..inside.start).chain(inside.end.max(inside.start)..self.width) {
                self.row_mut(i, mutant).fill(T::zero());
            }
        }
    }

    fn linear(&mut self, weight: &Tensor, outputs: usize, scratch: &mut Scratch<T>) -> RawResult<()> {
        let inputs = self.channels;
        if weight.shape() != [outputs, inputs] {
            bail!("weights of shape {:?} take no rows of {inputs}", weight.shape());
        }
        let next = &mut scratch.next;
        next.clear();
        next.resize(self.width * self.n() * outputs, T::zero());
        with_values::<T, _>(&weight.raw, |weight| {
            let weight = matrix(weight, inputs)?;
            let rows = self.values.par_chunks((ROWS * inputs).max(1));
            let parts = matrix_mut(next, outputs)?.par_row_chunks_mut(ROWS).zip(rows);
            parts.try_for_each_init(<(Vec<T>, Vec<T>)>::default, |(chosen, packed), (out, rows)| {
                let each = || rows.chunks_exact(inputs.max(1));
                let active = Active::of(each(), out.nrows(), [inputs, outputs]);
                chosen.clear();
                each().for_each(|row| active.choose(row, chosen));
                active.product(chosen, weight, packed, out)
            })
        })??;
        let width = self.width;
        self.advance(next, width, outputs, |start| start);
        Ok(())
    }

    fn softmax(&mut self, kept: &Kept<T>) {
        let (mut shares, mut both) =
            ([vec![0.0; self.channels], vec![0.0; self.channels]], vec![0.0; self.channels]);
        let width = self.channels;
        self.with_reference(kept, |reference, change| {
            let [before, after] = &mut shares;
            both.iter_mut().zip(reference).for_each(|(both, x)| *both = x.wide());
            softmax_rows(&both, width, before);
            both.iter_mut().zip(&*change).for_each(|(both, x)| *both += x.wide());
            softmax_rows(&both, width, after);
            for (change, (after, before)) in change.iter_mut().zip(after.iter().zip(&*before)) {
                *change = T::of(after - before);
            }
        });
    }

    /// Each mutant's changes at all positions, mutants one after the other.
    pub(super) fn whole(&self, outputs: usize) -> Vec<T> {
        let mut all = vec![T::zero(); self.n() * outputs];
        let rows = outputs.checked_div(self.channels).unwrap_or(0);
        for i in 0..self.width {
            for mutant in 0..self.n() {
                let position = self.starts[mutant] + i as isize;
                if let Some(position) = usize::try_from(position).ok().filter(|position| *position < rows) {
                    let place = mutant * outputs + position * self.channels;
                    all[place..place + self.channels].copy_from_slice(self.row(i, mutant));
                }
            }
        }
        all
    }

    pub(super) fn into_values(self) -> Vec<T> {
        self.values
    }
}
