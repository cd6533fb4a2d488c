//! Forward passes of networks that are not trained: weights laid out once, values in buffers that are used again.

use std::sync::{Mutex, OnceLock, PoisonError};

use candle_core::bail;
use rayon::prelude::*;

use super::Real;
use super::activation::Activation;
use super::conv::{ConvShape, Correlation, Part, Rows, Taps};
use super::kernel::{Kernel, View};
use super::matrix::{matrix, matrix_mut, product};
use super::pool::{Pool, PoolShape, Pooling};
use super::softmax::softmax_rows;
use super::tensor::{RawResult, Tensor, with_values};
use super::vector::vectorised;
use crate::ModelsError;

mod delta;
mod multipliers;

pub(crate) use delta::{DeltaPass, Letter};

use delta::Bilinear;

/// The rows of features that are multiplied with weights at a time. A last block is filled up with zeros, so that a
/// row's result does not depend on how many there are.
const BLOCK: usize = 16;

/// The sequences whose features are in memory at a time, at most.
const GROUP: usize = 256;

/// A layer with its weights.
pub(crate) enum FrozenLayer<T> {
    Conv(Box<FrozenConv<T>>),
    /// `x · factor + constant`, channel by channel.
    ScaleShift {
        factor: Vec<T>,
        constant: Vec<T>,
    },
    Activate(Activation),
    Pool(Pool, PoolShape),
    Residual(Vec<Self>),
    /// Rows of channels as one row, all positions of a channel together if so.
    Flatten {
        by_channel: bool,
    },
    /// One row, of each channel's mean or largest value.
    Global(Pool),
    Linear {
        weight: Tensor,
        bias: Vec<T>,
        activation: Option<Activation>,
    },
    Softmax,
}

/// A convolution with its weights packed, and what follows it.
pub(crate) struct FrozenConv<T> {
    taps: Taps,
    parts: Vec<Part>,
    weights: Vec<T>,
    bias: Vec<T>,
    stride: usize,
    padding: usize,
    activation: Option<Activation>,
    /// The width of the span that a change of one letter has before this layer in a long sequence.
    letter_span: usize,
    /// How spans of that width are convolved, if not tap by tap; made when first wanted.
    products: OnceLock<Option<Bilinear<T>>>,
}

impl<T: Real + Default> FrozenConv<T> {
    /// How spans of a width are convolved, if not tap by tap.
    fn products(&self, width: usize) -> RawResult<Option<&Bilinear<T>>> {
        if width != self.letter_span || self.stride > 1 {
            return Ok(None);
        }
        if let Some(made) = self.products.get() {
            return Ok(made.as_ref());
        }
        let made = Bilinear::new(width, self.taps, &self.weights)?;
        Ok(self.products.get_or_init(|| made).as_ref())
    }
}

impl<T: Real> FrozenLayer<T> {
    /// Of weights (O, C / groups, taps).
    pub(crate) fn conv(
        weight: &[f64],
        [outputs, group_inputs, count]: [usize; 3],
        bias: &[f64],
        shape: ConvShape,
        activation: Option<Activation>,
    ) -> Self {
        let ConvShape { stride, padding, dilation, groups } = shape;
        let taps = Taps { count, dilation, groups, inputs: group_inputs * groups, outputs };
        let weights = taps.packed(&narrowed(weight));
        let bias = narrowed(bias);
        Self::Conv(Box::new(FrozenConv {
            parts: taps.parts(),
            taps,
            weights,
            bias,
            stride,
            padding,
            activation,
            letter_span: 0,
            products: OnceLock::new(),
        }))
    }

    pub(crate) fn scale_shift(factor: &[f64], constant: &[f64]) -> Self {
        Self::ScaleShift { factor: narrowed(factor), constant: narrowed(constant) }
    }

    /// Of weights (O, I), which are shared and not copied.
    pub(crate) fn linear(weight: Tensor, bias: &[f64], activation: Option<Activation>) -> Self {
        Self::Linear { weight, bias: narrowed(bias), activation }
    }

