//! Layers with their weights, applied to rows of channels on the calling thread.

use std::sync::{Mutex, PoisonError};

use faer::{Accum, MatMut, MatRef};

use crate::nn::{Real, block_product, gelu_sigmoid, lane_sum, vectorised};

/// What normalisations add to variances.
pub(super) const EPSILON: f64 = 1e-5;

/// A fully connected layer: weights (outputs, inputs), row after row, and a bias or none.
#[derive(Debug)]
pub(super) struct Dense<T> {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    weight: Vec<T>,
    bias: Vec<T>,
}

impl<T: Real> Dense<T> {
    pub(super) fn new(weight: Vec<T>, bias: Vec<T>, outputs: usize) -> Self {
        Self { inputs: weight.len() / outputs.max(1), outputs, weight, bias }
    }

    /// The products of rows that begin `stride` apart and may overlap, as new values or added to `out`; no bias.
    pub(super) fn multiply(&self, x: &[T], stride: usize, accum: Accum, out: &mut [T]) {
        let rows = out.len() / self.outputs;
        let x = MatRef::from_row_major_slice_with_stride(x, rows, self.inputs, stride);
        let weight = MatRef::from_row_major_slice(&self.weight, self.outputs, self.inputs);
        let out = MatMut::from_row_major_slice_mut(out, rows, self.outputs);
        block_product(x, weight.transpose(), accum, out);
    }

    /// The products with the bias.
    pub(super) fn apply(&self, x: &[T], accum: Accum, out: &mut [T]) {
        self.multiply(x, self.inputs, accum, out);
        self.add_bias(out);
    }

    pub(super) fn add_bias(&self, out: &mut [T]) {
        if self.bias.is_empty() {
            return;
        }
        vectorised(
            #[inline(always)]
            || {
                for row in out.chunks_exact_mut(self.bias.len()) {
                    for (x, bias) in row.iter_mut().zip(&self.bias) {
                        *x += *bias;
                    }
                }
            },
        );
    }

    pub(super) fn bias(&self) -> &[T] {
        &self.bias
    }

    /// The layer with some of its outputs, in the order given; all of them are below their number.
    pub(super) fn select(&self, outputs: &[u32]) -> Self {
        let row = |output: &u32| &self.weight[*output as usize * self.inputs..][..self.inputs];
        let bias = outputs.iter().filter_map(|output| self.bias.get(*output as usize).copied()).collect();
        Self::new(outputs.iter().flat_map(row).copied().collect(), bias, outputs.len())
    }
}

/// A batch normalisation by running statistics: `x · factor + constant`, channel by channel.
#[derive(Debug)]
pub(super) struct Scaling<T> {
    factor: Vec<T>,
    constant: Vec<T>,
}

impl<T: Real> Scaling<T> {
    pub(super) fn new([weight, bias, mean, variance]: [&[f32]; 4]) -> Self {
        let factors = weight
            .iter()
            .zip(variance)
            .map(|(weight, variance)| f64::from(*weight) / (f64::from(*variance) + EPSILON).sqrt());
        let factors: Vec<f64> = factors.collect();
        let constants = bias.iter().zip(mean).zip(&factors);
        let constants = constants.map(|((bias, mean), factor)| f64::from(*bias) - f64::from(*mean) * factor);
        Self {
            constant: constants.map(T::of).collect(),
            factor: factors.iter().map(|it| T::of(*it)).collect(),
        }
    }

    /// GELU of the scaled rows.
    pub(super) fn gelu(&self, x: &[T], out: &mut [T]) {
        vectorised(
            #[inline(always)]
            || {
                let width = self.factor.len();
                for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                    let scale = self.factor.iter().zip(&self.constant);
                    for ((x, out), (factor, constant)) in x.iter().zip(out).zip(scale) {
                        *out = gelu_sigmoid(*x * *factor + *constant);
                    }
                }
            },
        );
    }

    /// Adds a bias to the rows, and takes the GELU of what is scaled.
    pub(super) fn gelu_after(&self, bias: &[T], x: &mut [T], out: &mut [T]) {
        vectorised(
            #[inline(always)]
            || {
                let width = self.factor.len();
                for (x, out) in x.chunks_exact_mut(width).zip(out.chunks_exact_mut(width)) {
                    let scale = self.factor.iter().zip(&self.constant).zip(bias);
                    for ((x, out), ((factor, constant), bias)) in x.iter_mut().zip(out).zip(scale) {
                        *x += *bias;
                        *out = gelu_sigmoid(*x * *factor + *constant);
                    }
                }
            },
        );
    }
}

/// Normalisation of each row.
#[derive(Debug)]
pub(super) struct LayerNorm<T> {
    pub(super) weight: Vec<T>,
    pub(super) bias: Vec<T>,
}

impl<T: Real> LayerNorm<T> {
    pub(super) fn apply(&self, x: &[T], out: &mut [T]) {
        vectorised(
            #[inline(always)]
            || {
                let width = self.weight.len();
                let inverse_width = T::of(1.0 / width as f64);
                for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                    let mean = lane_sum(x, |x| x) * inverse_width;
                    let variance = lane_sum(x, |x| (x - mean) * (x - mean)) * inverse_width;
                    let inverse = T::of(1.0 / (variance.wide() + EPSILON).sqrt());
                    let scale = self.weight.iter().zip(&self.bias);
                    for ((x, out), (weight, bias)) in x.iter().zip(out).zip(scale) {
                        *out = (*x - mean) * inverse * *weight + *bias;
                    }
                }
            },
        );
    }
}

/// Buffers that threads take and give back, so that there are no more than threads.
#[derive(Debug, Default)]
pub(super) struct Shelf<B>(Mutex<Vec<B>>);

impl<B: Default> Shelf<B> {
    pub(super) fn lend<R>(&self, work: impl FnOnce(&mut B) -> R) -> R {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffers = taken.unwrap_or_default();
        let result = work(&mut buffers);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
        result
    }
}

/// Room for so many numbers, with any values in it.
pub(super) fn room<T: Real>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        buffer.resize(len, T::zero());
    }
    &mut buffer[..len]
}
