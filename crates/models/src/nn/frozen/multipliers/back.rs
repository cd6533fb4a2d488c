use candle_core::bail;
use faer::Accum;

use super::super::{FrozenConv, FrozenLayer};
use super::rules::{largest, softmax};
use super::trace::{Kept, Step, add};
use crate::nn::Real;
use crate::nn::conv::Spread;
use crate::nn::matrix::{matrix, matrix_mut, product};
use crate::nn::pool::{Pool, PoolShape};
use crate::nn::tensor::{RawResult, Tensor, with_values};
use crate::nn::vector::vectorised;

/// Multipliers on their way back through steps.
#[derive(Default)]
pub(super) struct Gradient<T> {
    current: Vec<T>,
    next: Vec<T>,
    buffer: Vec<T>,
    kept: Vec<Vec<T>>,
}

/// What one step met on the sequence and on the reference.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a, T> {
    pub(super) rows: usize,
    pub(super) width: usize,
    /// Of one sequence; of more references, all are compared with it.
    pub(super) x: &'a [T],
    pub(super) reference: &'a [T],
}

impl<T: Real> Gradient<T> {
    /// Starts from the multipliers of the last values.
    pub(super) fn begin(&mut self, values: &[T]) {
        self.current.clear();
        self.current.extend_from_slice(values);
    }

    pub(super) fn values(&self) -> &[T] {
        &self.current
    }

    /// Goes back through all steps, of which the sequence and the references have kept what they met.
    pub(super) fn back(
        &mut self,
        steps: &[Step<'_, T>],
        x: &[Kept<T>],
        reference: &[Kept<T>],
    ) -> RawResult<()> {
        self.through(steps, x, reference, &mut x.len())
    }

    /// `place` stands behind the last step's.
    fn through(
        &mut self,
        steps: &[Step<'_, T>],
        x: &[Kept<T>],
        reference: &[Kept<T>],
        place: &mut usize,
    ) -> RawResult<()> {
        for step in steps.iter().rev() {
            if let Step::Residual(inner) = step {
                let mut around = self.kept.pop().unwrap_or_default();
                around.clone_from(&self.current);
                self.through(inner, x, reference, place)?;
                add(&around, &mut self.current);
                self.kept.push(around);
            }
            *place = place.saturating_sub(1);
            let (Some(x), Some(reference)) = (x.get(*place), reference.get(*place)) else {
                bail!("a step that nothing was kept of")
            };
            let pair = Pair {
                rows: reference.rows,
                width: reference.width,
                x: &x.before,
                reference: &reference.before,
            };
            match step {
                Step::Residual(_) => {}
                Step::Function(activation) => {
                    let size = pair.x.len().max(1);
                    let references = pair.reference.chunks_exact(size);
                    for (gradient, reference) in self.current.chunks_exact_mut(size).zip(references) {
                        activation.chords(pair.x, reference, gradient);
                    }
                }
                Step::Layer(layer) => self.layer(layer, pair)?,
            }
        }
        Ok(())
    }

    fn layer(&mut self, layer: &FrozenLayer<T>, pair: Pair<'_, T>) -> RawResult<()> {
        match layer {
            FrozenLayer::Conv(conv) => self.convolution(conv, pair.rows)?,
            FrozenLayer::ScaleShift { factor, .. } => self.scale(factor),
            FrozenLayer::Pool(pool, shape) => self.pool(*pool, *shape, pair),
            FrozenLayer::Global(pool) => self.pool(*pool, PoolShape::tiles(pair.rows), pair),
            FrozenLayer::Flatten { by_channel: true } => self.positions_first(pair),
            FrozenLayer::Flatten { by_channel: false } => {}
            FrozenLayer::Linear { weight, .. } => self.linear(weight, pair.width)?,
            FrozenLayer::Softmax => softmax(pair, &mut self.current),
            FrozenLayer::Activate(_) | FrozenLayer::Residual(_) => bail!("a step that is no layer"),
        }
        Ok(())
    }

    /// Room for the result of a step, all zeros.
    fn cleared(&mut self, size: usize) {
        self.next.clear();
        self.next.resize(size, T::zero());
    }

    fn convolution(&mut self, conv: &FrozenConv<T>, rows: usize) -> RawResult<()> {
        self.cleared(rows * conv.taps.inputs);
        let spread = Spread {
            taps: conv.taps,
            parts: &conv.parts,
            weights: &conv.weights,
            step: conv.stride,
            before: conv.padding,
        };
        spread.run(&self.current, &mut self.next, &mut self.buffer)?;
        std::mem::swap(&mut self.current, &mut self.next);
        Ok(())
    }

    fn scale(&mut self, factor: &[T]) {
        vectorised(
            #[inline(always)]
            || {
                for row in self.current.chunks_exact_mut(factor.len().max(1)) {
                    for (gradient, factor) in row.iter_mut().zip(factor) {
                        *gradient *= *factor;
                    }
                }
            },
        );
    }

    fn pool(&mut self, pool: Pool, shape: PoolShape, pair: Pair<'_, T>) {
        self.cleared(pair.rows * pair.width);
        match pool {
            Pool::Mean => shape.spread_evenly(&self.current, pair.width, &mut self.next),
            Pool::Max => largest(shape, pair, &self.current, &mut self.next),
        }
        std::mem::swap(&mut self.current, &mut self.next);
    }

    /// Each channel's positions, one after another, as rows of channels.
    fn positions_first(&mut self, pair: Pair<'_, T>) {
        self.cleared(pair.rows * pair.width);
        for (position, row) in self.next.chunks_exact_mut(pair.width.max(1)).enumerate() {
            let column = self.current.iter().skip(position).step_by(pair.rows.max(1));
            row.iter_mut().zip(column).for_each(|(to, from)| *to = *from);
        }
        std::mem::swap(&mut self.current, &mut self.next);
    }

    fn linear(&mut self, weight: &Tensor, inputs: usize) -> RawResult<()> {
        let outputs = weight.shape().first().copied().unwrap_or(0);
        let rows = self.current.len() / outputs.max(1);
        self.next.resize(rows * inputs, T::zero());
        let (current, next) = (&self.current, &mut self.next);
        with_values::<T, _>(&weight.raw, |weight| {
            let (gradient, weight) = (matrix(current, outputs)?, matrix(weight, inputs)?);
            product(gradient, weight, Accum::Replace, matrix_mut(next, inputs)?);
            Ok::<(), candle_core::Error>(())
        })??;
        std::mem::swap(&mut self.current, &mut self.next);
        Ok(())
    }
}