    /// The width and the channels of a span of changed rows after the layer, in a long sequence.
    fn span(&self, width: usize, channels: usize) -> (usize, usize) {
        match self {
            Self::Conv(conv) => ((width + conv.taps.span() - 1).div_ceil(conv.stride), conv.taps.outputs),
            Self::Pool(_, shape) => ((width + shape.kernel - 1).div_ceil(shape.stride), channels),
            Self::Residual(layers) => {
                let inner = layers.iter().fold((width, channels), |(w, c), layer| layer.span(w, c));
                (inner.0.max(width), inner.1)
            }
            Self::Linear { bias, .. } => (width, bias.len()),
            Self::Flatten { .. } | Self::Global(_) => (1, channels),
            Self::ScaleShift { .. } | Self::Activate(_) | Self::Softmax => (width, channels),
        }
    }

    /// The weights of the largest convolution.
    fn heaviest(&self) -> usize {
        match self {
            Self::Conv(conv) => conv.weights.len(),
            Self::Residual(layers) => layers.iter().map(Self::heaviest).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Tells convolutions the width of a letter's span before them; returns that after all layers.
    fn tell_letter_spans(layers: &mut [Self], width: usize) -> usize {
        let mut width = width;
        for layer in layers {
            match layer {
                Self::Conv(conv) => conv.letter_span = width,
                Self::Residual(layers) => {
                    Self::tell_letter_spans(layers, width);
                }
                _ => {}
            }
            width = layer.span(width, 0).0;
        }
        width
    }

    /// Whether positions come together in it.
    fn gathers(&self) -> bool {
        matches!(self, Self::Flatten { .. } | Self::Global(_))
    }
}

fn narrowed<T: Real>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&value| T::of(value)).collect()
}

/// The values of one sequence, or of a block of rows of features, as they go through layers.
#[derive(Default)]
struct Values<T> {
    rows: usize,
    width: usize,
    current: Vec<T>,
    next: Vec<T>,
    edges: Vec<T>,
    kept: Vec<Vec<T>>,
}

impl<T: Real> Values<T> {
    /// Room for a layer's result, with any values in it.
    fn room(&mut self, rows: usize, width: usize) {
        self.next.resize(rows * width, T::zero());
    }

    /// The result becomes the input of the next layer.
    fn advance(&mut self, rows: usize, width: usize) {
        (self.rows, self.width) = (rows, width);
        std::mem::swap(&mut self.current, &mut self.next);
    }

    fn through<'a>(&mut self, layers: impl Iterator<Item = &'a FrozenLayer<T>>) -> RawResult<()> {
        for layer in layers {
            self.apply(layer)?;
        }
        Ok(())
    }

    fn apply(&mut self, layer: &FrozenLayer<T>) -> RawResult<()> {
        match layer {
            FrozenLayer::Conv(conv) => return self.convolve(conv, conv.activation),
            FrozenLayer::ScaleShift { factor, constant } => {
                if factor.len() != self.width {
                    bail!("normalisation of {} channels takes no {}", factor.len(), self.width);
                }
                vectorised(
                    #[inline(always)]
                    || {
                        for row in self.current.chunks_exact_mut(factor.len().max(1)) {
                            for (x, (a, b)) in row.iter_mut().zip(factor.iter().zip(constant)) {
                                *x = *x * *a + *b;
                            }
                        }
                    },
                );
            }
            FrozenLayer::Activate(activation) => activation.in_place(&mut self.current),
            FrozenLayer::Pool(pool, shape) => return self.pool(*pool, *shape),
            FrozenLayer::Residual(layers) => return self.residual(layers),
            FrozenLayer::Flatten { by_channel } => self.flatten(*by_channel),
            FrozenLayer::Global(pool) => {
                self.pool(*pool, PoolShape::tiles(self.rows))?;
            }
            FrozenLayer::Linear { weight, bias, activation } => {
                return self.linear(weight, bias, *activation);
            }
            FrozenLayer::Softmax => {
                self.room(self.rows, self.width);
                softmax_rows(&self.current, self.width, &mut self.next);
                self.advance(self.rows, self.width);
            }
        }
        Ok(())
    }

    fn convolve(&mut self, conv: &FrozenConv<T>, activation: Option<Activation>) -> RawResult<()> {
        let (span, taps) = (conv.taps.span(), conv.taps);
        let room = (self.rows + 2 * conv.padding).checked_sub(span);
        let (Some(room), true) = (room, self.width == taps.inputs) else {
            bail!("a convolution of {taps:?} takes no {} rows of {}", self.rows, self.width)
        };
        let out_length = room / conv.stride + 1;
        self.room(out_length, taps.outputs);
        let before = conv.padding as isize;
        let rows =
            Rows { values: &self.current, length: self.rows, channels: self.width, stretch: 1, before };
        let correlation = Correlation { rows, step: conv.stride, taps, weights: &conv.weights, out_length };
        let finish = |values: &mut [T]| {
            if let Some(activation) = activation {
                activation.in_place(values);
            }
        };
        correlation.run_first(&conv.parts, &conv.bias, &mut self.next, &mut self.edges, finish)?;
        self.advance(out_length, taps.outputs);
        Ok(())
    }

    fn pool(&mut self, pool: Pool, shape: PoolShape) -> RawResult<()> {
        let (kernel, dims) = (Pooling(pool, shape), [1, self.rows, self.width]);
        let out = kernel.shape([&dims])?;
        self.next.clear();
        self.room(out[1], out[2]);
        kernel.compute([View { values: &self.current, dims: &dims }], &mut self.next)?;
        self.advance(out[1], out[2]);
        Ok(())
    }

    fn residual(&mut self, layers: &[FrozenLayer<T>]) -> RawResult<()> {
        let mut input = self.kept.pop().unwrap_or_default();
        input.clear();
        input.extend_from_slice(&self.current);
        self.through(layers.iter())?;
        if input.len() != self.current.len() {
            bail!("a residual block gives {} values, expected {}", self.current.len(), input.len());
        }
        vectorised(
            #[inline(always)]
            || {
                for (x, before) in self.current.iter_mut().zip(&input) {
                    *x += *before;
                }
            },
        );
        self.kept.push(input);
        Ok(())
    }

    fn flatten(&mut self, by_channel: bool) {
        if by_channel {
            self.room(self.rows, self.width);
            for (position, row) in self.current.chunks_exact(self.width.max(1)).enumerate() {
                for (to, from) in self.next.iter_mut().skip(position).step_by(self.rows).zip(row) {
                    *to = *from;
                }
            }
            std::mem::swap(&mut self.current, &mut self.next);
        }
        (self.rows, self.width) = (1, self.rows * self.width);
    }

    fn linear(&mut self, weight: &Tensor, bias: &[T], activation: Option<Activation>) -> RawResult<()> {
        let (rows, outputs) = (self.rows, bias.len());
        if weight.shape() != [outputs, self.width] {
            bail!("weights of shape {:?} take no rows of {}", weight.shape(), self.width);
        }
        self.room(rows, outputs);
        self.next.chunks_exact_mut(outputs.max(1)).for_each(|row| row.copy_from_slice(bias));
        let (current, next, width) = (&self.current, &mut self.next, self.width);
        with_values::<T, _>(&weight.raw, |weight| {
            let (x, weight) = (matrix(current, width)?, matrix(weight, width)?);
            product(x, weight.transpose(), faer::Accum::Add, matrix_mut(next, outputs)?);
            Ok::<(), candle_core::Error>(())
        })??;
        if let Some(activation) = activation {
            activation.in_place(&mut self.next);
        }
        self.advance(rows, outputs);
        Ok(())
    }
}

/// The layers of a network, those that all outputs share and those of each.
pub(crate) struct Frozen<T> {
    trunk: Vec<FrozenLayer<T>>,
    heads: Vec<Vec<FrozenLayer<T>>>,
    /// Buffers of earlier passes.
    idle: Mutex<Vec<Values<T>>>,
}

impl<T> std::fmt::Debug for Frozen<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frozen({} layers, {} heads)", self.trunk.len(), self.heads.len())
    }
}

impl<T: Real + Default> Frozen<T> {
    pub(crate) fn new(mut trunk: Vec<FrozenLayer<T>>, mut heads: Vec<Vec<FrozenLayer<T>>>) -> Self {
        let width = FrozenLayer::tell_letter_spans(&mut trunk, 1);
        for head in &mut heads {
            FrozenLayer::tell_letter_spans(head, width);
        }
        Self { trunk, heads, idle: Mutex::new(Vec::new()) }
    }

    /// One head's numbers (n, outputs) for `n` sequences; `fill` writes the rows (length, channels) of one into a
    /// buffer of zeros.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if shapes do not fit.
    pub(crate) fn run(
        &self,
        head: usize,
        n: usize,
        (length, channels): (usize, usize),
        fill: impl Fn(usize, &mut [T]) + Sync,
    ) -> Result<Vec<T>, ModelsError> {
        let mut all = Vec::new();
        for first in (0..n).step_by(GROUP) {
            let count = GROUP.min(n - first);
            let out =
                self.group(head, count, (length, channels), |i, values: &mut [T]| fill(first + i, values))?;
            if all.is_empty() && n <= GROUP {
                return Ok(out);
            }
            all.extend_from_slice(&out);
        }
        Ok(all)
    }

    fn group(
        &self,
        head: usize,
        n: usize,
        (length, channels): (usize, usize),
        fill: impl Fn(usize, &mut [T]) + Sync,
    ) -> RawResult<Vec<T>> {
        let Some(head) = self.heads.get(head) else { bail!("a network without head {head}") };
        let layers: Vec<&FrozenLayer<T>> = self.trunk.iter().chain(head).collect();
        let apart = layers.iter().position(|layer| layer.gathers()).map_or(layers.len(), |last| last + 1);
        let (apart, together) = layers.split_at(apart);
        let pass = |i: usize, read: &mut dyn FnMut(&[T])| {
            self.with_values(|values| {
                values.current.clear();
                values.current.resize(length * channels, T::zero());
                (values.rows, values.width) = (length, channels);
                fill(i, &mut values.current);
                values.through(apart.iter().copied())?;
                read(&values.current);
                Ok::<(), candle_core::Error>(())
            })
        };
        // The first tells how many numbers there are.
        let mut features = Vec::new();
        pass(0, &mut |first| features.extend_from_slice(first))?;
        let width = features.len();
        features.resize(n.next_multiple_of(BLOCK) * width, T::zero());
        let others = features.par_chunks_exact_mut(width.max(1)).take(n).enumerate().skip(1);
        others.try_for_each(|(i, place)| pass(i, &mut |values| place.copy_from_slice(values)))?;
        if together.is_empty() {
            features.truncate(n * width);
            return Ok(features);
        }
        let blocks: Vec<Vec<T>> = features
            .par_chunks_exact(BLOCK * width)
            .map(|block| {
                self.with_values(|values| {
                    values.current.clear();
                    values.current.extend_from_slice(block);
                    (values.rows, values.width) = (BLOCK, width);
                    values.through(together.iter().copied())?;
                    Ok(values.current.clone())
                })
            })
            .collect::<RawResult<_>>()?;
        let mut out = blocks.concat();
        out.truncate(out.len() / n.next_multiple_of(BLOCK) * n);
        Ok(out)
    }

    /// Works in buffers of an earlier pass, or new ones.
    fn with_values<R>(&self, work: impl FnOnce(&mut Values<T>) -> R) -> R {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut values = taken.unwrap_or_default();
        let result = work(&mut values);
        idle().push(values);
        result
    }
}
